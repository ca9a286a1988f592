from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.data.catalog.policies import OTHER, Outcome, settle
from pipeline.data.catalog.settings import IngestParams
from pipeline.data.catalog.table import Catalog
from pipeline.errors import ClassTooSmall, ContradictoryLabels, EmptyClass, NoImages, OneClass, SimilarLabels, UnreadableImages
from tests.data.catalog.catalogs import catalog_of, of_counts

FAIL = IngestParams(on_contradiction="fail")


def params(**changes: object) -> IngestParams:
    return IngestParams.model_validate(changes)


def kinds(outcome: Outcome) -> list[type[Exception]]:
    return [type(problem) for problem in outcome.problems]


def counts(outcome: Outcome) -> dict[str, int]:
    """Class → images, also of classes without one."""
    found = outcome.catalog.images["label"].value_counts().to_dict()
    return {name: found.get(name, 0) for name in outcome.catalog.classes}


def reasons(outcome: Outcome) -> list[str]:
    return outcome.catalog.rejects["reason"].tolist()


def with_contradictions(pictures: int, distinct: int = 1000) -> Catalog:
    """`pictures` of the cats are also dogs."""
    cats = [("cat", f"cat/{number}") for number in range(distinct)]
    dogs = [("dog", f"dog/{number}") for number in range(distinct)]
    return catalog_of([*cats, *dogs, *(("dog", f"cat/{number}") for number in range(pictures))])


def test_a_good_set_stays_as_it_is() -> None:
    catalog = of_counts({"cat": 3, "dog": 3})
    outcome = settle(catalog, FAIL)
    assert (outcome.problems, outcome.notes, outcome.renamed) == ([], [], {})
    assert outcome.catalog is catalog


def test_no_images_are_the_only_problem() -> None:
    assert kinds(settle(catalog_of([], ["cat"]), FAIL)) == [NoImages]


@pytest.mark.parametrize(
    ("changes", "bad", "expected"),
    [
        (
            {},
            1,
            "1 of 20 images cannot be read at bad0.png — 1 zero-bytes — repair or remove them, or set ingest.on_bad_image: skip",
        ),
        ({}, 0, None),
        ({"on_bad_image": "skip", "bad_image_share": 0.1}, 2, None),
        ({"on_bad_image": "skip", "bad_image_share": 0.09}, 2, "repair them, or raise ingest.bad_image_share (now 0.09)"),
        ({"on_bad_image": "skip", "bad_image_share": 0.0}, 1, "raise ingest.bad_image_share (now 0)"),
    ],
)
def test_unreadable_images(changes: dict[str, object], bad: int, expected: str | None) -> None:
    images = [("cat" if number % 2 else "dog", str(number)) for number in range(20 - bad)]
    rejects = [(f"bad{number}.png", "cat", "zero-bytes") for number in range(bad)]
    outcome = settle(catalog_of(images, rejects=rejects), params(**changes))
    assert kinds(outcome) == ([UnreadableImages] if expected else [])
    assert expected is None or expected in str(outcome.problems[0])
    assert reasons(outcome) == ["zero-bytes"] * bad


def test_reasons_are_counted_by_their_codes() -> None:
    rejects = [(f"bad{size}.png", "cat", f"truncated: {size} of 9 bytes") for size in range(3)]
    images = [("cat" if number % 2 else "dog", str(number)) for number in range(20)]
    (problem,) = settle(catalog_of(images, rejects=rejects), params()).problems
    assert problem.why == "3 truncated"


@pytest.mark.parametrize(
    ("policy", "problems", "classes"),
    [
        ("fail", [SimilarLabels, SimilarLabels], {"Dog": 5, "bird": 6, "cat": 4, "cat ": 3, "dog": 4}),
        ("merge", [], {"Dog": 9, "bird": 6, "cat": 7}),
        ("keep", [], {"Dog": 5, "bird": 6, "cat": 4, "cat ": 3, "dog": 4}),
    ],
)
def test_similar_labels(policy: str, problems: list[type[Exception]], classes: dict[str, int]) -> None:
    outcome = settle(of_counts({"cat": 4, "cat ": 3, "Dog": 5, "dog": 4, "bird": 6}), params(on_similar_labels=policy))
    assert kinds(outcome) == problems
    assert counts(outcome) == classes
    if policy == "fail":
        assert str(outcome.problems[0]) == (
            "E315 the classes 'Dog' (5), 'dog' (4) look the same — they differ in case — "
            "rename their folders, or set ingest.on_similar_labels: merge or keep"
        )
    else:
        assert len(outcome.notes) == 2
    assert outcome.renamed == ({"cat ": "cat", "dog": "Dog"} if policy == "merge" else {})


