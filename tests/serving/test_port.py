"""The port of the service is taken before the model is loaded, and a refusal names who holds it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pipeline.__main__ import main
from pipeline.errors import CannotListen
from pipeline.serving.port import listening
from tests import searches


def _has(address: str) -> bool:
    try:
        with listening(address, 0):
            return True
    except CannotListen:
        return False


_IPV6 = pytest.mark.skipif(not _has("::1"), reason="this machine has no IPv6")
_FIRST_UNPRIVILEGED = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
_OURS = f"process {os.getpid()} ({psutil.Process().name()}) holds it — stop it, or name another with --port"


@pytest.mark.parametrize(
    ("host", "holder"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "0.0.0.0"),
        ("0.0.0.0", "127.0.0.1"),
        pytest.param("::1", "::1", marks=_IPV6),
        pytest.param("::1", "::", marks=_IPV6),
    ],
)
def test_a_port_in_use_is_refused_with_the_process_that_holds_it(host: str, holder: str) -> None:
    with listening(holder, 0) as (held,):
        number = port(held)
        with pytest.raises(CannotListen) as refusal, listening(host, number):
            pass
    assert str(refusal.value) == f"E006 port {number} at {host} — {_OURS}"
    assert refusal.value.exit_code == 10


@_IPV6
def test_an_ipv6_socket_that_takes_ipv4_as_well_is_found_under_the_ipv4_address() -> None:
    mapped = socket.create_server(("::ffff:127.0.0.1", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    with mapped, pytest.raises(CannotListen, match=re.escape(_OURS)), listening("127.0.0.1", port(mapped)):
        pass


def test_the_holder_is_who_has_the_port_at_that_address() -> None:
    code = "import socket; held = socket.create_server(('127.0.0.2', 0)); print(held.getsockname()[1], flush=True); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([psutil.Process().exe(), "-c", code], text=True, **pipes) as other:
        assert other.stdout is not None
        number = int(other.stdout.readline())
        with listening("127.0.0.1", number):
            for host, holder in {"127.0.0.1": os.getpid(), "127.0.0.2": other.pid}.items():
                with pytest.raises(CannotListen, match=rf"process {holder} \("), listening(host, number):
                    pass
        other.communicate("")


def test_a_holder_that_cannot_be_seen_is_told_in_other_words() -> None:
    with socket.socket() as held:  # bound alone, and so in none of the system's tables
        held.bind(("127.0.0.1", 0))
        with pytest.raises(CannotListen) as refusal, listening("127.0.0.1", port(held)):
            pass
    assert str(refusal.value).endswith(" — a process that cannot be seen from here holds it — name another with --port")


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("192.0.2.1", "it is no address of this machine"),
        ("2001:db8::1", "it is no address of this machine"),
        ("no..name", "it is no name of a machine"),
        ("name.invalid", "it is no name of a machine"),
    ],
)
def test_an_address_of_another_machine_is_refused(host: str, why: str) -> None:
    with pytest.raises(CannotListen) as refusal, listening(host, 8000):
        pass
    assert str(refusal.value) == f"E006 port 8000 at {host} — {why} — name an address of this machine with --host"


@pytest.mark.skipif(int(_FIRST_UNPRIVILEGED.read_text()) < 2, reason="every user may open every port here")
def test_a_port_of_the_administrator_is_refused() -> None:
    with unprivileged(), pytest.raises(CannotListen) as refusal, listening("127.0.0.1", 1):
        pass
    why = "this user may not open it, as is usual below 1024"
    assert str(refusal.value) == f"E006 port 1 at 127.0.0.1 — {why} — name another with --port"


@_IPV6
def test_every_address_of_a_name_gets_the_same_port_but_those_that_are_not_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolved(name: str, port: int, **how: int) -> list[object]:
        return [*real("192.0.2.1", port, **how), *real("127.0.0.1", port, **how), *real("::1", port, **how)]

    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    with listening("a-name", 0) as sockets:
        assert [one.getsockname()[0] for one in sockets] == ["127.0.0.1", "::1"]
        assert len({port(one) for one in sockets}) == 1
        with pytest.raises(CannotListen, match=r"at a-name \(127.0.0.1\) — process"), listening("a-name", port(sockets[0])):
            pass


def test_the_port_is_free_again_at_the_end_whoever_was_connected() -> None:
    with listening("127.0.0.1", 0) as (held,), socket.create_connection(held.getsockname()) as client:
        number = port(held)
        connection, _ = held.accept()
        connection.close()
        client.recv(1)
    with listening("127.0.0.1", number) as sockets:
        assert len(sockets) == 1


def test_a_port_in_use_is_refused_before_anything_is_read_of_the_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with listening("127.0.0.1", 0) as (held,):
        number = port(held)
        assert main(["serve", str(tmp_path / "nowhere"), "--port", str(number)]) == 10
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err == f"E006 port {number} at 127.0.0.1 — {_OURS}\n"


@pytest.mark.parametrize("number", ["-1", "65536", "http"])
@pytest.mark.parametrize("command", ["serve champion", "ui"])
def test_what_is_no_port_is_refused_by_the_command_line(command: str, number: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([*command.split(), "--port", number])
    assert "--port: " in capsys.readouterr().err


@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param("::1", marks=_IPV6)])
def test_a_second_service_on_the_port_names_the_first_which_goes_on_until_ctrl_c(
    finished_project: Path, tmp_path: Path, host: str
) -> None:
    options = ("serve", str(finished_project / "model"), "--engine", "onnx", "--host", host)
    with started(tmp_path / "first", *options, "--port", "0") as first:
        address = await_address(tmp_path / "first/output.txt", first)
        number = address.rpartition(":")[2]
        with started(tmp_path / "second", *options, "--port", number) as second:
            assert second.wait(60) == 10
        name = psutil.Process(first.pid).name()
        said = f"E006 port {number} at {host} — process {first.pid} ({name}) holds it — stop it, or name another with --port\n"
        assert (tmp_path / "second/output.txt").read_text() == said
        with urllib.request.urlopen(f"{address}/health", timeout=30) as answer:
            assert answer.status == 200
        first.send_signal(signal.SIGINT)
        assert first.wait(30) == 0
    assert "Error" not in (tmp_path / "first/output.txt").read_text()


def port(held: socket.socket) -> int:
    return int(held.getsockname()[1])


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """As a user who is not root."""
    before = os.geteuid()
    os.seteuid(before or 65534)
    try:
        yield
    finally:
        os.seteuid(before)


@contextlib.contextmanager
def started(folder: Path, *command: str) -> Iterator[subprocess.Popen[str]]:
    """The command in a new folder; it does not outlive the block."""
    folder.mkdir()
    with searches.start(folder, *command) as process:
        try:
            yield process
        finally:
            process.kill()


def await_address(output: Path, process: subprocess.Popen[str]) -> str:
    """That which the service prints once its model is loaded."""
    deadline = time.monotonic() + 120
    while not (found := re.search(r"(http://\S+)\ntry", output.read_text())):
        assert process.poll() is None and time.monotonic() < deadline, output.read_text()
        time.sleep(0.1)
    return found[1]
