"""Images that lie in a storage, on the disk of a node: each file is fetched once, by whichever of its workers asks first.

`~/.cache/convoy` of the node, or what CONVOY_CACHE says there, has one folder for the images of a search:

    images/1f0c…/lock             held, shared, by every process that reads them; its time is that of the last use
    images/1f0c…/<sha256>.npy     a file that was fetched and verified
    images/1f0c…/.<sha256>.lock   held by who fetches it
    images/1f0c…/fetched.jsonl    a line for each, with the search that it was fetched for
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline import artifacts
from pipeline.cluster.files import Files
from pipeline.cluster.place import within
from pipeline.cluster.storage import StorageLost
from pipeline.data.preparation.shards import Shard
from pipeline.errors import ConvoyError, DigestMismatch, DiskFull, MissingFile, NotShared
from pipeline.mounts import disk

CACHE = "CONVOY_CACHE"  # of those who started the node
LEDGER = "fetched.jsonl"
UNUSED_SECONDS = 7 * 24 * 3600.0  # after which images go when others come
_KEPT_FREE = 0.05  # of a disk: on one that is fuller Ray no longer spills
_held: dict[Path, int] = {}  # folders that this process reads from, until it ends
_starting = threading.Lock()


def root() -> Path:
    """Where this machine keeps what it can fetch again."""
    named = os.environ.get(CACHE)
    return Path(named) if named else Path.home() / ".cache/convoy"


@dataclass(frozen=True)
class NodeCache:
    """The images of one search: sha256 → bytes of each file. Pickled, it is the cache of the node that it comes to."""

    storage: str
    search: str  # by which what was fetched for it is told from what was there
    sizes: tuple[tuple[str, int], ...]

    @property
    def name(self) -> str:
        """Of these images, whoever searches on them."""
        return artifacts.sha256(repr(sorted(self.sizes)).encode())[:16]

    @property
    def folder(self) -> Path:
        """On this node; that of all searches on these images."""
        return root() / "images" / self.name

    def file(self, digest: str) -> Path:
        """That of this sha256, which is fetched if nobody has yet; the others are, meanwhile and from then on.

        Raises NotShared when the storage has it not or holds something else, DiskFull, or StorageLost.
        """
        self._begin()
        file = self.folder / f"{digest}.npy"
        if not file.exists():
            with _locked(self._lock(digest)):
                self._fetch(digest)
        return file

    def room(self) -> tuple[int, int]:
        """Bytes that are still to be fetched here; bytes there is room for."""
        wanted = sum(size for digest, size in self.sizes if not (self.folder / f"{digest}.npy").exists())
        unused = sum(_size(folder) for folder in self._others() if _unused(folder))
        return wanted, _free(self.folder) + unused

    def fetched(self) -> int:
        """Bytes that this node received for this search."""
        ledger = self.folder / LEDGER
        lines = ledger.read_text().splitlines() if ledger.exists() else []
        return sum(entry["bytes"] for entry in map(json.loads, lines) if entry["search"] == self.search)

    def _begin(self) -> None:
        """Say that the images are in use, and let a thread fetch them in the order of their files; once a process."""
        with _starting:
            if self.folder in _held:
                return
            _held[self.folder] = _hold(self.folder)
        for folder in self._others():
            if time.time() - _last_use(folder) > UNUSED_SECONDS:
                _remove_unused(folder)
        threading.Thread(target=self._fetch_all, name="images", daemon=True).start()

    def _fetch_all(self) -> None:
        """Of several workers each begins elsewhere, so that they fetch side by side."""
        first = os.getpid() % len(self.sizes)
        for digest, _ in (*self.sizes[first:], *self.sizes[:first]):
            try:
                with contextlib.suppress(BlockingIOError), _locked(self._lock(digest), fcntl.LOCK_NB):
                    self._fetch(digest)
            except (ConvoyError, StorageLost):
                return  # the training that needs the file will hear of it, and say it

    def _lock(self, digest: str) -> Path:
        return self.folder / f".{digest}.lock"

    def _fetch(self, digest: str) -> None:
        """Unless it is there; whoever calls holds the lock of this file."""
        file = self.folder / f"{digest}.npy"
        if file.exists():
            return
        for left in self.folder.glob(f".{file.name[:40]}.*"):  # by who was killed
            if left != self._lock(digest):
                left.unlink()
        self._make_room(dict(self.sizes)[digest])
        begun = time.monotonic()
        try:
            with artifacts.replacing(file) as temporary:
                moved = Files(self.storage).fill(temporary, digest, "the images")
                entry = {"search": self.search, "sha256": digest, "bytes": moved, "seconds": round(time.monotonic() - begun, 3)}
                artifacts.append_line(self.folder / LEDGER, json.dumps(entry))  # before it is there, lest a killed worker forget
        except (MissingFile, DigestMismatch) as problem:
            where = within(self.storage, problem.where)
            raise NotShared(problem.what, where=where, why=problem.why, remedy=problem.remedy) from problem
        except DiskFull as full:  # others were faster
            raise no_room(str(self.folder), *self.room()) from full

    def _make_room(self, size: int) -> None:
        """Let the images go that nobody reads, the longest unused first; raises DiskFull when that is not enough."""
        with _locked(self.folder.parent / ".room"):  # one that is being removed is room soon
            for folder in sorted(self._others(), key=_last_use):
                if _free(self.folder) >= size:
                    break
                _remove_unused(folder)
        if _free(self.folder) < size:
            raise no_room(str(self.folder), *self.room())

    def _others(self) -> list[Path]:
        """Folders of other images."""
        place = self.folder.parent
        return [folder for folder in place.iterdir() if folder.is_dir() and folder != self.folder] if place.is_dir() else []


@dataclass(frozen=True)
class StoredShard(Shard):
    """A shard as any node finds it: at its path, where that is the very file, else through the cache of the node."""

    cache: NodeCache | None = None
    stamp: tuple[int, int] = (0, 0)

    @property
    def seen(self) -> bool:
        """Whether this machine sees the very file at its path."""
        return stamp(self.path) == self.stamp

    def local(self) -> Path:
        """The file on this machine."""
        return self.path if self.cache is None or self.seen else self.cache.file(self.sha256)


def stored(shards: Sequence[Shard], storage: str | None) -> dict[Path, StoredShard]:
    """The shards of a search on a cluster by their paths; without a storage every node has to see them there."""
    stamps = {shard.path: stamp(shard.path) or (0, 0) for shard in shards}
    sizes = {shard.sha256: stamps[shard.path][0] for shard in shards}
    cache = NodeCache(storage, secrets.token_hex(8), tuple(sizes.items())) if storage and shards else None
    return {shard.path: StoredShard(shard.path, shard.shape, shard.sha256, cache, stamps[shard.path]) for shard in shards}


def stamp(file: Path) -> tuple[int, int] | None:
    """Size and time of a file, by which two nodes know that they see one; None when there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_size, int(found.st_mtime)  # some file systems know seconds only


