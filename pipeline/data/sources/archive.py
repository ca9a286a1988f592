"""A zip or tar archive (also .tar.gz, .tar.bz2, .tar.xz) of class folders, read without unpacking its members."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from pipeline.data.images.decode import DecodedImage, decode
from pipeline.data.images.decoding import Decoding
from pipeline.data.images.refusal import refused
from pipeline.data.junk import junk
from pipeline.data.sources.downloads import Downloads
from pipeline.data.sources.reading.class_folders import Arranged, Tree, arrange, tree
from pipeline.data.sources.reading.files import check_size, own_stamp
from pipeline.data.sources.reading.names import set_name, stored
from pipeline.data.sources.reading.tar_members import TarMembers, unpacked
from pipeline.data.sources.reading.zip_members import ZipMembers, is_zip
from pipeline.data.sources.source import Kind, Sample
from pipeline.errors import SourceMissing

ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


class Archive:
    """The rules of the source `folder` on the members; a folder around all of them is left out of the paths."""

    kind: Kind = "unknown"

    def __init__(self, path: Path, decoding: Decoding, downloads: Downloads) -> None:
        """Raises SourceMissing without an archive; a zip is looked through at once, a tar when it is first asked."""
        self._path, self._decoding, self._downloads = _found(path), decoding, downloads
        if is_zip(self._path):
            _ = self._members

    @property
    def name(self) -> str:
        """The name of the file."""
        return set_name(self._path)

    def classes(self) -> list[str]:
        """The names of the class folders."""
        return list(self._arranged.classes)

    def samples(self) -> list[Sample]:
        """Every file of every class folder."""
        return list(self._arranged.samples)

    def read(self, path: str) -> DecodedImage:
        """Decode one member; beside the decoder's reasons: broken, truncated, too-large, unreadable, name-not-utf8."""
        name = f"{self._around}{stored(path)}"
        check_size(self._members.size(name), self._decoding)
        try:
            content = self._members.read(name)
        except OSError as error:
            raise refused("unreadable", f"in the archive: {error.strerror}", "check the disk") from None
        return decode(content, self._decoding)

    def stamp(self, _path: str) -> str | None:
        """Size, inode and times of the archive; None when it cannot be asked for them."""
        return own_stamp(self._path)

    def ignored(self) -> dict[str, int]:
        """`hidden`, `system-file`, `beside-the-classes` → number of members."""
        return dict(self._arranged.ignored)

    @cached_property
    def _members(self) -> ZipMembers | TarMembers:
        """Raises SetBroken, SecurityRefusal, and DiskFull when a compressed tar finds no room."""
        if is_zip(self._path):
            return ZipMembers(self._path)
        return TarMembers(unpacked(self._path, self._downloads))

    @cached_property
    def _clean(self) -> tuple[Tree, dict[str, int]]:
        return tree(self._members.files, self._members.folders).without_junk()

    @cached_property
    def _around(self) -> str:
        """The folders around all members, ending with /."""
        clean, prefix = self._clean[0], ""
        while folder := clean.below(prefix).common_folder():
            prefix += folder
        return prefix

    @cached_property
    def _arranged(self) -> Arranged:
        clean, ignored = self._clean
        arranged = arrange(clean.below(self._around), f"the archive {self._path}")
        return Arranged(arranged.classes, arranged.samples, ignored | arranged.ignored)


def open_source(path: Path, decoding: Decoding, downloads: Downloads) -> Archive:
    """The archive `path`, or the only one in the folder `path`."""
    return Archive(path, decoding, downloads)


def _found(path: Path) -> Path:
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.name.lower().endswith(ENDINGS) and not junk(file.name))
    if len(files) == 1 and files[0].is_file():
        return files[0]
    why = f"{len(files)} archives in {path}" if path.is_dir() else f"there is no file {path}"
    raise SourceMissing("the archive", where="ingest.path", why=why, remedy=f"name one {', '.join(ENDINGS)}")
