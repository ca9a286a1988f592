"""What cannot be made again is refused before anything is checked out; tests/test_dvc.py makes a version again."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import ConvoyError, NotRebuildable, RebuildDiffers
from pipeline.rebuild import run
from pipeline.tracking.recorded import Recorded


def recorded(folder: Path, commit: str = "c" * 40) -> Recorded:
    (folder / "model.json").write_text('{"recipe": {"digests": {"train": "a", "val": "b"}}}')
    return Recorded("m", "1", commit, "", folder, folder)


@pytest.mark.parametrize(
    ("commit", "why"),
    [("unknown", "no commit is recorded"), ("", "no commit is recorded"), ("c" * 40 + "+", "with changes that no commit holds")],
)
def test_code_that_no_commit_holds_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, commit: str, why: str) -> None:
    monkeypatch.setattr(run, "fetch_recorded", lambda *_: recorded(tmp_path, commit))
    with pytest.raises(NotRebuildable, match=why):
        run.rebuild(tmp_path, "", "m", "1", 0.0)


def test_other_images_end_it_before_anything_is_trained(tmp_path: Path) -> None:
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "data/processed").mkdir(parents=True)
    (tmp_path / "pipeline/__main__.py").write_text("")
    (tmp_path / "data/processed/recipe.json").write_text('{"digests": {"train": "a", "val": "other"}}')
    with pytest.raises(ConvoyError, match="the prepared val images are not those it was trained on") as refusal:
        run._make_data(tmp_path, tmp_path, recorded(tmp_path))
    assert isinstance(refusal.value, RebuildDiffers)
