"""Archives of class folders are read in place, and hostile ones refused with exit code 9 and every reason."""

from __future__ import annotations

import stat
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.images.decoding import Decoding
from pipeline.data.sources.archive import Archive
from pipeline.data.sources.downloads import Downloads
from pipeline.data.sources.reading import limits
from pipeline.errors import ConvoyError, ImageRefused, SecurityRefusal, SetBroken, SourceMissing
from tests.folders import picture
from tests.sets import png, write_tar, write_zip

PETS = {"cat/0.png": png("cat"), "dog/0.png": png("dog")}
ENDINGS = [".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz"]


def write(path: Path, members: dict[str, bytes]) -> Path:
    return write_zip(path, members) if path.suffix == ".zip" else write_tar(path, members)


def opened(path: Path) -> Archive:
    return Archive(path, Decoding(), Downloads(path.parent / "downloads", fetch=False))


def member(kind: bytes, link: str = "", size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo()
    info.type, info.linkname, info.size = kind, link, size
    return info


def refusal(path: Path) -> str:
    """What is said of the archive, which must be refused for safety."""
    with pytest.raises(ConvoyError) as caught:
        opened(path).samples()
    assert caught.value.exit_code == 9
    assert all(line.startswith("E901") for line in str(caught.value).splitlines())
    return str(caught.value)


@pytest.mark.parametrize("ending", ENDINGS)
def test_members_are_read_and_nothing_is_unpacked_as_files(tmp_path: Path, ending: str) -> None:
    source = opened(write(tmp_path / f"my pets{ending}", PETS))
    assert source.name == "my-pets"
    assert [(sample.path, sample.label) for sample in source.samples()] == [("cat/0.png", "cat"), ("dog/0.png", "dog")]
    assert np.array_equal(source.read("dog/0.png").pixels, picture("dog"))
    assert not list(tmp_path.rglob("*.png"))
    assert len(list(tmp_path.rglob("*-*.tar"))) == (ending not in (".zip", ".tar"))


@pytest.mark.parametrize("ending", [".zip", ".tar"])
@pytest.mark.parametrize(
    ("prefix", "paths"),
    [
        ("", ["test/cat/1.png", "train/cat/0.png", "train/dog/0.png"]),
        ("set/", ["test/cat/1.png", "train/cat/0.png", "train/dog/0.png"]),
        ("./a/b/", ["test/cat/1.png", "train/cat/0.png", "train/dog/0.png"]),
    ],
)
def test_folders_around_all_are_left_out_and_splits_kept(tmp_path: Path, ending: str, prefix: str, paths: list[str]) -> None:
    names = ("train/cat/0.png", "train/dog/0.png", "test/cat/1.png")
    source = opened(write(tmp_path / f"pets{ending}", {prefix + name: png(name) for name in names}))
    assert [sample.path for sample in source.samples()] == paths
    assert {sample.split for sample in source.samples()} == {"train", "test"}
    assert np.array_equal(source.read("train/dog/0.png").pixels, picture("train/dog/0.png"))


@pytest.mark.parametrize("ending", [".zip", ".tar"])
def test_junk_is_counted_and_empty_class_folders_are_kept(tmp_path: Path, ending: str) -> None:
    members = {f"pets/{name}": content for name, content in PETS.items()}
    junk = dict.fromkeys(["__MACOSX/pets/._0.png", "pets/.DS_Store", "pets/cat/Thumbs.db", "pets/readme.txt"], b"junk")
    path = write(tmp_path / f"pets{ending}", members | junk)
    if ending == ".zip":
        with zipfile.ZipFile(path, "a") as archive:
            archive.mkdir("pets/bird")
    else:
        with tarfile.open(path, "a") as archive:
            info = tarfile.TarInfo("pets/bird")
            info.type = tarfile.DIRTYPE
            archive.addfile(info)
    source = opened(path)
    assert source.classes() == ["bird", "cat", "dog"]
    assert len(source.samples()) == 2
    assert source.ignored() == {"hidden": 1, "system-file": 2, "beside-the-classes": 1}


def test_a_compressed_tar_is_unpacked_once_and_again_when_it_changed(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "pets.tar.gz", PETS)
    for _ in range(2):
        opened(path).samples()
    (first,) = (tmp_path / "downloads/unpacked").glob("*.tar")
    path.unlink()
    write_tar(path, PETS | {"dog/1.png": png("new")})
    assert len(opened(path).samples()) == 3
    (second,) = (tmp_path / "downloads/unpacked").glob("*.tar")
    assert second != first


@pytest.mark.parametrize("ending", [".zip", ".tar.gz"])
def test_a_linked_archive_has_changed_when_what_it_leads_to_has(tmp_path: Path, ending: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    path, link = tmp_path / f"elsewhere/pets{ending}", tmp_path / f"pets{ending}"
    link.symlink_to(write(path, PETS))
    before, samples = opened(link).stamp("cat/0.png"), opened(link).samples()
    write(path, PETS | {"dog/1.png": png("new")})
    assert opened(link).stamp("cat/0.png") != before
    assert len(opened(link).samples()) == len(samples) + 1


def test_the_only_archive_of_a_folder_is_found(tmp_path: Path) -> None:
    write_zip(tmp_path / "pets.zip", PETS)
    (tmp_path / "README.md").write_text("not an archive")
    assert opened(tmp_path).name == "pets"
    write_tar(tmp_path / "more.tar", PETS)
    with pytest.raises(SourceMissing, match="2 archives in"):
        opened(tmp_path)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("/etc/cat/0.png", "an absolute name"),
        ("C:/cat/0.png", "an absolute name"),
        ("../cat/0.png", "leads out of the archive"),
        ("cat/../../0.png", "leads out of the archive"),
        ("a/" * 40 + "0.png", "more than 32 folders deep"),
        ("cat/0.png/x.png", "both a file and a folder"),
        ("./cat//0.png", "there 2 times"),
    ],
)
@pytest.mark.parametrize("ending", [".zip", ".tar"])
def test_names_that_lead_astray_are_refused(tmp_path: Path, ending: str, name: str, why: str) -> None:
    assert why in refusal(write(tmp_path / f"pets{ending}", PETS | {name: b"x"}))


