"""What Pillow leaves unchecked in a TIFF: tiles larger than the picture, missing strips, how uncompressed YCbCr is stored."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import TiffImagePlugin

from pipeline.data.images.refusal import refused

PHOTOMETRIC, SAMPLE_FORMAT, BITS = 262, 339, 258  # numbers of tags, TIFF 6.0
_TILE_WIDTH, _TILE_LENGTH, _PLANES, _SAMPLES = 322, 323, 284, 277
_BYTES = (279, 325)  # of each strip, of each tile
_YCBCR = {529: (0.299, 0.587, 0.114), 530: (1.0, 1.0), 532: (0.0, 255.0, 128.0, 255.0, 128.0, 255.0)}
_YCBCR_DEFAULTS = {530: (2, 2)}  # where the one of TIFF is not the one that Pillow takes for granted


def check_tiff(image: TiffImagePlugin.TiffImageFile, pixel_limit: int) -> None:
    """Raises ImageRefused: too-large, truncated or unsupported-mode."""
    tags = image.tag_v2
    tile = tags.get(_TILE_WIDTH, 0) * tags.get(_TILE_LENGTH, 0)
    if tile > pixel_limit:
        raise refused("too-large", f"tiles of {tile:,} pixels, more than {pixel_limit:,}", "save it without tiles")
    if image.info.get("compression") == "webp":
        raise refused("unsupported-mode", "TIFF with WebP compression", "save it as PNG or JPEG")
    if image.info.get("compression") == "raw" and _too_few_bytes(image):
        raise refused("truncated", "TIFF: strips or tiles have fewer bytes than their pixels need")
    if _covered(image) < image.width * image.height * (len(image.getbands()) if tags.get(_PLANES) == 2 else 1):
        raise refused("truncated", "TIFF: strips or tiles are missing")
    if image.mode == "YCbCr" and not _is_plain_ycbcr(tags):
        raise refused("unsupported-mode", "uncompressed YCbCr with subsampling or other coefficients", "save it as RGB")


def _covered(image: TiffImagePlugin.TiffImageFile) -> int:
    """Pixels that the strips or tiles cover, planes counted each; libtiff, for compressed files, looks for itself."""
    if any(tile.codec_name == "libtiff" for tile in image.tile):
        return image.width * image.height * len(image.getbands())
    return sum(
        (right - left) * (lower - upper) for left, upper, right, lower in (tile.extents for tile in image.tile if tile.extents)
    )


def _too_few_bytes(image: TiffImagePlugin.TiffImageFile) -> bool:
    """Pillow goes on into whatever follows a strip; files that name no sizes are believed."""
    tags = image.tag_v2
    sizes = next((tags[tag] for tag in _BYTES if tag in tags), None)
    bits = sum(tags.get(BITS, (1,))) if len(tags.get(BITS, (1,))) > 1 else tags.get(BITS, (1,))[0] * tags.get(_SAMPLES, 1)
    return sizes is not None and sum(sizes) < image.height * (image.width * bits // 8)


def _is_plain_ycbcr(tags: TiffImagePlugin.ImageFileDirectory_v2) -> bool:
    """Whether each pixel has its own colour, by the coefficients and in the range of JPEG."""
    stored = {tag: tags.get(tag, _YCBCR_DEFAULTS.get(tag, usual)) for tag, usual in _YCBCR.items()}
    return all(_alike(stored[tag], usual) for tag, usual in _YCBCR.items())


def _alike(stored: Sequence[float], usual: Sequence[float]) -> bool:
    near = all(abs(float(one) - other) < 0.001 for one, other in zip(stored, usual, strict=False))
    return near and len(stored) == len(usual)
