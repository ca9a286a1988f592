"""Twins: for every oddity seen in files from public test suites, an equivalent file made here by code."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.data.images.encode import SIGNATURE, bmp, chunk, gif, gif_frame, grey_tiff, png, saved, tiff
from tests.folders import picture

_PHOTO = Image.fromarray(picture("twin", 24, 32)).resize((64, 48), Image.Resampling.BICUBIC)
_SMALL = Image.fromarray(picture("twin", 5, 7))
_GREY = picture("twin", 5, 7, 1)[..., 0]
_RAMP = (np.arange(35).reshape(5, 7) * 1800).astype(np.uint16)
_PALETTE = chunk(b"PLTE", bytes(range(12)))
_INDICES = np.array([[0, 1], [2, 3]], np.uint8)


def all_twins() -> dict[str, bytes]:
    """Name → file content."""
    return {**_jpegs(), **_pngs(), **_bad_pngs(), **_tiffs(), **_bad_tiffs(), **_gifs(), **_bmps(), **_others()}


def oriented(value: int, image: Image.Image = _SMALL, kind: str = "JPEG", **options: Any) -> bytes:
    """A file with EXIF orientation `value`."""
    exif = Image.Exif()
    exif[0x0112] = value
    return saved(image, kind, exif=exif, **options)


def _jpegs() -> dict[str, bytes]:
    plain, progressive = saved(_PHOTO, "JPEG"), saved(_PHOTO, "JPEG", progressive=True)
    restarts = saved(_PHOTO, "JPEG", restart_marker_blocks=1)
    marker = restarts.index(b"\xff\xd0")
    position = plain.index(b"\xff\xc0")
    gps = Image.Exif()
    gps.get_ifd(0x8825)[1] = "N"
    double = saved(_PHOTO, "MPO", save_all=True, append_images=[_SMALL])
    return {
        "jpeg": plain,
        "jpeg-1x1": saved(Image.new("RGB", (1, 1)), "JPEG"),
        "jpeg-gps": saved(_PHOTO, "JPEG", exif=gps),
        **{f"jpeg-orientation-{value}": oriented(value) for value in range(9)},
        "jpeg-mpo": double,
        "jpeg-mpo-bad-index": double.replace(b"MPF\0II*\0", b"MPF\0II*\1").replace(b"MPF\0MM\0*", b"MPF\0MM\1*"),
        "jpeg-mpo-cut": double[: len(plain) // 2],
        "jpeg-cmyk": saved(_PHOTO.convert("CMYK"), "JPEG", subsampling=0),
        "jpeg-giant": plain[: position + 5] + struct.pack(">HH", 14000, 20000) + plain[position + 9 :],
        "jpeg-extra-bytes": restarts[:marker] + bytes(1214) + restarts[marker:],
        "jpeg-cut": plain[: len(plain) // 2],
        "jpeg-progressive-cut": progressive[: len(progressive) // 2],
        "jpeg-cut-in-header": plain[:30],
    }


def _pngs() -> dict[str, bytes]:
    xmp = PngInfo()
    description = '<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="3"/>'
    xmp.add_itxt("XML:com.adobe.xmp", f"<x:xmpmeta><rdf:RDF>{description}</rdf:RDF></x:xmpmeta>")
    clear = chunk(b"tRNS", b"\0\x01")
    alpha = Image.merge("RGBA", [*_SMALL.split(), Image.fromarray(_GREY)])
    wide = np.dstack([_RAMP, _RAMP[::-1]])
    return {
        "png-2x2": png(_INDICES, 0, 8),
        "png-1-bit": png(_INDICES & 1, 0, 1),
        "png-1-bit-transparent": png(_INDICES & 1, 0, 1, clear),
        "png-16": png(_RAMP, 0, interlaced=True),
        "png-16-transparent": png(_RAMP, 0, extra=chunk(b"tRNS", struct.pack(">H", 1800))),
        "png-16-rgb": png(np.dstack([_RAMP, _RAMP[::-1], _RAMP]), 2),
        "png-16-grey-alpha": png(wide, 4),
        "png-grey-alpha": png((wide >> 8).astype(np.uint8), 4),
        "png-rgba-orientation-in-xmp": saved(alpha, "PNG", pnginfo=xmp),
        "png-orientation-3": oriented(3, kind="PNG"),
        "png-broken-exif": png(_GREY, 0, after=chunk(b"eXIf", b"no EXIF")),
        "png-palette": png(_INDICES, 3, 8, _PALETTE),
        "png-palette-transparent": png(_INDICES, 3, 8, _PALETTE + chunk(b"tRNS", b"\xff\0\xff\xff")),
        "png-palette-alpha": png(_INDICES, 3, 8, _PALETTE + chunk(b"tRNS", bytes([0, 80, 160, 255]))),
        "png-frames-invalid": png(_rgba(), 6, extra=chunk(b"acTL", bytes(8))),
    }


def _bad_pngs() -> dict[str, bytes]:
    good, interlaced = saved(_PHOTO, "PNG"), png(np.asarray(_PHOTO), 2, interlaced=True)
    header = struct.pack(">IIBBBBB", 4, 4, 8, 0, 0, 0, 0)
    frame = chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 2, 2, 0, 0, 1, 10, 0, 0))
    two = chunk(b"acTL", struct.pack(">II", 2, 0))
    gap = chunk(b"fcTL", struct.pack(">IIIIIHHBB", 7, 2, 2, 0, 0, 1, 10, 0, 0))
    return {
        "apng": saved(_SMALL, "PNG", save_all=True, append_images=[_PHOTO.resize(_SMALL.size)]),
        "apng-palette": png(_INDICES, 3, 8, _PALETTE + two + frame),
        "apng-without-frame-control": png(_INDICES, 0, 8, two),
        "apng-gap": png(_rgba(), 6, extra=two + frame, after=gap),
        "png-colour-type-1": _with_header(good, 9, 1),
        "png-colour-type-9": _with_header(good, 9, 9),
        "png-depth-3": _with_header(good, 8, 3),
        "png-depth-99": _with_header(good, 8, 99),
        "png-header-checksum": good[:29] + bytes([good[29] ^ 1]) + good[30:],
        "png-data-checksum": good.replace(chunk(b"IEND"), b"")[:-1] + bytes([good[-13] ^ 1]) + chunk(b"IEND"),
        "png-without-data": SIGNATURE + chunk(b"IHDR", header) + chunk(b"IEND"),
        "png-too-few-rows": SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(10))) + chunk(b"IEND"),
        "png-compression-method": png(_GREY, 0, extra=chunk(b"iCCP", b"name\0\x01" + zlib.compress(b"profile"))),
        "png-signature-lower-case": b"\x89png" + good[4:],
        "png-signature-space": good[:6] + b" " + good[7:],
        "png-cut": good[: len(good) // 2],
        "png-interlaced-cut": interlaced[: len(interlaced) // 2],
        "png-colour-beyond-palette": png(_INDICES + 9, 3, 8, _PALETTE),
    }


def _tiffs() -> dict[str, bytes]:
    inks = np.asarray(_SMALL.convert("CMYK")).astype("<u2") * 257
    size = {256: 7, 257: 5, 278: 5}
    four_bits = np.packbits(np.unpackbits(picture("4", 5, 8, 1)[..., 0][..., None], axis=2)[..., 4:].reshape(5, 32), axis=1)
    return {
        "tiff-16": grey_tiff(_RAMP.astype("<u2")),
        "tiff-16-big-endian": grey_tiff(_RAMP.astype(">u2")),
        "tiff-16-signed": grey_tiff(_RAMP.astype("<i2")),
        "tiff-4": tiff(four_bits.tobytes(), {256: 8, 257: 5, 278: 5, 258: 4}),
        "tiff-1-bit-orientation-6": oriented(6, _SMALL.convert("1"), "TIFF", compression="group4"),
        "tiff-lab": tiff(np.asarray(_SMALL).tobytes(), {**size, 258: (8, 8, 8), 262: 8, 277: 3}),
        "tiff-cmyk": saved(_SMALL.convert("CMYK"), "TIFF", compression="jpeg"),
        "tiff-cmyk-16": tiff(inks.tobytes(), {**size, 258: (16,) * 4, 262: 5, 277: 4}),
    }


def _bad_tiffs() -> dict[str, bytes]:
    size, three = {256: 7, 257: 5, 278: 5}, {258: (8, 8, 8), 277: 3}
    colours = np.asarray(_SMALL).tobytes()
    four_planes = {256: 7, 257: 5, 278: 5, **three, 262: 2, 284: 2, 273: (8,) * 5, 279: (35,) * 5}
    return {
        "tiff-pages": saved(_SMALL, "TIFF", save_all=True, append_images=[_SMALL]),
        "tiff-pages-16": saved(Image.fromarray(_RAMP), "TIFF", save_all=True, append_images=[Image.fromarray(_RAMP)]),
        "tiff-pages-1-bit": _pages(_SMALL.convert("1")),
        "tiff-garbled": tiff(b"garbled" * 9, {**size, **three, 259: 8, 262: 2}),
        "tiff-unknown-mode": tiff(colours, {**size, 258: (7, 7, 7), 277: 3, 262: 2}),
        "tiff-lab-16": tiff(colours * 2, {**size, 258: (16,) * 3, 277: 3, 262: 8}),
        "tiff-many-samples": tiff(colours, {**size, 258: 8, 277: 65535, 262: 2}),
        "tiff-too-many-strips": tiff(colours + bytes(99), four_planes),
        "tiff-seek-too-large": b"II*\0\xff\xff\xff\x7f" + bytes(8),
        "tiff-webp": tiff(saved(_SMALL, "WEBP"), {**size, **three, 259: 50001, 262: 2}),
        "tiff-ycbcr-709": tiff(colours, {**size, **three, 262: 6, 529: (2126, 7152, 722), 530: (1, 1)}),
        "tiff-cut": grey_tiff(_RAMP)[:20],
        "tiff-strip-short": grey_tiff(_RAMP, t279=30),
        "tiff-strip-missing": grey_tiff(_RAMP, t278=2),
        "tiff-giant-tiles": tiff(bytes(99), {256: 7, 257: 5, 258: 8, 322: 1 << 16, 323: 1 << 16, 324: 8, 325: 99}),
    }


def _gifs() -> dict[str, bytes]:
    one, colours = gif_frame(0, 0, 2, 2), b"\0\0\0\xff\xff\xff"
    moving = saved(_SMALL, "GIF", save_all=True, append_images=[_PHOTO.resize(_SMALL.size)])
    clear = saved(
        _PHOTO.convert("P"), "GIF", save_all=True, append_images=[_SMALL.resize(_PHOTO.size)], transparency=0, disposal=2
    )
    still = saved(_PHOTO, "GIF", interlace=1)
    return {
        "gif": gif(2, 2, [one], colours),
        "gif-frames": moving,
        "gif-frames-transparent": clear,
        "gif-frames-without-palette": gif(2, 2, [one, one], b""),
        "gif-frame-outside": gif(2, 2, [one, gif_frame(1, 1, 2, 2)], colours),
        "gif-second-frame-giant": gif(2, 2, [one, gif_frame(65000, 65000, 2, 2)], colours),
        "gif-giant": gif(65535, 65535, [one], colours),
        "gif-without-frames": gif(2, 2, [], colours),
        "gif-frame-of-width-0": gif(2, 2, [gif_frame(0, 0, 0, 2)], colours),
        "gif-cut": still[: len(still) - 200],
    }


def _bmps() -> dict[str, bytes]:
    grey = b"".join(bytes([level] * 3) + b"\0" for level in range(256))
    rows = bytes(range(16)) * 4
    return {
        "bmp": bmp(16, 4, 8, rows, palette=grey),
        "bmp-planes": bmp(128, 4, 1, rows, palette=bytes(4) + bytes([255] * 3 + [0]), planes=9),
        "bmp-bit-count": bmp(16, 4, 30000, rows),
        "bmp-header-size": bmp(16, 4, 8, rows, palette=grey, header=66),
        "bmp-palette-size": bmp(16, 4, 8, rows, palette=grey, colours=305402420),
        "bmp-palette-oversize": bmp(16, 4, 8, rows, palette=bytes(range(200)) * 6, colours=300),
        "bmp-width": bmp(-2, 64, 1, rows, palette=grey[:8]),
        "bmp-giant": bmp(3_000_000, 2_000_000, 24, rows),
        "bmp-claims": bmp(15000, 10000, 24, b"123"),
        "bmp-runs": bmp(4, 2, 8, b"\x04\x07\0\0\0\x03\x01\x02\x03\0\x01\x04\0\1", 1, grey),
        "bmp-runs-outside": bmp(4, 2, 8, b"\x09\x07\0\0\x04\x01\0\1", 1, grey),
        "bmp-runs-cut": bmp(4, 2, 8, b"\x04\x07\0\0\x02\x01", 1, grey),
        "bmp-jpeg": bmp(16, 4, 0, rows, 4),
        "bmp-png": bmp(16, 4, 0, rows, 5),
        "bmp-cut": bmp(16, 4, 8, rows[:20], palette=grey),
    }


def _others() -> dict[str, bytes]:
    moving = saved(_SMALL, "WEBP", save_all=True, append_images=[_PHOTO.resize(_SMALL.size)])
    return {
        "webp": saved(_PHOTO, "WEBP"),
        "webp-alpha": saved(Image.fromarray(_rgba()), "WEBP"),
        "webp-orientation-6": oriented(6, kind="WEBP"),
        "webp-frames": moving,
        "webp-cut": saved(_PHOTO, "WEBP")[:200],
        "webp-giant": _giant_webp(),
        "avif-orientation-5": oriented(5, _PHOTO, "AVIF"),
        "ico": saved(_PHOTO, "ICO"),
        "dds": saved(_PHOTO, "DDS"),
        "ds-store": b"\0\0\0\1Bud1" + bytes(64),
        "text": b"hello",
        "git-lfs-pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
        "empty": b"",
    }


def _rgba() -> np.ndarray:
    return picture("alpha", 2, 2, 4)


def _with_header(content: bytes, place: int, value: int) -> bytes:
    """A PNG with one byte of its header changed, and the checksum made right again."""
    header = bytearray(content[16:29])
    header[place] = value
    return SIGNATURE + chunk(b"IHDR", bytes(header)) + content[33:]


def _pages(image: Image.Image) -> bytes:
    return saved(image, "TIFF", save_all=True, append_images=[image], compression="group4")


def _giant_webp() -> bytes:
    """An extended header that claims 16384×16384 pixels before a small picture."""
    picture_chunk = saved(_SMALL, "WEBP")[12:]
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + (16383).to_bytes(3, "little") * 2 + picture_chunk
    return b"RIFF" + struct.pack("<I", len(body)) + body
