"""The port of the service: taken before the model is loaded, and refused with the name of who holds it."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import psutil

from pipeline.errors import CannotListen

_NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)  # no interface has the address, or the system has no IPv6
_OTHER_PORT = "name another with --port"
_OTHER_HOST = "name an address of this machine with --host"


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[list[socket.socket]]:
    """Sockets on this port, one at each address of `host` that this machine has; they are closed with the block.

    They listen already, since the system lets two processes bind a port and only one of them listen: who asks while the model
    is loaded waits. port 0: one that is free. Raises CannotListen.
    """
    with contextlib.ExitStack() as opened:
        sockets: list[socket.socket] = []
        missing: list[CannotListen] = []
        for family, (address, wanted, *scope) in _addresses(host, port):
            number = sockets[0].getsockname()[1] if sockets else wanted
            try:
                sockets.append(opened.enter_context(socket.create_server((address, number, *scope), family=family)))
            except OSError as error:
                refusal = _refusal(host, address, number, error)
                if error.errno not in _NOT_HERE:
                    raise refusal from None
                missing.append(refusal)
        if not sockets:
            raise missing[0]
        yield sockets


def _addresses(host: str, port: int) -> list[tuple[int, tuple[Any, ...]]]:
    """Family and socket address of each, as uvicorn takes them; an empty `host` is every address of this machine."""
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError):  # nobody has the name, or it cannot be one
        raise CannotListen(f"port {port}", where=host, why="it is no name of a machine", remedy=_OTHER_HOST) from None
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _refusal(host: str, address: str, port: int, error: OSError) -> CannotListen:
    if error.errno == errno.EADDRINUSE:
        holder = _holder(address, port)
        why = f"{holder or 'a process that cannot be seen from here'} holds it"
        remedy = f"stop it, or {_OTHER_PORT}" if holder else _OTHER_PORT
    elif error.errno in _NOT_HERE:
        why, remedy = "it is no address of this machine", _OTHER_HOST
    elif isinstance(error, PermissionError):
        why, remedy = "this user may not open it, as is usual below 1024", _OTHER_PORT
    else:
        why, remedy = os.strerror(error.errno or 0), f"{_OTHER_PORT}, or {_OTHER_HOST}"
    where = address if host in ("", address) else f"{host} ({address})"
    return CannotListen(f"port {port}", where=where, why=why, remedy=remedy)


def _holder(address: str, port: int) -> str | None:
    """`process PID (name)`; None for one that is another user's or in another container, or is gone by now."""
    ours = ip_address(address)
    with contextlib.suppress(psutil.Error, OSError):
        holding = [
            (one.status != psutil.CONN_LISTEN, _plain(one.laddr.ip) != ours, one.pid)
            for one in psutil.net_connections("tcp")
            if one.pid and one.laddr and one.laddr.port == port and _same(_plain(one.laddr.ip), ours)
        ]
        if holding:
            _, _, pid = min(holding)  # who listens comes first, then who does at this very address
            return f"process {pid} ({psutil.Process(pid).name()})"
    return None


def _same(one: IPv4Address | IPv6Address, other: IPv4Address | IPv6Address) -> bool:
    """Whether a port of the one is a port of the other: one of them may stand for all addresses."""
    return one == other or one.is_unspecified or other.is_unspecified


def _plain(address: str) -> IPv4Address | IPv6Address:
    """An IPv4 address that an IPv6 socket has taken, as IPv4."""
    found = ip_address(address)
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found