def no_room(where: str, wanted: int, room: int) -> DiskFull:
    """The images do not fit."""
    why = f"{wanted / 1e9:.1f} GB of images are to be kept there, and there is room for {max(0, room) / 1e9:.1f} GB"
    return DiskFull("the images", where=where, why=why, remedy=f"free space, or start the node with {CACHE} on a larger disk")


@contextlib.contextmanager
def _locked(file: Path, how: int = 0) -> Iterator[None]:
    """Hold a lock that the kernel drops with its holder; raises BlockingIOError with LOCK_NB when another has it."""
    handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | how)
        yield
    finally:
        os.close(handle)


def _hold(folder: Path) -> int:
    """An open file, as long as which nobody removes the folder."""
    lock = folder / "lock"
    while True:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # whoever made room was faster
            handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
            fcntl.flock(handle, fcntl.LOCK_SH)
            if lock.exists() and os.fstat(handle).st_ino == lock.stat().st_ino:
                os.utime(lock)
                return handle
            os.close(handle)


def _unused(folder: Path) -> bool:
    """Whether nobody reads from it."""
    with contextlib.suppress(BlockingIOError, FileNotFoundError), _locked(folder / "lock", fcntl.LOCK_NB):
        return True
    return False


def _remove_unused(folder: Path) -> None:
    with contextlib.suppress(BlockingIOError, FileNotFoundError), _locked(folder / "lock", fcntl.LOCK_NB):
        shutil.rmtree(folder)


def _last_use(folder: Path) -> float:
    with contextlib.suppress(FileNotFoundError):
        return (folder / "lock").stat().st_mtime
    return 0.0


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def _free(folder: Path) -> int:
    """Bytes of the disk that a folder lies on, or will, beside what is kept free."""
    free, total = disk(folder)
    return free - int(_KEPT_FREE * total)
