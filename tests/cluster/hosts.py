"""Hosts that are namespaces of this machine: each has a network address, processes, shared memory and a /tmp of its own.

They hang on one bridge, which lies in a namespace too, so nothing listens on the network of this machine. As root:

    with network() as hosts:
        head, worker = hosts.add(), hosts.add()
        start_ray(head, cpus=0)                    # the head of a cluster with a token; then its other nodes
        start_ray(worker, head=head, cpus=1)
        driver = head.popen("python", "-m", "pipeline", "search", cwd="/tmp/project")
        head.path("/tmp/project/state")            # what lies there, as this process sees it
        worker.unplug(); worker.plug(); worker.kill()

A host sees the file system of this machine but for /tmp, /dev/shm and $HOME, which are empty at first; of these, folders named in
`seen` (the repository, Python's environment) are there nevertheless, and folders named in `hidden` are empty.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil
import pytest

from tests.repository import REPOSITORY

HOME = "/tmp/home"
PORT = 6379  # of a cluster's head
TOKEN = f"{HOME}/.ray/auth_token"
_SEEN = (REPOSITORY, Path(sys.prefix), Path(sys.base_prefix))
_PRIVATE = ("/tmp", "/dev/shm")
_numbers = itertools.count()


def why_not() -> str:
    """Why there can be no hosts here; empty when there can."""
    if os.geteuid() != 0:
        return "hosts are network namespaces, which only root makes"
    if missing := [program for program in ("ip", "unshare", "nsenter", "mount") if shutil.which(program) is None]:
        return f"hosts are network namespaces, for which {' and '.join(missing)} is missing"
    done = subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "ip", "link"], capture_output=True, text=True)
    return f"hosts are network namespaces, which cannot be had here: {done.stderr.strip()}" if done.returncode else ""


needs_hosts = pytest.mark.skipif(bool(why_not()), reason=why_not() or "there are hosts")


@dataclass
class Host:
    """A machine that runs until it is killed; `pid` is its first process, as this machine counts."""

    name: str
    address: str
    pid: int
    network: Network = field(repr=False)

    def path(self, inside: str | Path) -> Path:
        """A file of this host, as other processes of this machine (of root) find it."""
        return Path(f"/proc/{self.pid}/root") / Path(inside).relative_to("/")

    def popen(
        self, *command: str, cwd: str = "/tmp", output: IO[str] | int | None = None, **environment: str
    ) -> subprocess.Popen[str]:
        """Start a command on this host; what it starts dies with the host, and `program(popen)` is the command itself."""
        enter = self.command(*command, cwd=cwd)
        return subprocess.Popen(enter, env=self._environment(environment), stdout=output, stderr=output, text=True)

    def command(self, *command: str, cwd: str = "/tmp") -> list[str]:
        """What starts a command on this host."""
        return ["nsenter", "-t", str(self.pid), "-m", "-u", "-i", "-n", "-p", "--", "env", "-C", cwd, *command]

    @contextlib.contextmanager
    def network_of(self) -> Iterator[None]:
        """While the block runs this thread, and no other, stands in the network of the host."""
        with Path("/proc/thread-self/ns/net").open() as before, Path(f"/proc/{self.pid}/ns/net").open() as there:
            _enter(there)
            try:
                yield
            finally:
                _enter(before)

    def run(self, *command: str, cwd: str = "/tmp", timeout: float = 120, **environment: str) -> str:
        """What a command prints on this host; the test fails with it when the command does."""
        with self.popen(*command, cwd=cwd, output=subprocess.PIPE, **environment) as process:
            try:
                output, errors = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                output, errors = process.communicate()
        assert process.returncode == 0, f"{self.name}: {shlex.join(command)} → {process.returncode}\n{output}\n{errors}"
        return output

    def write(self, inside: str | Path, text: str, mode: int = 0o600) -> None:
        """A file of this host, in a folder that others cannot enter."""
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(text)
        path.chmod(mode)

    def processes(self) -> list[psutil.Process]:
        """All that run on this host but its first."""
        return [process for process in psutil.process_iter() if process.pid != self.pid and self._is_here(process.pid)]

    def commands(self) -> dict[int, list[str]]:
        """Pid → command line, of the same; many live for a moment only."""
        found = {}
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                found[process.pid] = process.cmdline()
        return found

    def kill(self) -> None:
        """The power fails: every process is gone at once, and so are its files."""
        os.kill(self.pid, signal.SIGKILL)
        self.network.forget(self)

    def unplug(self) -> None:
        """Pull the network cable."""
        self.network.link(self, "down")

    def plug(self) -> None:
        """Put it in again."""
        self.network.link(self, "up")

    def _is_here(self, pid: int) -> bool:
        with contextlib.suppress(OSError):
            return Path(f"/proc/{pid}/ns/pid").readlink() == Path(f"/proc/{self.pid}/ns/pid").readlink()
        return False

    @staticmethod
    def _environment(own: dict[str, str]) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("LANG", "LC_ALL") if name in os.environ}
        path = f"{Path(sys.executable).parent}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        quiet = {"RAY_USAGE_STATS_ENABLED": "0", "MLFLOW_DISABLE_TELEMETRY": "true", "GIT_PYTHON_REFRESH": "quiet"}
        return {**kept, **quiet, "PATH": path, "HOME": HOME, "PYTHONDONTWRITEBYTECODE": "1", **own}


class Network:
    """A bridge and the hosts on it; see `network`."""

    def __init__(self) -> None:
        self._name = f"cv{os.getpid()}x{next(_numbers)}"
        self._addresses = itertools.count(1)
        self._links: dict[str, str] = {}
        self._closed = False
        self._inits: dict[str, subprocess.Popen[bytes]] = {}
        _sh(f"ip netns add {self._name}")
        _sh(f"ip netns exec {self._name} ip link add bridge type bridge")
        _sh(f"ip netns exec {self._name} ip link set bridge up")

    def add(self, hidden: Sequence[Path] = (), seen: Sequence[Path] = ()) -> Host:
        """A new host, with an empty home folder; `hidden` folders are empty there, `seen` ones are those of this machine."""
        number = next(self._addresses)
        name, address = f"{self._name}-{number}", f"10.77.0.{number}"
        apart = ["--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc"]
        script = _furnish(f"host{number}", hidden, (*_SEEN, *seen))
        init = subprocess.Popen(["unshare", *apart, "sh", "-c", script], stdout=subprocess.PIPE)
        assert init.stdout is not None and init.stdout.readline() == b"ready\n", f"{name} does not start"
        (child,) = psutil.Process(init.pid).children()
        self._inits[name] = init
        self._links[name] = f"h{number}"
        inside = f"nsenter -t {child.pid} -n"
        _sh(f"ip netns exec {self._name} ip link add h{number} type veth peer name eth0 netns {child.pid}")
        _sh(f"ip netns exec {self._name} ip link set h{number} master bridge up")
        for command in ("link set lo up", f"addr add {address}/24 dev eth0", "link set eth0 up"):
            _sh(f"{inside} ip {command}")
        return Host(name, address, child.pid, self)

    def link(self, host: Host, state: str) -> None:
        """Bring the cable of a host up or down."""
        _sh(f"ip netns exec {self._name} ip link set {self._links[host.name]} {state}")

    def forget(self, host: Host) -> None:
        """A host is gone."""
        if (init := self._inits.pop(host.name, None)) is not None:
            _end(init)

    def close(self) -> None:
        """Remove it all; the processes of a host die with its first."""
        for init in self._inits.values():
            _end(init)
        if not self._closed:
            _sh(f"ip netns del {self._name}")
        self._inits, self._closed = {}, True


@contextlib.contextmanager
def network() -> Iterator[Network]:
    """A network without hosts, which is removed with all its hosts when the block is left."""
    made = Network()
    try:
        yield made
    finally:
        made.close()


def program(process: subprocess.Popen[str]) -> psutil.Process:
    """The command that a host was told to start: signals are for it, since what enters the host passes none on."""
    (child,) = psutil.Process(process.pid).children()
    return child


def start_ray(
    host: Host, *options: str, head: Host | None = None, cpus: float = 1, token: str | None = None, **environment: str
) -> str:
    """Make it a node of the cluster of `head`, or the head of a new one; the token of the cluster, which is empty without one.

    token: None for one of its own, or the head's; empty for an open cluster.
    """
    if token is None:
        kept = head and head.path(TOKEN)
        token = secrets.token_hex(32) if kept is None else kept.read_text() if kept.exists() else ""
    if token:
        host.write(TOKEN, token)
    where = ["--head", f"--port={PORT}", "--include-dashboard=false"] if head is None else [f"--address={head.address}:{PORT}"]
    mode = {"RAY_AUTH_MODE": "token" if token else "disabled"}
    arguments = [*where, f"--node-ip-address={host.address}", f"--num-cpus={cpus}", "--disable-usage-stats", *options]
    host.run("ray", "start", *arguments, **mode, **environment)
    return token


def until(holds: Callable[[], object], seconds: float, what: str, every: float = 0.2) -> None:
    """Wait for it; the test fails when it takes longer."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"after {seconds:g} s not yet: {what}"
        time.sleep(every)