def test_twins_in_unicode_are_told_apart_by_escapes() -> None:
    (problem,) = settle(of_counts({"caf\u00e9": 4, "cafe\u0301": 3}), FAIL).problems
    assert "'cafe\\u0301' (3), 'caf\\xe9' (4)" in str(problem)


def test_labels_of_a_published_set_are_meant() -> None:
    catalog = of_counts({"castle": 4, "cattle": 4})
    assert kinds(settle(catalog, FAIL)) == [SimilarLabels]
    assert settle(catalog, FAIL, published=True).problems == []


def test_merged_spellings_do_not_contradict_each_other() -> None:
    images = [(label, f"{label}/{number}") for label in ("cat", "dog") for number in range(4)]
    outcome = settle(catalog_of([*images, ("Cat", "cat/0")]), params(on_similar_labels="merge", on_contradiction="fail"))
    assert (outcome.problems, counts(outcome)) == ([], {"cat": 5, "dog": 4})


@pytest.mark.parametrize(
    ("changes", "pictures", "problems", "classes", "left_out"),
    [
        ({}, 0, [], {"cat": 1000, "dog": 1000}, 0),
        ({}, 2, [], {"cat": 998, "dog": 1000}, 4),
        ({}, 6, [ContradictoryLabels], {"cat": 1000, "dog": 1006}, 0),  # 12 of 2,006 are more than 0.5 %
        ({"contradiction_share": 0.006}, 6, [], {"cat": 994, "dog": 1000}, 12),
        ({"on_contradiction": "keep"}, 2, [], {"cat": 1000, "dog": 1002}, 0),
        ({"on_contradiction": "keep"}, 6, [ContradictoryLabels], {"cat": 1000, "dog": 1006}, 0),
        ({"on_contradiction": "fail"}, 1, [ContradictoryLabels], {"cat": 1000, "dog": 1001}, 0),
        ({"on_contradiction": "fail", "contradiction_share": 1.0}, 1, [ContradictoryLabels], {"cat": 1000, "dog": 1001}, 0),
    ],
)
def test_contradictions(
    changes: dict[str, object], pictures: int, problems: list[type[Exception]], classes: dict[str, int], left_out: int
) -> None:
    outcome = settle(with_contradictions(pictures), params(**changes))
    assert kinds(outcome) == problems
    assert counts(outcome) == classes
    assert reasons(outcome) == ["contradiction"] * left_out
    assert len(outcome.contradictions) == 2 * pictures
    if problems:
        assert f"{2 * pictures} of {2000 + pictures} images carry a second label" in str(outcome.problems[0])
        assert "same pixels: 0000.png and 2000.png" in str(outcome.problems[0])


def test_every_copy_of_a_contradictory_picture_is_left_out() -> None:
    outcome = settle(catalog_of([("a", "x"), ("a", "x"), ("b", "x"), ("a", "1"), ("b", "2")]), params(contradiction_share=1.0))
    assert outcome.catalog.images["digest"].tolist() == ["1", "2"]
    assert outcome.catalog.rejects["path"].tolist() == ["0000.png", "0001.png", "0002.png"]
    assert outcome.catalog.thumbnails[:, 0, 0, 0].tolist() == [3, 4]


TINY = {"ant": 1, "bee": 2, "cat": 4, "dog": 5, "eel": 0}


@pytest.mark.parametrize(
    ("changes", "problems", "classes", "left_out"),
    [
        ({}, [ClassTooSmall, ClassTooSmall, EmptyClass], TINY, 0),
        ({"on_small_class": "drop"}, [], {"cat": 4, "dog": 5}, 3),
        ({"on_small_class": "drop", "smallest_class": 5}, [OneClass], {"dog": 5}, 7),
        ({"on_small_class": "drop", "smallest_class": 6}, [OneClass], {}, 12),
        ({"on_small_class": "merge"}, [], {"cat": 4, "dog": 5, "other": 3}, 0),
        ({"on_small_class": "merge", "smallest_class": 4}, [ClassTooSmall], {"cat": 4, "dog": 5, "other": 3}, 0),
        ({"on_small_class": "merge", "smallest_class": 6}, [OneClass], {"other": 12}, 0),
    ],
)
def test_small_classes(
    changes: dict[str, object], problems: list[type[Exception]], classes: dict[str, int], left_out: int
) -> None:
    outcome = settle(of_counts(TINY), params(**changes))
    assert kinds(outcome) == problems
    assert counts(outcome) == classes
    assert reasons(outcome) == ["small-class"] * left_out


