"""A sheet of real train images as PNG bytes: as decoded, as prepared, and as augmentation changes them."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont

from pipeline.data.augmentation.copies import copy, to_pixels
from pipeline.data.augmentation.mixing import mix
from pipeline.data.augmentation.strengths import Augmentation
from pipeline.data.preparation.pack import pack
from pipeline.data.preparation.packed import Packed
from pipeline.data.preparation.prepare import Prepare
from pipeline.data.seeds import generator

if TYPE_CHECKING:
    from pipeline.data.sources.source import Kind, Source

Pixels = npt.NDArray[np.uint8]

_SEED = 0  # the same images with the same strengths give the same sheet
_SIDE = 144  # pixels of a picture on the sheet
_GAP = 7
_HEADER = 44
_MARGIN = 190  # for the class names
_LETTER = 16  # pixels high
_LONGEST_NAME = 17  # characters


def samples(
    rows: pd.DataFrame,
    open_source: Callable[[], Source],
    prepare: Prepare,
    classes: Sequence[str],
    strengths: Augmentation,
    kind: Kind,
    count: int = 8,
) -> bytes:
    """The sheet of `count` of these catalog rows, which are read and prepared again; raises StageOutOfDate."""
    some = chosen(rows, count)
    packed = next(pack(some, open_source, prepare, classes, rows_a_shard=len(some)))
    source = open_source()
    return sheet([source.read(path).pixels for path in some["path"]], packed, classes, strengths, kind)


def chosen(rows: pd.DataFrame, count: int) -> pd.DataFrame:
    """Up to `count` rows, no image twice, by class: the first of each class, then the second of each, and so on."""
    distinct = rows.drop_duplicates("digest")
    places = distinct.groupby("label").cumcount().sort_values(kind="stable")
    return distinct.loc[places.index[:count]].sort_values("label", kind="stable")


def sheet(
    decoded: Sequence[Pixels], rows: Packed, classes: Sequence[str], strengths: Augmentation, kind: Kind, versions: int = 6
) -> bytes:
    """A PNG with one line an image: as decoded (uint8 H×W×C of any size), as prepared (`rows`), and `versions` augmented ones.

    The augmented ones are those of stored copies with these strengths; where the strengths mix, they are mixed among themselves.
    Enlarged pixels are shown as squares. classes: their names, which `rows.labels` index.
    """
    columns = {"as decoded": list(decoded), "as prepared": _hwc(rows.images[:])}
    for number in range(1, versions + 1):
        columns["augmented" if number == 1 else " " * number] = _hwc(_augmented(rows, strengths, kind, number))
    return _draw([classes[label] for label in rows.labels], columns)


def _augmented(rows: Packed, strengths: Augmentation, kind: Kind, number: int) -> Pixels:
    alone = strengths.model_copy(update={"mixup": 0.0, "cutmix": 0.0})
    images = copy(rows.images[:], rows.digests, alone, kind, number, _SEED)
    if not strengths.mixes:
        return images
    shares = torch.from_numpy(images).float() / 255
    return to_pixels(mix(shares, torch.from_numpy(rows.labels), strengths, generator("sheet", _SEED, number)).images)


def _hwc(images: Pixels) -> list[Pixels]:
    return list(images.transpose(0, 2, 3, 1))


def _draw(names: Sequence[str], columns: Mapping[str, Sequence[Pixels]]) -> bytes:
    """All pictures as one array, the words by Pillow: matplotlib takes half a second to start, and a second for as many axes."""
    step = _SIDE + _GAP
    lefts = [_MARGIN + step * column + (2 * _GAP if column > 1 else 0) for column in range(len(columns))]
    tops = [_HEADER + step * row for row in range(len(names))]
    canvas = np.full((tops[-1] + step, lefts[-1] + step, 3), 255, np.uint8)
    for left, pictures in zip(lefts, columns.values(), strict=True):
        for top, picture in zip(tops, pictures, strict=True):
            canvas[top : top + _SIDE, left : left + _SIDE] = _cell(picture)
    image = Image.fromarray(canvas)
    draw, font = ImageDraw.Draw(image), _font()
    for top, name in zip(tops, names, strict=True):
        draw.text((_MARGIN - 14, top + _SIDE // 2), _short(name), "black", font, anchor="rm")
    for left, title in zip(lefts, columns, strict=True):
        draw.text((left, _HEADER - 8), title.strip(), "#595959", font, anchor="ld")
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """DejaVu Sans, which matplotlib brings and which has more letters than Pillow's own, where it lies there."""
    found = find_spec("matplotlib")
    folders = found.submodule_search_locations if found else None
    for folder in folders or ():
        with contextlib.suppress(OSError):
            path = Path(folder) / "mpl-data/fonts/ttf/DejaVuSans.ttf"
            return ImageFont.truetype(path, _LETTER, layout_engine=ImageFont.Layout.BASIC)  # the same on every machine
    return ImageFont.load_default(_LETTER)


def _cell(picture: Pixels) -> Pixels:
    """uint8 _SIDE×_SIDE×3: the picture as large as it fits, in the middle; pixels that grow stay squares."""
    height, width = picture.shape[:2]
    scale = _SIDE / max(height, width)
    tall, wide = max(1, round(height * scale)), max(1, round(width * scale))
    if scale >= 1:
        fitted = picture[np.arange(tall)[:, None] * height // tall, np.arange(wide) * width // wide]
    else:
        planes = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1))).unsqueeze(0).float()
        smaller = F.interpolate(planes, size=(tall, wide), mode="bilinear", antialias=True, align_corners=False)
        fitted = to_pixels(smaller[0] / 255).transpose(1, 2, 0)
    cell = np.full((_SIDE, _SIDE, 3), 255, np.uint8)
    top, left = (_SIDE - tall) // 2, (_SIDE - wide) // 2
    cell[top : top + tall, left : left + wide] = fitted
    return cell


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
