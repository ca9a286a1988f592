"""Storage that is reached over the network, through fsspec: S3 and what speaks like it, and SSH."""

from __future__ import annotations

import errno
import random
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pipeline.cluster.storage import StorageLost
from pipeline.errors import WrongValue

Result = TypeVar("Result")
_ATTEMPTS = 6  # with pauses of 1, 2, 4, … seconds between them: half a minute, as long as a cable may be out
_EXTRA = {"s3": "s3", "ssh": "ssh", "sftp": "ssh"}


class Remote:
    """A folder there. What fails for want of an answer is tried again, over a new connection."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._files: Any = None
        self._folder = ""

    def read(self, name: str) -> bytes | None:
        """Its content; None when there is none."""

        def read() -> bytes | None:
            try:
                content: bytes = self._files.cat_file(self._at(name))
            except FileNotFoundError:
                return None
            return content

        return self._again_and_again(read)

    def write(self, name: str, content: bytes) -> None:
        """An object of S3 appears when it is whole; elsewhere a file of another name takes the place of the old one."""
        self._again_and_again(lambda: self._put(name, lambda at: self._files.pipe_file(at, content)))

    def fetch(self, name: str, file: Path) -> bool:
        """Write its content to a file, in pieces; False when there is none."""

        def fetch() -> bool:
            try:
                self._files.get_file(self._at(name), str(file))
            except FileNotFoundError:
                return False
            return True

        return self._again_and_again(fetch)

    def send(self, name: str, file: Path) -> None:
        """As write does it, in pieces."""
        self._again_and_again(lambda: self._put(name, lambda at: self._files.put_file(str(file), at)))

    def append(self, name: str, line: str) -> None:
        """By writing all of it again: these files are small."""
        self.write(name, (self.read(name) or b"") + f"{line}\n".encode())

    def names(self) -> list[str]:
        """Of all files."""

        def names() -> list[str]:
            try:
                found = self._files.find(self._folder, maxdepth=1)
            except FileNotFoundError:
                return []
            return sorted(str(path).rpartition("/")[2] for path in found)

        return self._again_and_again(names)

    def delete(self, name: str) -> None:
        """Nothing happens when there is none."""

        def delete() -> None:
            try:
                self._files.rm_file(self._at(name))
            except FileNotFoundError:
                return

        self._again_and_again(delete)

    def _at(self, name: str) -> str:
        return f"{self._folder}/{name}"

    def _put(self, name: str, put: Callable[[str], None]) -> None:
        if self._address.startswith("s3://"):
            put(self._at(name))
            return
        temporary = self._at(f".{name[:40]}.{uuid.uuid4().hex}")
        self._files.makedirs(self._folder, exist_ok=True)
        put(temporary)
        self._files.mv(temporary, self._at(name))

    def _connect(self) -> None:
        parts = urlsplit(self._address)
        try:
            self._files, self._folder = _s3(parts) if parts.scheme == "s3" else _ssh(parts)
        except ImportError as missing:
            why, extra = f"{missing.name} is not installed", _EXTRA[parts.scheme]
            remedy = f"pip install '.[{extra}]' of Convoy's repository, here and on all nodes"
            raise WrongValue("cluster.storage", where=self._address, why=why, remedy=remedy) from None

    def _again_and_again(self, act: Callable[[], Result]) -> Result:
        for attempt in range(_ATTEMPTS):
            try:
                if self._files is None:
                    self._connect()
                return act()
            except WrongValue:
                raise
            except Exception as error:  # each library has its own for a connection that is gone
                if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise  # of the disk here
                self._files, latest = None, error
                if attempt + 1 < _ATTEMPTS:
                    time.sleep(2**attempt * random.uniform(0.5, 1.0))  # noqa: S311 - so that not all come back at once
        raise StorageLost(f"{self._address}: {type(latest).__name__}: {latest}") from latest


def _s3(parts: Any) -> tuple[Any, str]:
    """Address of the server and credentials as all tools of AWS find them: AWS_ENDPOINT_URL, AWS_…, ~/.aws."""
    import s3fs

    files = s3fs.S3FileSystem(use_listings_cache=False, skip_instance_cache=True)
    return files, f"{parts.netloc}{parts.path}".rstrip("/")


def _ssh(parts: Any) -> tuple[Any, str]:
    """Keys and known hosts as ssh finds them, in ~/.ssh; a host that is not known there is not trusted."""
    import sshfs

    user, port = {"username": parts.username} if parts.username else {}, {"port": parts.port} if parts.port else {}
    known: tuple[()] = ()  # the user's file; None, the default of sshfs, would trust anybody
    files = sshfs.SSHFileSystem(parts.hostname, known_hosts=known, skip_instance_cache=True, timeout=10, **user, **port)
    return files, parts.path.rstrip("/")
