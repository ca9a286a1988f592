"""Whoever tampers with a split or with its certificate is noticed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from pipeline.data.split.assign import divide
from pipeline.data.split.certificate import certify
from pipeline.data.split.verify import sealed, verify
from tests.data.split.catalogs import PARAMS, digests, frame, free, no_pairs

GROUPS = {digest: f"p{number % 50}" for number, digest in enumerate(digests("b", 200))}
CLUSTERS = dict.fromkeys(digests("a", 2), digests("a", 1)[0])
IMAGES = frame(free(a=200, b=200), GROUPS)
SPLITS = divide(IMAGES, PARAMS, CLUSTERS).splits
PROOF: dict[str, Any] = json.loads(json.dumps(certify(IMAGES, divide(IMAGES, PARAMS, CLUSTERS), PARAMS, no_pairs())))


def moved(digest: str) -> pd.DataFrame:
    table = SPLITS.copy()
    row = table["digest"] == digest
    table.loc[row, "split"] = "val" if table.loc[row, "split"].iloc[0] != "val" else "train"
    return table


def test_what_was_certified_holds() -> None:
    assert verify(PROOF, SPLITS) == []
    assert verify(PROOF, SPLITS, IMAGES[["digest", "group"]].dropna()) == []


@pytest.mark.parametrize(
    ("splits", "problem"),
    [
        (moved(digests("a", 9)[8]), "splits.parquet is not the split that was certified"),
        (moved(digests("a", 1)[0]), "1 clusters are on several sides, 0 certified"),
        (moved(digests("b", 1)[0]), "1 groups are on several sides, 0 certified"),
        (SPLITS.iloc[1:], "splits.parquet is not the split that was certified"),
        (pd.concat([SPLITS, moved(SPLITS["digest"][0]).iloc[:1]]), "1 digests are on several sides, 0 certified"),
        (SPLITS.assign(split="tset"), "there are sides that nothing knows: tset"),
    ],
    ids=["an image", "a cluster", "a group", "a row less", "a row twice", "a misspelt side"],
)
def test_a_changed_split_is_noticed(splits: pd.DataFrame, problem: str) -> None:
    problems = verify(PROOF, splits, IMAGES[["digest", "group"]].dropna())
    assert problem in problems and "splits.parquet is not the split that was certified" in problems


@pytest.mark.parametrize(
    "change",
    [
        lambda proof: proof.update(seed=9),
        lambda proof: proof["images"].update(test=1),
        lambda proof: proof.update(note="x"),
        lambda proof: proof.update(digests={}),
        lambda proof: proof.update(seed=float("nan")),
    ],
)
def test_a_changed_certificate_is_noticed(change: Callable[[dict[str, Any]], None]) -> None:
    proof = json.loads(json.dumps(PROOF))
    change(proof)
    assert verify(proof, SPLITS) == ["the certificate was changed"]


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ({"shared": {"digests": 2, "groups": 0, "clusters": 0}}, "2 digests are on several sides"),
        ({"shared": {"digests": 0, "groups": 3, "clusters": 0}}, "3 groups are on several sides"),
        ({"distinct": {"train": 5, "val": 0, "test": 1}}, "there is no image in val"),
        ({"distinct": {"train": 400, "val": 1, "test": 1}}, "the certificate counts other images a side than splits.parquet"),
    ],
)
def test_a_certificate_that_does_not_hold_is_refused_although_it_belongs_to_the_split(
    facts: dict[str, Any], problem: str
) -> None:
    """`holds` itself is not believed."""
    assert problem in verify(sealed({**PROOF, **facts, "holds": True}), SPLITS)


def test_a_file_that_is_no_certificate_is_named_as_such() -> None:
    assert verify({}, SPLITS) == ["the certificate lacks digest, digests, distinct, holds, leaks, shared"]
