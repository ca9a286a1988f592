from __future__ import annotations

from typing import get_args

import pytest
import torch

from pipeline.data.preparation.exportable import PROVEN, PROVEN_WITH, require_exportable
from pipeline.data.preparation.prepare import Prepare
from pipeline.data.preparation.steps import Contrast, Denoise, Resize, Step
from pipeline.errors import StepNotExportable
from tests.data.preparation.test_prepare import STEPS, prepare
from tests.repository import REPOSITORY


class Decides:
    """Looks at a value before it decides what to compute."""

    key = "decides"

    def apply(self, images: torch.Tensor, side: int) -> torch.Tensor:
        """Leave dark images alone."""
        return images if images.float().mean() < 10 else images + 1


class NeedsTwoRows:
    """Slices in a way that ties the program to images of some height."""

    key = "needs-two-rows"

    def apply(self, images: torch.Tensor, side: int) -> torch.Tensor:
        """Drop the last row."""
        return images[:, :, :-1]


class Draws:
    """Gives other pixels each time."""

    key = "draws"

    def apply(self, images: torch.Tensor, side: int) -> torch.Tensor:
        """Add noise."""
        return torch.randint_like(images, 256)


@pytest.mark.parametrize("bad", [Decides(), NeedsTwoRows(), Draws()], ids=lambda step: step.key)
def test_a_step_that_torch_export_cannot_carry_is_refused_by_name(bad: Step) -> None:
    with pytest.raises(StepNotExportable, match=rf"E213 preprocess\.steps\.0\.{bad.key} — "):
        require_exportable(Prepare(3, 8, [bad, Resize(fit="stretch")]))


def test_the_good_steps_before_it_are_not_named() -> None:
    with pytest.raises(StepNotExportable, match=r"preprocess\.steps\.1\.draws"):
        require_exportable(Prepare(1, 8, [Resize(fit="stretch"), Draws()]))


class Keeps:
    """Does nothing."""

    key = "keeps"

    def apply(self, images: torch.Tensor, side: int) -> torch.Tensor:
        """Leave all as it is."""
        return images


@pytest.mark.parametrize("torch_version", [torch.__version__, "3.0.0"])
@pytest.mark.parametrize("steps", [[Resize(fit="pad")], [Keeps(), Resize(fit="pad")]], ids=["proven", "new"])
def test_a_good_preparation_passes(steps: list[Step], torch_version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    exports: list[object] = []
    export = torch.export.export
    monkeypatch.setattr(torch, "__version__", torch_version)
    monkeypatch.setattr(torch.export, "export", lambda *given, **more: exports.append(given) or export(*given, **more))
    require_exportable(Prepare(3, 8, steps))
    assert bool(exports) is (torch_version == "3.0.0" or len(steps) > 1), "what is proven is not exported again"


def test_every_step_there_is_is_proven_with_the_torch_that_is_locked() -> None:
    """A new step or version: run test_prepare.py with it, then name it in exportable.py."""
    assert set(PROVEN) == {Denoise, Resize, Contrast} == {type(step) for steps in STEPS for step in prepare(1, steps).steps}
    assert torch.__version__.startswith(PROVEN_WITH)
    assert f"torch=={PROVEN_WITH}" in (REPOSITORY / "requirements.lock").read_text()
    for step, option in ((Denoise, "filter"), (Resize, "fit")):
        used = {getattr(found, option) for steps in STEPS for found in prepare(1, steps).steps if isinstance(found, step)}
        assert used == set(get_args(step.model_fields[option].annotation))
