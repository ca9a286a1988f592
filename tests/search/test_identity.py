from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import pipeline
from pipeline.data.preparation.recipe import Recipe
from pipeline.search import identity
from pipeline.search.identity import new_study
from pipeline.search.run import _announce
from pipeline.search.settings import Limits, SearchParams
from pipeline.study import store, studies
from tests import projects
from tests.imports import MODULES, closure
from tests.search.driving import SPACE, space

PACKAGE = Path(pipeline.__file__).parent
MODULE = '''"""What it is."""

RATE = 0.5


class Rule:
    """A rule."""

    def apply(self, value):
        """Apply it."""
        return value * RATE  # half
'''


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package of which one training module matters here."""
    for name in ("models", "training", "data/augmentation", "data/images", "data/preparation"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "training/rule.py").write_text(MODULE)
    for part in identity.TRAINING_CODE:
        if part.endswith(".py"):
            (tmp_path / part).write_text("")
    return tmp_path


def edited(package: Path, old: str, new: str) -> str:
    """The digest after this edit."""
    assert old in MODULE
    (package / "training/rule.py").write_text(MODULE.replace(old, new))
    return identity.code_digest(package, "cnn")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""What it is."""', '"""Something else."""'),
        ('    """A rule."""\n\n', ""),
        ('"""Apply it."""', '"""Apply it at length.\n\n        And so on.\n        """'),
        ("  # half", "  # a half, since more would be too much"),
        ("\n\n\nclass", "\nclass"),
        ("value * RATE", "(value * RATE)"),
    ],
)
def test_docstrings_comments_and_layout_of_the_code_mean_nothing(package: Path, old: str, new: str) -> None:
    assert edited(package, "RATE", "RATE") == edited(package, old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [("0.5", "0.6"), ("value * RATE", "value / RATE"), ("apply(self, value)", "apply(self, value=1)"), ("Rule", "Role")],
)
def test_a_change_of_the_code_that_trains_changes_the_digest(package: Path, old: str, new: str) -> None:
    assert edited(package, "RATE", "RATE") != edited(package, old, new)


def test_a_new_module_or_a_moved_one_changes_the_digest(package: Path) -> None:
    digests = [identity.code_digest(package, "cnn")]
    (package / "training/swa.py").write_text("")
    digests.append(identity.code_digest(package, "cnn"))
    (package / "training/swa.py").rename(package / "training/ema.py")
    digests.append(identity.code_digest(package, "cnn"))
    assert len(set(digests)) == 3


def test_each_family_has_its_own_digest_and_a_new_one_leaves_the_others_alone(package: Path) -> None:
    before = identity.code_digest(package, "cnn")
    (package / "models/resnet.py").write_text("DEPTH = 18")
    assert identity.code_digest(package, "cnn") == before != identity.code_digest(package, "resnet")


def test_a_space_of_several_families_covers_the_code_of_each(package: Path) -> None:
    for family in ("cnn", "resnet"):
        before = identity.code_digest(package, "cnn", "resnet")
        (package / f"models/{family}.py").write_text("DEPTH = 18")
        assert identity.code_digest(package, "cnn", "resnet") != before
    assert identity.code_digest(package, "resnet", "cnn") == identity.code_digest(package, "cnn", "resnet")


@pytest.mark.parametrize("family", ["cnn", "resnet"])
def test_the_layers_are_part_of_every_family(package: Path, family: str) -> None:
    digests = [identity.code_digest(package, family)]
    (package / "models/layers").mkdir()
    for text in ("HEIGHT = 3", "HEIGHT = 5"):
        (package / "models/layers/plain.py").write_text(text)
        digests.append(identity.code_digest(package, family))
    assert len(set(digests)) == 3


@pytest.mark.parametrize("name", ["data/images/decode.py", *identity.NOT_TRAINING])
def test_other_code_does_not_matter(package: Path, name: str) -> None:
    before = identity.code_digest(package, "cnn")
    (package / name).write_text("x = 1")
    assert identity.code_digest(package, "cnn") == before


def test_all_code_that_turns_packed_images_into_numbers_is_covered() -> None:
    parts = [PACKAGE / part for part in identity.TRAINING_CODE]
    assert all(part.exists() for part in parts)
    covered = {name for name, file in MODULES.items() if any(file == part or part in file.parents for part in parts)}
    containers = {
        "pipeline.addresses",  # for errors alone
        "pipeline.config",
        "pipeline.errors",
        "pipeline.data.preparation.packed",
        "pipeline.data.preparation.recipe",
        "pipeline.data.preparation.shards",
        "pipeline.data.images.decoding",
        "pipeline.data.sources.source",
    }  # hold what the digests say
    steps = ("contrast", "denoise", "object_crop", "resize", "steps")  # their results are packed, so the digest of the data knows
    containers |= {f"pipeline.data.preparation.{name}" for name in steps}
    assert closure("pipeline.training.fit") - covered - containers - {"pipeline.data", "pipeline"} == set()


