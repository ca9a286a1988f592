"""The table of docs/images.md: how pixels of every stored mode become 8-bit grey or RGB, and the codes of what was done."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from pipeline.data.images.depth import from_floats, from_integers
from pipeline.data.images.refusal import refused
from pipeline.data.images.samples import Samples

Converted = tuple[npt.NDArray[np.uint8], list[str]]

_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")
_STRAIGHT = {"La": "LA", "RGBa": "RGBA"}  # alpha that was multiplied into the colours is divided out first
_PLAIN = ("L", "RGB")
_INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
_EXACT = ImageCms.Flags.NOOPTIMIZE  # the shortcuts of LittleCMS make white 254


def eight_bit(image: Image.Image, samples: Samples, background: str) -> Converted:
    """uint8 H×W×C, 1 or 3 channels, of a loaded image, and codes in the order of what was done.

    Raises ImageRefused: broken, unsupported-mode, integer-range, float-range.
    """
    if image.mode == "F":
        scaled, scale = from_floats(np.asarray(image), samples)
        return scaled[..., None], [scale, *samples.codes]
    if image.mode.startswith("I"):
        return _deep(image, samples, background)
    if image.mode == "P":
        _check_palette(image)
    if image.mode in _ALPHA or "transparency" in image.info:
        return _on_background(image, samples, background)
    if image.mode in _PLAIN:
        pixels = _array(image)
        return pixels ^ np.uint8(0x80) if samples.signed else pixels, list(samples.codes)  # two's complement plus 128
    if image.mode not in _OTHERS:
        raise refused("unsupported-mode", f"pixels of mode {image.mode}", "save it as grey or RGB with 8 or 16 bits")
    name, convert = _OTHERS[image.mode]
    converted, code = convert(image)
    return _array(converted), [*samples.codes, code or name]


def _deep(image: Image.Image, samples: Samples, background: str) -> Converted:
    values = np.asarray(image)
    pixels = from_integers(values, samples)[..., None]
    clear = image.info.get("transparency")
    if not isinstance(clear, int):
        return pixels, list(samples.codes)
    rgb = np.repeat(pixels, 3, axis=2)
    rgb[values == clear] = tuple(bytes.fromhex(background[1:]))
    return rgb, [*samples.codes, _alpha_code(background)]


def _on_background(image: Image.Image, samples: Samples, background: str) -> Converted:
    """The image laid on the background; a palette or one transparent value becomes alpha first."""
    clear = image.info.get("transparency")
    if samples.bits == 16 and clear is not None:
        raise refused("unsupported-mode", "one transparent colour of 16 bits a channel", "save it with an alpha channel")
    if samples.bits in (2, 4) and isinstance(clear, int) and image.mode == "L":
        image.info["transparency"] = clear * 255 // (2**samples.bits - 1)  # Pillow scales the pixels and forgets this
    rgba = image.convert(_STRAIGHT.get(image.mode, image.mode)).convert("RGBA")
    laid = Image.alpha_composite(Image.new("RGBA", rgba.size, background), rgba).convert("RGB")
    stored = {"P": ["palette"], "PA": ["palette"], "1": ["one-bit"]}.get(image.mode, [])
    return _array(laid), [*samples.codes, *stored, _alpha_code(background)]


def _check_palette(image: Image.Image) -> None:
    """Pillow shows an index beyond the palette as black."""
    highest, colours = image.getextrema()[1], len(image.im.getpalette("RGB", "RGB")) // 3
    if highest >= colours:  # type: ignore[operator]  # of one band these are numbers
        raise refused("broken", f"pixels with colour {highest} of a palette of {colours}")


def _cmyk(image: Image.Image) -> tuple[Image.Image, str | None]:
    """By the embedded profile, relative colorimetric, to sRGB; without a usable one each ink as a filter."""
    profile = image.info.get("icc_profile")
    if not profile:
        return image.convert("RGB"), None
    try:
        srgb = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, io.BytesIO(profile), srgb, _INTENT, "RGB", flags=_EXACT)
    except ImageCms.PyCMSError:
        return image.convert("RGB"), "cmyk-icc-unusable"
    assert converted is not None  # it is None only when asked to work in place
    return converted, "cmyk-icc"


def _lab(image: Image.Image) -> tuple[Image.Image, str | None]:
    """CIELAB of white point D50, as TIFF has it, to sRGB."""
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    transform = ImageCms.buildTransform(lab, srgb, "LAB", "RGB", _INTENT, _EXACT)
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None
    return converted, None


def _rgb(image: Image.Image) -> tuple[Image.Image, str | None]:
    return image.convert("RGB"), None


def _grey(image: Image.Image) -> tuple[Image.Image, str | None]:
    return image.convert("L"), None


_OTHERS = {  # mode → code, conversion
    "1": ("one-bit", _grey),
    "P": ("palette", _rgb),
    "CMYK": ("cmyk", _cmyk),
    "LAB": ("lab", _lab),
    "YCbCr": ("ycbcr", _rgb),
    "HSV": ("hsv", _rgb),
    "RGBX": ("padding", _rgb),
}


def _array(image: Image.Image) -> npt.NDArray[np.uint8]:
    pixels = np.array(image)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _alpha_code(background: str) -> str:
    return f"alpha-on-{background.lower()}"