def test_the_messages_give_numbers() -> None:
    rejects = [("eel/1.png", "eel", "truncated")]
    catalog = catalog_of([("ant", "1"), ("ant", "1"), ("bee", "2"), ("bee", "3"), ("bee", "4")], ["ant", "bee", "eel"], rejects)
    small, empty = settle(catalog, params(on_bad_image="skip", bad_image_share=1.0)).problems
    assert "class 'ant' is too small — 1 distinct images, at least 3 are needed (train, val and test each need one)" in str(small)
    assert "class 'eel' is empty — 0 readable images, 1 unreadable" in str(empty)
    assert settle(of_counts(TINY), params(on_small_class="drop")).notes == [
        "left out 3 classes with fewer than 3 distinct images: 'ant' (1), 'bee' (2), 'eel' (0)"
    ]


def test_small_classes_join_a_class_that_is_called_other_already() -> None:
    outcome = settle(of_counts({"ant": 2, "other": 7, "cat": 4}), params(on_small_class="merge"))
    assert (counts(outcome), outcome.renamed) == ({"cat": 4, "other": 9}, {"ant": "other"})


def test_a_label_merged_twice_is_renamed_to_what_it_became() -> None:
    outcome = settle(
        of_counts({"ant": 1, "Ant": 1, "bee": 2, "cat": 4}), params(on_small_class="merge", on_similar_labels="merge")
    )
    assert counts(outcome) == {"cat": 4, "other": 4}
    assert outcome.renamed == {"ant": "other", "Ant": "other", "bee": "other"}


def test_a_class_that_contradictions_made_too_small_is_one() -> None:
    images = [("a", "1"), ("a", "2"), ("a", "x"), ("b", "x"), *(("b", str(number)) for number in range(10, 20))]
    outcome = settle(catalog_of(images), params(contradiction_share=1.0))
    assert kinds(outcome) == [ClassTooSmall]
    assert "2 distinct images" in str(outcome.problems[0])


def test_everything_wrong_is_said_at_once() -> None:
    images = [("cat", "1"), ("Cat", "2"), ("dog", "1")]
    outcome = settle(catalog_of(images, rejects=[("x.png", "dog", "broken")]), FAIL)
    assert kinds(outcome) == [UnreadableImages, SimilarLabels, ContradictoryLabels, *[ClassTooSmall] * 3]


@settings(deadline=None, max_examples=60)
@given(
    images=st.lists(
        st.tuples(st.sampled_from(["ant", "Ant", "bee", "cats", "cat", OTHER]), st.integers(0, 12).map(str)),
        min_size=1,
        max_size=40,
    ),
    small=st.sampled_from(["drop", "merge"]),
    labels=st.sampled_from(["merge", "keep"]),
    contradiction=st.sampled_from(["drop", "keep"]),
    smallest=st.integers(3, 6),
)
def test_whatever_is_dropped_or_merged_no_usable_set_has_a_class_under_the_limit_and_no_image_is_lost(
    images: Sequence[tuple[str, str]], small: str, labels: str, contradiction: str, smallest: int
) -> None:
    choices = {
        "on_small_class": small,
        "on_similar_labels": labels,
        "on_contradiction": contradiction,
        "smallest_class": smallest,
    }
    catalog = catalog_of(images)
    outcome = settle(catalog, params(contradiction_share=1.0, **choices))
    after = outcome.catalog
    assert sorted([*after.images["path"], *after.rejects["path"]]) == catalog.images["path"].tolist()
    assert after.thumbnails[:, 0, 0, 0].tolist() == [int(path[:4]) for path in after.images["path"]]
    assert set(after.images["label"]) <= set(after.classes)
    distinct = after.images.groupby("label")["digest"].nunique().reindex(after.classes, fill_value=0)
    assert outcome.problems or (len(distinct) >= 2 and int(np.min(distinct)) >= smallest)
    if contradiction == "drop" and not after.images.empty:
        assert after.images.groupby("digest")["label"].nunique().max() == 1
