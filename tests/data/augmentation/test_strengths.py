from __future__ import annotations

import pytest
from pydantic import ValidationError

from pipeline.data.augmentation.strengths import Augmentation
from pipeline.data.sources.source import Kind


def test_nothing_is_changed_by_default() -> None:
    values = Augmentation().model_dump(exclude={"policy", "policy_strength"})
    assert set(values.values()) == {0.0}
    assert Augmentation().policy == "none" and not Augmentation().mixes


@pytest.mark.parametrize(("kind", "probability"), [("photos", 0.5), ("glyphs", 0.0), ("unknown", 0.0)])
def test_auto_flips_photos_alone(kind: Kind, probability: float) -> None:
    assert Augmentation(flip="auto").resolved(kind).flip == probability
    assert Augmentation(flip=0.25).resolved(kind).flip == 0.25


@pytest.mark.parametrize(("kind", "share"), [("photos", 0.125), ("glyphs", 0.0), ("unknown", 0.0)])
def test_auto_crops_photos_alone(kind: Kind, share: float) -> None:
    assert Augmentation(crop="auto").resolved(kind) == Augmentation(crop=share)
    assert Augmentation(crop=0.25).resolved(kind).crop == 0.25


@pytest.mark.parametrize("value", ["auto", 0, 0.0, 0.5, 1, 1.0])
def test_a_flip_is_auto_or_a_probability(value: object) -> None:
    assert Augmentation.model_validate({"flip": value}).flip == value


@pytest.mark.parametrize("value", ["Auto", "0.5", 1.5, -0.1, float("nan"), True, None, [0.5]])
def test_any_other_flip_is_refused_in_one_message(value: object) -> None:
    with pytest.raises(ValidationError, match="auto or a probability") as refusal:
        Augmentation.model_validate({"flip": value})
    assert [problem["loc"] for problem in refusal.value.errors()] == [("flip",)]


@pytest.mark.parametrize("value", ["Auto", 0.6, -0.1, True])
def test_a_crop_is_auto_or_a_share_of_at_most_a_half(value: object) -> None:
    with pytest.raises(ValidationError, match=r"auto or a share from 0 to 0\.5"):
        Augmentation.model_validate({"crop": value})


@pytest.mark.parametrize("name", sorted(set(Augmentation.model_fields) - {"flip", "policy", "policy_strength"}))
def test_every_strength_has_a_range_from_zero_on(name: str) -> None:
    for value in (-0.01, 1000.0):
        with pytest.raises(ValidationError):
            Augmentation.model_validate({name: value})


@pytest.mark.parametrize(("strengths", "mixes"), [({"mixup": 0.1}, True), ({"cutmix": 1.0}, True), ({"erase": 0.2}, False)])
def test_mixing_is_what_gives_an_image_two_labels(strengths: dict[str, float], mixes: bool) -> None:
    assert Augmentation.model_validate(strengths).mixes is mixes