def _furnish(hostname: str, hidden: Sequence[Path], seen: Sequence[Path]) -> str:
    """What the first process of a host does: its own file systems, its name, a word that it is ready; then it buries the dead."""
    covered = [path for path in dict.fromkeys(seen) if any(path.is_relative_to(place) for place in _PRIVATE)]
    lines = ["set -e", "mount -t tmpfs tmpfs /mnt"]
    lines += [f"mkdir /mnt/{number}; mount --bind {path} /mnt/{number}" for number, path in enumerate(covered)]
    lines += [f"mount -t tmpfs -o mode=1777 tmpfs {place}" for place in _PRIVATE]
    lines += [f"mkdir -p {path}; mount --move /mnt/{number} {path}" for number, path in enumerate(covered)]
    lines += [f"mount -t tmpfs tmpfs {path}" for path in hidden]
    lines += [
        f"umask 077; mkdir -p {HOME}",
        f"hostname {hostname}",
        "echo ready",
        "exec >/dev/null",
        "while sleep 0.5; do :; done",
    ]
    return "\n".join(lines)


def _enter(namespace: IO[str]) -> None:
    if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _end(init: subprocess.Popen[bytes]) -> None:
    with init:  # closes its pipe
        init.kill()


def _sh(command: str) -> None:
    done = subprocess.run(command.split(), capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stderr}"
