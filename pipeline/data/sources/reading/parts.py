"""Files or arrays that belong together by their names: images with labels, one pair a split."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.data.sources.reading.class_folders import SPLIT_NAMES
from pipeline.data.sources.reading.names import shown
from pipeline.errors import SetBroken

_SPLITS = SPLIT_NAMES | {"t10k": "test"}
_KINDS = {"images": "images", "x": "images", "labels": "labels", "y": "labels"}
_WORD = "|".join(_SPLITS)
_KIND = "|".join(_KINDS)
_NAME = re.compile(  # the set's name may come first: kmnist-train-images
    rf"(?:.*?[-_.])??(?:(?:(?P<before>{_WORD})[-_.])?(?P<kind>{_KIND})|(?P<first>{_KIND})[-_.](?P<after>{_WORD}))"
)
CLASSES_FILE = "classes.txt"


def pairs(names: Iterable[str], where: str) -> dict[str, tuple[str, str]]:
    """Part → the names of its images and labels, such as {"train": ("x_train", "y_train")}; `all` where no split is named.

    Names that are none of images, labels, x and y, with or without a split before or after, are passed over. Raises SetBroken.
    """
    found: dict[str, dict[str, str]] = {}
    for name in sorted(names):
        if (match := _NAME.fullmatch(name.lower())) is None:
            continue
        part = match["before"] or match["after"] or "all"
        kind = _KINDS[match["kind"] or match["first"]]
        other = found.setdefault(part, {}).setdefault(kind, name)
        if other != name:
            raise _broken(where, f"both {other} and {name} are {kind}", "keep one of them")
    if not found:
        raise _broken(where, "no images and labels", "name them images and labels, or x_train, y_train and so on")
    for part, kinds in found.items():
        for kind in {"images", "labels"} - kinds.keys():
            raise _broken(where, f"{part} has no {kind}", "put images and labels of the same name there")
    if "all" in found and len(found) > 1:
        raise _broken(where, f"parts with and without a split: {', '.join(found)}", "keep one kind")
    return {part: (kinds["images"], kinds["labels"]) for part, kinds in sorted(found.items())}


def given_split(part: str, parts: Iterable[str]) -> str | None:
    """The split that `part` names, when there is a train part among `parts`."""
    return _SPLITS.get(part) if "train" in parts else None


def class_names(labels: Mapping[str, npt.NDArray[Any]], declared: Sequence[str] | None, where: str) -> dict[str, list[str]]:
    """Part → a class name for each label: the number or text itself, or the name `declared` for a number from 0.

    Raises SetBroken for labels that are neither whole numbers nor texts, are not one an image, or have no name.
    """
    return {part: _named(values, declared, f"{where} {part}") for part, values in labels.items()}


def read_classes(folder: Path) -> list[str] | None:
    """One name a line of classes.txt in `folder`, without empty lines; None when there is no such file."""
    file = folder / CLASSES_FILE
    if not file.is_file():
        return None
    try:
        lines = [shown(line.strip()) for line in file.read_text(encoding="utf-8-sig").splitlines()]
    except UnicodeDecodeError:
        raise _broken(str(file), "not UTF-8", "save it as UTF-8") from None
    names = [line for line in lines if line]
    if len(set(names)) != len(names):
        raise _broken(str(file), "a name stands there twice", "give each class one line")
    return names


def _named(values: npt.NDArray[Any], declared: Sequence[str] | None, where: str) -> list[str]:
    if values.ndim == 2 and values.shape[1] == 1:  # as Keras has them
        values = values[:, 0]
    if values.ndim != 1 or values.dtype.kind not in "iuU":
        shape = "×".join(map(str, values.shape))
        raise _broken(where, f"labels of type {values.dtype} and shape {shape}", "store one whole number or text an image")
    if values.dtype.kind == "U":
        return _texts(values.tolist(), where)
    if declared is None:
        numbers = {value: str(value) for value in np.unique(values).tolist()}
        return [numbers[value] for value in values.tolist()]
    if len(values) and not 0 <= int(values.min()) <= int(values.max()) < len(declared):
        raise _broken(where, f"labels {values.min()} to {values.max()} for {len(declared)} classes", f"correct {CLASSES_FILE}")
    return [declared[value] for value in values.tolist()]


def _texts(values: list[str], where: str) -> list[str]:
    if not all(value.strip() for value in values):
        raise _broken(where, "an empty label", "name a class for each image")
    return [shown(value) for value in values]


def _broken(where: str, why: str, remedy: str) -> SetBroken:
    return SetBroken("set", where=where, why=why, remedy=remedy)
