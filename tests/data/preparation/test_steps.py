from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import YamlFile, validate
from pipeline.data.preparation.recipe import PreprocessParams
from pipeline.data.preparation.steps import Contrast, Denoise, Resize, require_room
from pipeline.errors import WrongValue

ALL = (Denoise(filter="median"), Resize(fit="crop"), Contrast(clip=3.0, tiles=4))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Short paths leave room for the messages."""
    monkeypatch.chdir(tmp_path)


def read(steps: str) -> tuple[PreprocessParams | None, list[str]]:
    """The section with these steps, from line 2, and what is wrong with it."""
    path = Path("params.yaml")
    path.write_text(f"preprocess:\n  steps: {steps}\n")
    file = YamlFile(path)
    params, problems = validate(PreprocessParams, file.data["preprocess"], file, ("preprocess",))
    return params, [str(problem) for problem in problems]


@pytest.mark.parametrize(
    ("written", "steps"),
    [
        ("[{denoise: median}, {resize: crop}, {contrast: {clip: 3.0}}]", ALL),
        ("[{denoise: {filter: median}}, {resize: {fit: crop}}, {contrast: {clip: 3.0, tiles: 4}}]", ALL),
        ("[{resize: object}, contrast]", (Resize(fit="object"), Contrast())),
        ("[{resize: object}, {contrast: }]", (Resize(fit="object"), Contrast())),
    ],
)
def test_a_step_is_its_key_with_its_options(written: str, steps: tuple[object, ...]) -> None:
    params, problems = read(written)
    assert params is not None and params.steps == steps and not problems
    assert PreprocessParams.model_validate_json(params.model_dump_json()) == params


def test_without_steps_images_are_stretched() -> None:
    assert PreprocessParams().steps == (Resize(fit="stretch"),)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("[]", "E203 preprocess.steps at params.yaml:2:3 — []: 0 steps are `resize`, keep exactly one"),
        ("[{resize: pad}, {resize: crop}]", "2 steps are `resize`, keep exactly one"),
        ("[contrast, {resize: pad}]", "E203 preprocess.steps at params.yaml:2:3 — ['contrast', {'resize': 'pad'}]: contrast"),
        ("[contrast, {resize: pad}]", "move `contrast` behind `resize`"),
        ("[{rezise: pad}]", "steps.0 at params.yaml:2:11 — {'rezise': 'pad'}: there is no such step, did you mean resize?"),
        ("[{resize: pad, denoise: median}]", "one step has one key, start each with `- `"),
        ("[{resize: pat}]", "E203 preprocess.steps.0.resize at params.yaml:2:12 — 'pat': Input should be 'stretch'"),
        ("[{resize: pad}, {denoise: }]", "E204 preprocess.steps.1.denoise.filter"),
        ("[{resize: pad}, {contrast: {clip: 0.5}}]", "E203 preprocess.steps.1.contrast.clip at params.yaml:2:38 — 0.5"),
        ("[{resize: pad}, {contrast: {tile: 3}}]", "contrast has no option 'tile', did you mean tiles?"),
        ("crop", "E203 preprocess.steps at params.yaml:2:3 — 'crop'"),
    ],
)  # fmt: skip
def test_other_lists_are_refused_with_their_place_and_a_remedy(written: str, message: str) -> None:
    params, problems = read(written)
    assert params is None and len(problems) == 1
    assert message in problems[0]


def test_tiles_need_at_least_a_pixel_each() -> None:
    require_room(ALL, 4)
    with pytest.raises(WrongValue, match=r"preprocess\.steps\.2\.contrast\.tiles — 4 tiles a side do not fit in 3×3 pixels"):
        require_room(ALL, 3)
