"""One HTTP answer into one file: the rest of it where some is there already."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import requests
from tqdm import tqdm

_TIMEOUT_SECONDS = (10.0, 60.0)  # to connect; between two pieces
_PIECE_BYTES = 1 << 14  # what is lost at most when a connection breaks
_BUSY = (408, 425, 429, 500, 502, 503, 504)  # statuses worth another attempt (RFC 9110, RFC 6585)


class BrokenOffError(Exception):
    """What came so far is kept, and another attempt may bring the rest."""


class RefusedError(Exception):
    """Another attempt at this address would bring nothing else."""


def receive(url: str, part: Path, size: int) -> None:
    """Bring the file `part` to `size` bytes: append what is missing, or write it anew when the server sends it whole.

    Raises BrokenOffError or RefusedError with the reason in plain words. Whether the bytes are right, a digest has to tell: no
    validator (If-Range) is kept from run to run. Proxies and certificates are taken from the environment.
    """
    have = part.stat().st_size if part.exists() else 0
    have = have if have < size else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        response = requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT_SECONDS)
    except requests.RequestException as error:
        raise RefusedError(f"no connection: {_plainly(error)}") from None
    with response:
        start = _start(response, have)
        with part.open("ab" if start else "wb") as stream:
            for piece in _pieces(response, part.name, start, size):
                stream.write(piece)
    _check_length(part, size)


def _start(response: requests.Response, have: int) -> int:
    """How many bytes that are there the answer leaves out."""
    if response.status_code == HTTPStatus.OK:
        return 0
    if response.status_code == HTTPStatus.PARTIAL_CONTENT:
        if response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            return have
        raise RefusedError("it answered with another part than the one asked for")
    reason = f"HTTP {response.status_code} {response.reason}"
    raise BrokenOffError(reason) if response.status_code in _BUSY else RefusedError(reason)


def _pieces(response: requests.Response, name: str, start: int, size: int) -> Iterator[bytes]:
    """The body, shown on a terminal as it comes; never more than a piece above `size`."""
    bar = tqdm(total=size, initial=start, unit="B", unit_scale=True, desc=name, disable=None, file=sys.stderr)
    try:
        for piece in response.iter_content(_PIECE_BYTES):
            yield piece
            bar.update(len(piece))
            start += len(piece)
            if start > size:
                return
    except requests.RequestException as error:
        raise BrokenOffError(f"broken off after {start:,} of {size:,} bytes: {_plainly(error)}") from None
    finally:
        bar.close()


def _check_length(part: Path, size: int) -> None:
    found = part.stat().st_size
    if found < size:
        raise BrokenOffError(f"ended after {found:,} of {size:,} bytes")
    if found > size:
        part.unlink()
        raise RefusedError(f"it sends more than {size:,} bytes")


def _plainly(error: requests.RequestException) -> str:
    """What the system said, without the layers that passed it on."""
    said = re.findall(r"\[Errno -?\d+\] ([^()\"']+)", str(error))
    return str(said[-1]) if said else type(error).__name__