def test_backslashes_of_a_dos_zip_separate_folders_and_are_checked_alike(tmp_path: Path) -> None:
    path = tmp_path / "pets.zip"
    for name in ("cat\\1.png", "..\\1.png"):
        with zipfile.ZipFile(path, "w") as archive:
            for entry, content in {"dog\\0.png": PETS["dog/0.png"], name: PETS["cat/0.png"]}.items():
                info = zipfile.ZipInfo(entry)
                info.create_system = 0
                archive.writestr(info, content)
        if name.startswith("cat"):
            assert [sample.path for sample in opened(path).samples()] == ["cat/1.png", "dog/0.png"]
        else:
            assert "leads out" in refusal(path)


def test_folders_of_a_dos_zip_end_with_a_backslash(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        for entry, content in {"cat\\": b"", "cat\\0.png": PETS["cat/0.png"], "dog\\": b""}.items():
            info = zipfile.ZipInfo(entry)
            info.create_system = 0
            archive.writestr(info, content)
    source = opened(tmp_path / "pets.zip")
    assert source.classes() == ["cat", "dog"]
    assert [sample.path for sample in source.samples()] == ["cat/0.png"]


@pytest.mark.parametrize(
    ("info", "why"),
    [
        (member(tarfile.SYMTYPE, "/etc/passwd"), "a link"),
        (member(tarfile.LNKTYPE, "cat/0.png"), "a link"),
        (member(tarfile.CHRTYPE), "neither file nor folder"),
        (member(tarfile.BLKTYPE), "neither file nor folder"),
        (member(tarfile.FIFOTYPE), "neither file nor folder"),
    ],
)
def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path, info: tarfile.TarInfo, why: str) -> None:
    assert why in refusal(write_tar(tmp_path / "pets.tar", PETS | {"cat/evil.png": info}))


@pytest.mark.parametrize(("kind", "why"), [(stat.S_IFLNK, "a link"), (stat.S_IFIFO, "neither"), (stat.S_IFCHR, "neither")])
def test_links_and_devices_in_a_zip_are_refused(tmp_path: Path, kind: int, why: str) -> None:
    path = write_zip(tmp_path / "pets.zip", PETS)
    with zipfile.ZipFile(path, "a") as archive:
        info = zipfile.ZipInfo("cat/evil.png")
        info.create_system, info.external_attr = 3, (kind | 0o644) << 16
        archive.writestr(info, "/etc/passwd")
    assert why in refusal(path)


def test_a_name_twice_in_a_zip_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "pets.zip", PETS)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("cat/0.png", b"other")
    assert "there 2 times" in refusal(path)


def test_encrypted_members_are_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "pets.zip", PETS)
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # general purpose flag, bit 0, in the first entry of the directory
    path.write_bytes(content)
    assert "encrypted" in refusal(path)


def test_every_reason_is_told_at_once_but_not_without_end(tmp_path: Path) -> None:
    two = refusal(write_tar(tmp_path / "two.tar", PETS | {"../x": b"", "/y": b""}))
    assert two.count("E901") == 2
    many = refusal(write_tar(tmp_path / "many.tar", PETS | {f"../{number}": b"" for number in range(50)}))
    assert many.count("E901") == 21 and "30 more members" in many


