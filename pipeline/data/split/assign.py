"""Which side of train, val and test each image is on, decided by its pixels; and the certificate that says so.

The side follows from sha256(seed, digest) against fixed thresholds, so adding images moves none, and identical pixels
never part. Classes too small for thresholds are ranked by the same hash instead, and named.
"""

from __future__ import annotations

import hashlib
import io
import math
from typing import Any, Literal

import pandas as pd
from pydantic import Field, model_validator

from pipeline.config import Section
from pipeline.data.catalog.table import SPLITS
from pipeline.errors import ClassTooSmall, raise_all

FEWEST_EXPECTED = 10  # distinct images of a class; with fewer expected in val or test the class is ranked

_STRICTEST_FIRST = ("test", "val", "train")  # pixels given on two sides go to the one that must stay unseen


class SplitParams(Section):
    """`split` of params.yaml."""

    seed: int = 0
    val_share: float = Field(default=0.15, gt=0.0, lt=1.0)
    test_share: float = Field(default=0.15, gt=0.0, lt=1.0)
    given: Literal["keep", "ignore"] = "keep"  # the train, val and test folders of the source

    @model_validator(mode="after")
    def _leaves_something_to_train_on(self) -> SplitParams:
        if self.val_share + self.test_share >= 1:
            raise ValueError("val_share + test_share must be less than 1")
        return self


def assign(images: pd.DataFrame, params: SplitParams) -> pd.DataFrame:
    """digest, split of every distinct digest in a catalog's images, sorted by digest.

    Given splits are kept; val or test that the source does not give is taken out of train. Raises ClassTooSmall for every
    class that would be left without an image on a side.
    """
    given, free, shares = _plan(images, params)
    raise_all([error for label, digests in free.groupby(free) for error in _too_small(str(label), len(digests), shares)])
    sides = {str(digest): str(split) for digest, split in given.items()}
    for _, digests in free.groupby(free):
        sides.update(_sides(list(digests.index), shares, params.seed))
    _check_train(images, sides)
    return pd.DataFrame(sorted(sides.items()), columns=["digest", "split"], dtype="str")


def to_bytes(splits: pd.DataFrame) -> bytes:
    """splits.parquet."""
    stream = io.BytesIO()
    splits.to_parquet(stream, index=False)
    return stream.getvalue()


def read_splits(content: bytes) -> pd.DataFrame:
    """The frame written by to_bytes."""
    return pd.read_parquet(io.BytesIO(content))


def certificate(images: pd.DataFrame, splits: pd.DataFrame, params: SplitParams) -> dict[str, Any]:
    """What a reader needs to trust the split: counts, where it comes from, which classes were ranked, what was shared."""
    side = images["digest"].map(splits.set_index("digest")["split"])
    given, free, shares = _plan(images, params)
    counts = pd.crosstab(images["label"], side).reindex(columns=list(SPLITS), fill_value=0)
    return {
        "seed": params.seed,
        "shares": shares,
        "given": sorted(set(given)),
        "images": {name: int((side == name).sum()) for name in SPLITS},
        "distinct": {name: int((splits["split"] == name).sum()) for name in SPLITS},
        "classes": {str(label): {name: int(row[name]) for name in SPLITS} for label, row in counts.iterrows()},
        "ranked_classes": [str(label) for label, count in free.value_counts().sort_index().items() if _is_ranked(count, shares)],
        "absent_classes": {name: [str(label) for label in counts.index[counts[name] == 0]] for name in SPLITS},
        "shared_across_given_splits": _shared(images, params),
        "digests_with_several_labels": int((images.groupby("digest")["label"].nunique() > 1).sum()),
    }


def _plan(images: pd.DataFrame, params: SplitParams) -> tuple[pd.Series[str], pd.Series[str], dict[str, float]]:
    """digest → given split; digest → class of what is to be divided; split → share it gets."""
    given = _given(images, params)
    free = _labels(images[~images["digest"].isin(given[given != "train"].index)])
    return given, free, _missing_shares(given, params)


def _given(images: pd.DataFrame, params: SplitParams) -> pd.Series[str]:
    """digest → given split; of several the strictest."""
    if params.given == "ignore":
        return pd.Series(dtype="str")
    known = images.dropna(subset="split")
    rank = known["split"].map(_STRICTEST_FIRST.index)
    return known.assign(rank=rank).sort_values("rank", kind="stable").drop_duplicates("digest").set_index("digest")["split"]


def _shared(images: pd.DataFrame, params: SplitParams) -> int:
    return 0 if params.given == "ignore" else int((images.groupby("digest")["split"].nunique() > 1).sum())


def _missing_shares(given: pd.Series[str], params: SplitParams) -> dict[str, float]:
    """Split → share, of those that are not given."""
    wanted = {"val": params.val_share, "test": params.test_share}
    return {name: share for name, share in wanted.items() if name not in set(given)}


def _labels(images: pd.DataFrame) -> pd.Series[str]:
    """digest → the class that decides for it: the first by name when the same pixels are filed under several."""
    return images.groupby("digest")["label"].min()


def _sides(digests: list[str], shares: dict[str, float], seed: int) -> dict[str, str]:
    """digest → split, for the digests of one class."""
    if not _is_ranked(len(digests), shares):
        return {digest: _side(_position(seed, digest), shares) for digest in digests}
    ranked = sorted(digests, key=lambda digest: (_position(seed, digest), digest))
    names = [name for name, count in _ranked_counts(len(digests), shares).items() for _ in range(count)]
    return dict(zip(ranked, names, strict=True))


def _ranked_counts(count: int, shares: dict[str, float]) -> dict[str, int]:
    """Split → number of images, train last: the rounded share, but at least one on each side."""
    counts = {name: max(1, math.floor(share * count + 0.5)) for name, share in shares.items()}
    while sum(counts.values()) >= count:
        counts[max(counts, key=lambda name: counts[name])] -= 1
    return {**counts, "train": count - sum(counts.values())}


def _is_ranked(count: int, shares: dict[str, float]) -> bool:
    return any(share * count < FEWEST_EXPECTED for share in shares.values())


def _position(seed: int, digest: str) -> float:
    """A number in 0–1 that depends on seed and digest alone."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{digest}".encode()).digest()[:8]) / 2**64


def _side(position: float, shares: dict[str, float]) -> str:
    threshold = 0.0
    for name, share in shares.items():
        threshold += share
        if position < threshold:
            return name
    return "train"


def _too_small(label: str, count: int, shares: dict[str, float]) -> list[ClassTooSmall]:
    if count > len(shares):
        return []
    why = f"{count} distinct images for {len(shares) + 1} splits ({', '.join(('train', *shares))})"
    return [ClassTooSmall(f"class {label!r} is too small", why=why, remedy="add images or remove the class")]


def _check_train(images: pd.DataFrame, sides: dict[str, str]) -> None:
    trained = set(images["label"][images["digest"].map(sides) == "train"])
    missing = sorted(set(images["label"]) - trained)
    why, remedy = "0 images of its own in train", "add some or remove the class"
    raise_all([ClassTooSmall(f"class {label!r} is too small", why=why, remedy=remedy) for label in missing])
