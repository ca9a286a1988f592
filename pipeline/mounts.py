"""The file system that a path lies on: its room, and its kind, since SQLite's locks hold on this machine alone."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from pipeline.errors import NetworkFile

_MOUNTS = Path("/proc/self/mounts")  # Linux; nothing is known elsewhere
_NETWORK = re.compile(
    r"nfs[34]?|cifs|smb[23]?|smbfs|ncpfs|afs|auristorfs|9p|ceph|lustre|gfs2|ocfs2|beegfs|gpfs|glusterfs|pvfs2|orangefs|wekafs|davfs"
    r"|fuse\.(sshfs|s3fs|goofys|mount-s3|gcsfuse|blobfuse2?|rclone|davfs2?|glusterfs|ceph(-fuse)?|juicefs|seaweedfs|lizardfs|moosefs)"
)
_OCTAL = re.compile(r"\\([0-7]{3})")  # how spaces and the like stand in the list


def disk(path: Path) -> tuple[int, int]:
    """Bytes that are free, and bytes in all, of the disk that a path lies on, or will once it exists."""
    usage = shutil.disk_usage(next(place for place in (path, *path.absolute().parents) if place.exists()))
    return usage.free, usage.total


def file_system(path: Path, mounts: str) -> tuple[str, str]:
    """Type and mount point of the file system that an absolute path lies on, by the text of /proc/self/mounts.

    The longest mount point that holds it; of several at one place the last, which hides the others.
    """
    best = ("", "")
    for line in mounts.splitlines():
        _, place, kind, *_ = line.split(" ")
        place = _OCTAL.sub(lambda octal: chr(int(octal.group(1), 8)), place)
        if path.is_relative_to(place) and len(place) >= len(best[1]):
            best = (kind, place)
    return best


def refuse_network(file: Path, what: str, mounts: Path = _MOUNTS) -> None:
    """Raises NetworkFile when a database in this file would lie on a network file system."""
    if not mounts.exists():
        return
    kind, place = file_system(file.resolve(), mounts.read_text(encoding="utf-8", errors="surrogateescape"))
    if _NETWORK.fullmatch(kind):
        why = f"{place} is a network file system ({kind}), on which SQLite loses data"
        raise NetworkFile(what, where=str(file), why=why, remedy="use PostgreSQL, or a folder of this machine")