def test_a_zip_bomb_is_refused_by_member_and_by_total(tmp_path: Path) -> None:
    blank = bytes(2 * limits.HARMLESS_BYTES)
    assert "packed too tightly" in refusal(write_zip(tmp_path / "member.zip", PETS | {"cat/1.png": blank}))
    small = bytes(limits.HARMLESS_BYTES // 2)
    total = refusal(write_zip(tmp_path / "total.zip", PETS | {f"cat/{number}.bmp": small for number in range(1, 9)}))
    assert total.count("packed too tightly") == 1


def test_a_small_blank_picture_is_no_bomb(tmp_path: Path) -> None:
    source = opened(write_zip(tmp_path / "pets.zip", PETS | {"cat/1.bmp": bytes(limits.HARMLESS_BYTES // 2)}))
    with pytest.raises(ImageRefused, match="not-an-image"):
        source.read("cat/1.bmp")


def test_a_member_with_more_than_it_declares_is_refused_while_reading(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "pets.zip", {"cat/0.png": bytes(100_000), "dog/0.png": PETS["dog/0.png"]})
    content = path.read_bytes()
    path.write_bytes(content.replace(struct.pack("<I", 100_000), struct.pack("<I", 1000)))
    source = opened(path)
    assert len(source.samples()) == 2
    with pytest.raises(SecurityRefusal, match="more than the 1,000 bytes that it declares"):
        source.read("cat/0.png")


@pytest.mark.parametrize("ending", [".tar.gz", ".tar.bz2", ".tar.xz"])
def test_a_compressed_bomb_is_noticed_while_it_is_unpacked(tmp_path: Path, ending: str) -> None:
    path = write_tar(tmp_path / f"pets{ending}", PETS | {"cat/1.png": bytes(8 * limits.HARMLESS_BYTES)})
    assert "over 100 to 1" in refusal(path)
    assert not list((tmp_path / "downloads/unpacked").glob("*.tar"))
    assert not list((tmp_path / "downloads/unpacked").glob("*.part"))


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("damage", ["cut", "nothing", "text"])
def test_a_damaged_archive_is_named(tmp_path: Path, ending: str, damage: str) -> None:
    path = write(tmp_path / f"pets{ending}", PETS)
    content = path.read_bytes()
    path.write_bytes({"cut": content[: min(len(content) // 2, 1300)], "nothing": b"", "text": b"hello " * 200}[damage])
    with pytest.raises(SetBroken, match="E312"):
        opened(path).samples()


def test_a_tar_whose_second_header_is_damaged_does_not_just_end_there(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "pets.tar", PETS)
    content = bytearray(path.read_bytes())
    content[content.index(b"dog/0.png")] ^= 1
    path.write_bytes(content)
    with pytest.raises(SetBroken, match="a header is damaged"):
        opened(path).samples()


def header(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0) -> bytes:
    """A header with any size, also below zero, as GNU's binary numbers can say."""
    info = member(kind)
    info.name = name
    content = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    content[124:136] = (size & ((1 << 96) - 1) if size < 0 else size | 1 << 95).to_bytes(12, "big")
    content[148:156] = f"{sum(content[:148]) + 8 * 32 + sum(content[156:]):06o}\0 ".encode()
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (header("cat/0.png") + header("dog/0.png", size=-512), "a member of -512 bytes"),
        (header("cat/0.png") + header("dog/0.png", size=-5), "a member of -5 bytes"),
        (header("cat/0.png", tarfile.XHDTYPE) * 3000, "recursion"),
        ((header("cat/0.png", tarfile.GNUTYPE_LONGNAME, size=1) + b"x".ljust(512, b"\0")) * 3000, "recursion"),
    ],
    ids=["back to itself", "below zero", "headers of headers", "names of names"],
)
def test_a_tar_that_never_ends_is_broken(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "pets.tar").write_bytes(content + bytes(1024))
    with pytest.raises(SetBroken, match=why):
        opened(tmp_path / "pets.tar").samples()


def test_a_changed_byte_in_a_zip_is_found_by_the_checksum(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "pets.zip", PETS, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[content.index(PETS["dog/0.png"]) + 70] ^= 1
    path.write_bytes(content)
    with pytest.raises(ImageRefused, match="checksum differs"):
        opened(path).read("dog/0.png")


def test_other_compression_in_a_zip_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetBroken, match="stored and deflated are read"):
        opened(write_zip(tmp_path / "pets.zip", PETS, zipfile.ZIP_LZMA))


def test_a_member_name_that_is_no_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pets.tar"
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT, encoding="latin-1") as archive:
        for name in ("cat/caf\xe9.png", "dog/0.png"):
            archive.addfile(tarfile.TarInfo(name))
    source = opened(path)
    assert source.samples()[0].path == r"cat/caf\xe9.png"
    with pytest.raises(ImageRefused, match="name-not-utf8"):
        source.read(source.samples()[0].path)


@pytest.mark.parametrize("ending", [".zip", ".tar"])
def test_an_archive_that_is_gone_is_unreadable(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path / f"pets{ending}", PETS)
    source = opened(path)
    assert len(source.samples()) == 2
    path.unlink()
    assert source.stamp("cat/0.png") is None
    with pytest.raises(ImageRefused, match=r"E307 unreadable .* No such file"):
        source.read("cat/0.png")


def test_a_member_too_long_for_an_image_is_not_read(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "pets.tar", PETS | {"dog/1.png": bytes(3_000_000)})
    with pytest.raises(ImageRefused, match="too-large"):
        Archive(path, Decoding(pixel_limit=100), Downloads(tmp_path, fetch=False)).read("dog/1.png")
