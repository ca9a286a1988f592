"""Reading a file below a root without ever leaving it: links are not followed, pipes and devices not waited for."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from pipeline.data.images.decoding import Decoding
from pipeline.data.images.refusal import refused
from pipeline.data.sources.reading.names import stored
from pipeline.errors import ImageRefused

_BYTES_A_PIXEL = 16  # more than any stored pixel takes
_HEADER_BYTES = 1 << 20


def largest(decoding: Decoding) -> int:
    """Bytes above which a file cannot be an image of `pixel_limit` pixels, so that it need not be read."""
    return decoding.pixel_limit * _BYTES_A_PIXEL + _HEADER_BYTES


def read_inside(root: Path, path: str, decoding: Decoding) -> bytes:
    """The bytes of the file `path` below `root`, which is resolved.

    Raises ImageRefused: link, link-outside, not-a-file, unreadable, too-large.
    """
    file = root / path
    try:
        if linked := _linked_folder(root, path):
            raise _link(root, linked)
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: a loop of links; ValueError: a NUL in the name
        raise _unopened(root, file, error) from None
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise refused("not-a-file", "a folder, pipe, socket or device", "remove it")
        check_size(found.st_size, decoding)
        with os.fdopen(handle, "rb", closefd=False) as stream:
            return stream.read()
    except OSError as error:
        raise refused("unreadable", str(error.strerror), "check the disk") from None
    finally:
        os.close(handle)


def check_size(size: int, decoding: Decoding) -> None:
    """Raise ImageRefused `too-large` for more bytes than an image can have."""
    if size > largest(decoding):
        raise refused("too-large", f"{size:,} bytes are more than {decoding.pixel_limit:,} pixels can have")


def file_stamp(root: Path, path: str) -> str | None:
    """Size, inode and times of the file shown as `path` below `root`; None when it cannot be asked for them."""
    try:
        return _stamp((root / stored(path)).lstat())
    except (OSError, ValueError, ImageRefused):
        return None


def own_stamp(file: Path) -> str | None:
    """The same for a file that was named by hand, which may be a link: of what it leads to."""
    try:
        return _stamp(file.stat())
    except OSError:
        return None


def _stamp(found: os.stat_result) -> str:
    return f"{found.st_size}-{found.st_ino}-{found.st_mtime_ns}-{found.st_ctime_ns}"


def _linked_folder(root: Path, path: str) -> Path | None:
    """The first folder on the way that is a link or leads up; one may have become so after listing."""
    folder = root
    for part in path.split("/")[:-1]:
        folder = folder / part
        if part == ".." or folder.is_symlink():
            return folder
    return None


def _unopened(root: Path, file: Path, error: Exception) -> ImageRefused:
    if isinstance(error, ValueError):
        return refused("unreadable", str(error), "check the name")
    number = error.errno if isinstance(error, OSError) else errno.ELOOP
    if number == errno.ELOOP or file.is_symlink():
        return _link(root, file)
    if number in (errno.ENXIO, errno.ENODEV):  # a socket, or a device without a driver
        return refused("not-a-file", "a folder, pipe, socket or device", "remove it")
    return refused("unreadable", os.strerror(number or errno.EIO), "check name and rights")


def _link(root: Path, file: Path) -> ImageRefused:
    try:
        outside = not file.resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # a loop
        outside = False
    if outside:
        return refused("link-outside", "a link that leaves the folder; links are not followed", "put the file itself there")
    return refused("link", "links are not followed", "put the file itself there")
