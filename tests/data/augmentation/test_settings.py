from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import params
from pipeline.data.augmentation.settings import AugmentParams
from pipeline.errors import MixedCopies, Problems


def test_the_default_copies_are_safe_for_every_kind() -> None:
    default = AugmentParams()
    assert default.copies == 0 and default.resolved("glyphs").flip == 0.0 and default.resolved("photos").flip == 0.5


def test_copies_that_would_be_mixed_are_told_before_any_work_with_their_place(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("preprocess:\n  augment: {copies: 2, cutmix: 1.0}\n")
    with pytest.raises(MixedCopies, match=r"E216 preprocess\.augment\.cutmix at .*params\.yaml:2:24") as refusal:
        params.load(path)
    assert refusal.value.exit_code == 2
    path.write_text("preprocess:\n  augment: {mixup: 0.2}\nsplit: {seed: x}\n")
    with pytest.raises(Problems, match="E216"):
        params.load(path)
