from __future__ import annotations

import pytest
import torch

from pipeline.data.augmentation.mixing import Mixed, mix
from pipeline.data.augmentation.strengths import Augmentation
from pipeline.data.seeds import generator
from tests.data.augmentation.images import images

COUNT = 400
FLAT = torch.arange(COUNT).view(-1, 1, 1, 1).expand(COUNT, 3, 10, 10) / COUNT  # each image one value of its own
LABELS = torch.arange(COUNT)


def mixed(**strengths: float) -> Mixed:
    return mix(FLAT, LABELS, Augmentation.model_validate(strengths), generator("x"))


def test_mixup_is_the_weighted_mean_of_two_images() -> None:
    found = mixed(mixup=0.8)
    share = found.share.view(-1, 1, 1, 1)
    assert torch.equal(found.labels_a, LABELS) and torch.equal(found.labels_b.sort().values, LABELS)
    torch.testing.assert_close(found.images, share * FLAT + (1 - share) * FLAT[found.labels_b])


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_shares_have_the_spread_of_their_beta_distribution(alpha: float) -> None:
    share = mix(torch.zeros(4000, 1, 1, 1), torch.zeros(4000), Augmentation(mixup=alpha), generator("x")).share
    assert share.min() >= 0 and share.max() <= 1
    assert share.mean() == pytest.approx(0.5, abs=0.02)
    assert share.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.1)


def test_the_area_that_cutmix_leaves_is_the_share_of_the_label() -> None:
    found = mixed(cutmix=1.0)
    own = (found.images == FLAT).float().mean((1, 2, 3))
    theirs = (found.images == FLAT[found.labels_b]).float().mean((1, 2, 3))
    others = found.labels_b != LABELS
    torch.testing.assert_close(own[others], found.share[others])
    torch.testing.assert_close(theirs[others], 1 - found.share[others])
    assert found.share.min() < 0.2 and found.share.max() == 1


def test_what_cutmix_takes_is_one_box_at_its_own_place() -> None:
    batch = images(50, 3, 12)
    found = mix(batch, torch.arange(50), Augmentation(cutmix=1.0), generator("x"))
    for image, own, other in zip(found.images, batch, batch[found.labels_b], strict=True):
        inside = (image != own).any(0)
        rows, columns = inside.any(1).nonzero(), inside.any(0).nonzero()
        if len(rows):
            assert int(inside.sum()) == len(rows) * len(columns)
            assert torch.equal(image[:, inside], other[:, inside])


def test_with_both_strengths_batches_differ_in_how_they_are_mixed() -> None:
    numbers = generator("x")
    ways = [mix(FLAT[:9], LABELS[:9], Augmentation(mixup=1.0, cutmix=1.0), numbers).images for _ in range(40)]
    blended = [bool((~torch.isin(images, FLAT)).any()) for images in ways]
    assert 8 <= sum(blended) <= 32


@pytest.mark.parametrize("strengths", [Augmentation(mixup=0.4), Augmentation(cutmix=0.4), Augmentation(mixup=0.4, cutmix=0.4)])
def test_the_same_generator_mixes_the_same_and_never_in_place(strengths: Augmentation) -> None:
    batch, labels = images(), torch.arange(16)
    first, again, other = (mix(batch, labels, strengths, generator(name)) for name in ("a", "a", "b"))
    assert torch.equal(first.images, again.images) and torch.equal(first.share, again.share)
    assert not torch.equal(first.images, other.images)
    assert torch.equal(batch, images()) and torch.equal(labels, torch.arange(16))
