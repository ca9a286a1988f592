"""What holds of every split, whatever the catalog: tried on many that hypothesis makes up."""

from __future__ import annotations

import math
from collections import defaultdict

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.data.split.assign import Division, divide
from pipeline.data.split.certificate import certify
from pipeline.data.split.settings import SplitParams
from pipeline.data.split.verify import verify
from tests.data.split.catalogs import Row, digests, frame, made, no_pairs, sides

TRY = settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
SHARES = st.sampled_from([0.05, 0.1, 0.15, 0.25, 0.4])


@st.composite
def catalogs(draw: st.DrawFn) -> tuple[list[Row], dict[str, str], dict[str, str]]:
    """Rows of 2–3 classes, some images twice or under two labels; digest → group; digest → medoid."""
    rows: list[Row] = []
    for label in "abc"[: draw(st.integers(2, 3))]:
        rows += [(label, digest, None) for digest in digests(f"{draw(st.integers(0, 999))}{label}", draw(st.integers(30, 90)))]
    known = [digest for _, digest, _ in rows]
    some = st.lists(st.sampled_from(known), max_size=12, unique=True)
    rows += [(draw(st.sampled_from("ab")), digest, None) for digest in draw(some)]
    groups = {digest: f"p{draw(st.integers(0, 3))}" for digest in draw(some)}
    clusters: dict[str, str] = {}
    for members in draw(st.lists(some, max_size=3)):
        fresh = [digest for digest in members if digest not in clusters]
        clusters |= dict.fromkeys(fresh, fresh[0]) if fresh else {}
    return rows, groups, clusters


@TRY
@given(st.integers(0, 10**6), SHARES, SHARES, st.integers(400, 1500))
def test_the_shares_are_those_asked_for_within_four_sigma(seed: int, val_share: float, test_share: float, count: int) -> None:
    rows: list[Row] = [("ab"[number % 2], digest, None) for number, digest in enumerate(digests(f"{seed}/", count))]
    found = list(sides(divide(frame(rows), SplitParams(seed=seed, val_share=val_share, test_share=test_share))).values())
    for name, share in (("val", val_share), ("test", test_share)):
        assert abs(found.count(name) - share * count) <= 4 * math.sqrt(count * share * (1 - share)) + 1


@TRY
@given(catalogs(), st.integers(0, 99), st.sampled_from([0, 3]))
def test_no_digest_group_or_cluster_is_on_two_sides_and_the_certificate_holds(
    made_up: tuple[list[Row], dict[str, str], dict[str, str]], seed: int, folds: int
) -> None:
    rows, groups, clusters = made_up
    images, params = frame(rows, groups), SplitParams(seed=seed, folds=folds)
    division = divide(images, params, clusters)
    assert division.splits["digest"].is_unique
    assert set(division.splits["digest"]) == {digest for _, digest, _ in rows}
    for ties in (groups, clusters):
        assert all(len(some) == 1 for some in _per_name(ties, sides(division)).values())
    if folds:
        fold = dict(zip(division.splits["digest"], division.splits["fold"].fillna(-1), strict=True))
        assert all(len(some) == 1 for ties in (groups, clusters) for some in _per_name(ties, fold).values())
    proof = certify(images, division, params, no_pairs())
    assert proof["holds"] and verify(proof, division.splits, images[["digest", "group"]].dropna()) == []


@TRY
@given(catalogs(), st.data())
def test_adding_images_moves_none_but_those_whose_clusters_or_groups_merged(
    made_up: tuple[list[Row], dict[str, str], dict[str, str]], data: st.DataObject
) -> None:
    rows, groups, clusters = made_up
    params = SplitParams()
    first = divide(frame(rows, groups), params, clusters)
    known = [digest for _, digest, _ in rows]
    new = digests(f"new{data.draw(st.integers(0, 999))}/", data.draw(st.integers(1, 30)))
    more = [(data.draw(st.sampled_from("ab")), digest, None) for digest in new]
    for digest in new:  # some join what is there, and now and then two clusters at once
        for partner in data.draw(st.lists(st.sampled_from(known), max_size=2)):
            clusters = _joined(clusters, digest, partner)
    second = divide(frame(rows + more, groups), params, clusters, made(first))

    before, after = sides(first), sides(second)
    moved = {digest for digest in before if after[digest] != before[digest]}
    assert moved == {digest for told in second.moved for digest in told.digests}
    for told in second.moved:
        assert len(told.sides) > 1 and all(after[digest] == told.side for digest in told.digests)
    assert second.kept == len(before) - len(moved)
    assert all(len(some) == 1 for ties in (groups, clusters) for some in _per_name(ties, after).values())


@TRY
@given(catalogs(), st.lists(st.integers(0, 3), min_size=1, max_size=400), st.sampled_from(["report", "move"]))
def test_given_splits_are_kept_or_moved_to_the_strictest_and_the_certificate_holds(
    made_up: tuple[list[Row], dict[str, str], dict[str, str]], splits: list[int], on_leak: str
) -> None:
    rows, groups, clusters = made_up
    sources = ("train", "val", "test", None)
    names = {digest: sources[splits[number % len(splits)]] for number, (_, digest, _) in enumerate(rows)}
    for label in "abc":  # so that every class can be trained on
        for digest in digests(f"always{label}", 3):
            rows, names = [*rows, (label, digest, None)], {**names, digest: "train"}
    images = frame([(label, digest, names[digest]) for label, digest, _ in rows], groups)
    params = SplitParams(on_leak=on_leak)  # type: ignore[arg-type]
    division: Division = divide(images, params, clusters)
    after = sides(division)
    proof = certify(images, division, params, no_pairs())
    if on_leak == "move":
        assert all(len(some) == 1 for ties in (groups, clusters) for some in _per_name(ties, after).values())
    else:
        fixed = {digest for digest, name in names.items() if name in ("val", "test")}
        assert all(after[digest] == names[digest] for digest in fixed)
    assert [problem for problem in proof["problems"] if "no image in" not in problem] == []


def _per_name(ties: dict[str, str], found: dict[str, object]) -> dict[str, set[object]]:
    names: dict[str, set[object]] = defaultdict(set)
    for digest, name in ties.items():
        names[name].add(found[digest])
    return names


def _joined(clusters: dict[str, str], digest: str, partner: str) -> dict[str, str]:
    """The clusters with those of `digest` and `partner` made one."""
    old = {clusters.get(digest, digest), clusters.get(partner, partner)}
    return {**{d: digest if m in old else m for d, m in clusters.items()}, digest: digest, partner: digest}
