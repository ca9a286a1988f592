from __future__ import annotations

import pytest
import torch

from pipeline.data.augmentation.augment import augment
from pipeline.data.augmentation.strengths import Augmentation
from pipeline.data.seeds import generator
from pipeline.data.sources.source import Kind
from tests.data.augmentation.images import images

STRENGTHS = {
    "flip": 0.5,
    "vertical_flip": 0.5,
    "rotation_degrees": 30.0,
    "scale": 0.3,
    "shift": 0.2,
    "shear_degrees": 10.0,
    "crop": 0.2,
    "brightness": 0.3,
    "contrast": 0.3,
    "saturation": 0.5,
    "hue": 0.1,
    "noise": 0.1,
    "blur": 1.0,
    "erase": 0.2,
}
ALONE = {name: Augmentation.model_validate({name: value}) for name, value in STRENGTHS.items()}
POLICIES = {name: Augmentation.model_validate({"policy": name}) for name in ("randaugment", "trivialaugment")}
ALL = {"all": Augmentation.model_validate({**STRENGTHS, "policy": "randaugment"})}
OF_COLORS = {"saturation", "hue"}


def test_every_strength_that_changes_images_is_tried_here() -> None:
    assert {*STRENGTHS, "policy", "policy_strength", "mixup", "cutmix"} == set(Augmentation.model_fields)


@pytest.mark.parametrize("channels", [1, 3])
def test_zero_strengths_return_the_very_same_tensor_and_draw_nothing(channels: int) -> None:
    numbers, batch = generator("x"), images(channels=channels)
    before = numbers.get_state()
    assert augment(batch, Augmentation(flip="auto", mixup=1.0), "glyphs", numbers) is batch
    assert torch.equal(numbers.get_state(), before)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("name", "strengths"), {**ALONE, **POLICIES, **ALL}.items())
def test_the_same_generator_gives_the_same_images_and_never_in_place(name: str, strengths: Augmentation, channels: int) -> None:
    batch = images(channels=channels)
    first, again, other = (augment(batch, strengths, "photos", generator(seed)) for seed in ("a", "a", "b"))
    assert first.shape == batch.shape and first.dtype == batch.dtype
    assert torch.equal(first, again)
    assert torch.equal(batch, images(channels=channels))
    if name in OF_COLORS and channels == 1:
        assert first is batch
    else:
        assert not torch.equal(first, other) and not torch.equal(first, batch)


@pytest.mark.parametrize(("name", "strengths"), {**ALONE, **POLICIES}.items())
def test_each_image_is_changed_in_its_own_way(name: str, strengths: Augmentation) -> None:
    same = images(1).expand(32, -1, -1, -1)
    assert len(augment(same, strengths, "photos", generator("x")).flatten(1).unique(dim=0)) > (3 if "flip" not in name else 1)


@pytest.mark.parametrize("strengths", [*ALONE.values(), *POLICIES.values()], ids=[*ALONE, *POLICIES])
def test_only_noise_leaves_the_range(strengths: Augmentation) -> None:
    changed = augment(images(), strengths, "photos", generator("x"))
    inside = bool(((changed > -1e-6) & (changed < 1 + 1e-6)).all())
    assert inside is not bool(strengths.noise)


@pytest.mark.parametrize(("kind", "flipped"), [("photos", True), ("glyphs", False), ("unknown", False)])
def test_auto_mirrors_photos_and_nothing_else(kind: Kind, flipped: bool) -> None:
    changed = augment(images(), Augmentation(flip="auto"), kind, generator("x"))
    assert bool((changed != images()).any()) is flipped


def test_rotation_keeps_the_centre_and_what_is_uniform() -> None:
    batch = images(50, 1, 9)
    turned = augment(batch, Augmentation(rotation_degrees=45), "photos", generator("x"))
    assert torch.allclose(turned[..., 4, 4], batch[..., 4, 4], atol=1e-5)
    moved = Augmentation(rotation_degrees=30, scale=0.3, shift=0.2, shear_degrees=20, crop=0.3, blur=2.0)
    uniform = augment(torch.full((9, 1, 8, 8), 0.4), moved, "photos", generator("x"))
    assert torch.allclose(uniform, torch.tensor(0.4))


def test_shift_moves_at_most_its_share_of_the_side() -> None:
    batch = torch.zeros(200, 1, 21, 21)
    batch[..., 10, 10] = 1
    moved = augment(batch, Augmentation(shift=0.2), "photos", generator("x"))
    weight = moved.sum((2, 3)).clamp(min=1e-6)
    centre = (moved.sum(2) * torch.arange(21.0)).sum(-1) / weight
    assert 0.1 * 21 < (centre - 10).abs().max() <= 0.2 * 21 + 1e-3


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize(("name", "strengths"), {**ALONE, **POLICIES, **ALL}.items())
def test_a_gpu_changes_the_images_as_the_cpu_does(name: str, strengths: Augmentation) -> None:
    quiet = strengths.model_copy(update={"noise": 0.0})  # whose pixels each device draws itself
    here = augment(images(), quiet, "photos", generator("x"))
    there = augment(images().cuda(), quiet, "photos", generator("x"))
    assert there.device.type == "cuda"
    torch.testing.assert_close(there.cpu(), here, atol=1e-3, rtol=0)