SETTINGS = SearchParams(trials=5)


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    return projects.write_processed(tmp_path)


def study(tmp_path: Path, recipe: Recipe, text: str = SPACE, **changes: object) -> tuple[str, dict[str, str]]:
    """The id and the identity of the study that these mean."""
    row = new_study(SETTINGS.model_copy(update=changes), space(tmp_path, text), recipe, {"commit": "c"})
    return row.study_id, row.identity


@pytest.mark.parametrize(
    "budget", [{"trials": 50}, {"trials": None, "time_limit_minutes": 9.0}, {"cpus_per_trial": 2.0}, {"experiment": "other"}]
)
def test_the_budget_is_no_part_of_a_studys_identity(tmp_path: Path, recipe: Recipe, budget: dict[str, object]) -> None:
    assert study(tmp_path, recipe, **budget) == study(tmp_path, recipe)


def test_the_test_split_is_no_part_of_a_studys_identity(tmp_path: Path, recipe: Recipe) -> None:
    changed = recipe.model_copy(update={"digests": {**recipe.digests, "test": "0" * 64}})
    assert study(tmp_path, changed) == study(tmp_path, recipe)


OTHERS = [({"metric": "val_loss"}, "metric"), ({"seed": 1}, "seed"), ({"objectives": ["parameters"]}, "objectives")]


@pytest.mark.parametrize(("settings", "key"), OTHERS)
def test_a_changed_setting_begins_a_study_that_names_its_key(
    tmp_path: Path, recipe: Recipe, settings: dict[str, object], key: str
) -> None:
    (one, before), (other, after) = study(tmp_path, recipe), study(tmp_path, recipe, **settings)
    assert one != other and identity.differences(before, after) == [key]


def test_objectives_are_the_same_in_any_order_and_a_limit_on_latency_is_none(tmp_path: Path, recipe: Recipe) -> None:
    one, other = ["parameters", "latency_ms"], ["latency_ms", "parameters"]
    assert study(tmp_path, recipe, objectives=one) == study(tmp_path, recipe, objectives=other)
    assert study(tmp_path, recipe, limits=Limits(latency_ms=1.0)) == study(tmp_path, recipe)
    assert "objectives" not in study(tmp_path, recipe)[1]


@pytest.mark.parametrize("split", ["train", "val"])
def test_changed_images_begin_a_study(tmp_path: Path, recipe: Recipe, split: str) -> None:
    changed = recipe.model_copy(update={"digests": {**recipe.digests, split: "0" * 64}})
    (one, before), (other, after) = study(tmp_path, recipe), study(tmp_path, changed)
    assert one != other and identity.differences(before, after) == ["data"]


def test_changed_preprocessing_begins_a_study(tmp_path: Path, recipe: Recipe) -> None:
    changed = recipe.model_copy(update={"mean": (0.41,)})
    (one, before), (other, after) = study(tmp_path, recipe), study(tmp_path, changed)
    assert one != other and identity.differences(before, after) == ["preprocessing"]


def test_a_changed_space_begins_a_study_and_a_comment_in_it_does_not(tmp_path: Path, recipe: Recipe) -> None:
    (one, before) = study(tmp_path, recipe)
    (other, after) = study(tmp_path, recipe, SPACE.replace("high: 9", "high: 8"))
    assert one != other and identity.differences(before, after) == ["space"]
    assert study(tmp_path, recipe, f"# wide\n{SPACE}") == (one, before)


def test_changed_training_code_begins_a_study(tmp_path: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    (one, before) = study(tmp_path, recipe)
    shutil.copytree(PACKAGE, tmp_path / "copy", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(pipeline, "__file__", str(tmp_path / "copy/__init__.py"))
    assert study(tmp_path, recipe) == (one, before)
    with (tmp_path / "copy/training/loss.py").open("a") as code:
        code.write("SCALE = 2\n")
    (other, after) = study(tmp_path, recipe)
    assert one != other and identity.differences(before, after) == ["code"]


def test_differences_name_keys_of_either_side() -> None:
    assert identity.differences({"a": "1", "b": "2"}, {"b": "3", "c": "4"}) == ["a", "b", "c"]
    assert identity.differences({"a": "1"}, {"a": "1"}) == []


def test_another_space_is_another_study_and_what_differs_is_said(
    recipe: Recipe, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    for text in (SPACE, SPACE, SPACE.replace("high: 9", "high: 8")):
        row = new_study(SETTINGS, space(tmp_path, text), recipe, {})
        study, before = store.create(url, row)
        _announce(study, before, row)
    begins, again, other = capsys.readouterr().out.splitlines()
    assert begins == again and begins.endswith("begins")
    assert re.fullmatch(r"study \w+ is new; other than \w+: space", other)
    assert len(studies.rows(url)) == 2
