from __future__ import annotations

import json
import re
from pathlib import Path

import optuna
import pytest

from pipeline.errors import MESSAGE_LIMIT, BatchTooLarge, ConvoyError, ImageTooSmall, MissingFile, Problems
from pipeline.models.layers import layer_table
from pipeline.search.samplers import sampler
from pipeline.search.spaces.space import Space, load
from pipeline.training.hyperparameters import Value

SPACES = Path(__file__).parents[1] / "spaces"
VALID = sorted((SPACES / "valid").glob("*.yaml"))
INVALID = sorted((SPACES / "invalid").glob("*.yaml"))
SEARCH_SPACES = Path(__file__).parents[3] / "search_spaces"
SHIPPED = sorted(SEARCH_SPACES.glob("*.yaml"))

BREAKS_THE_SPACE = re.compile(r"^E2\d\d .+ at [\w/.]+:\d+:\d+ — .+ — .+$")


@pytest.fixture(autouse=True, scope="module")
def quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def study() -> optuna.Study:
    return optuna.create_study(direction="maximize", sampler=sampler("random", seed=0, number=0))


def suggested(space: Space, point: dict[str, Value]) -> dict[str, Value]:
    """The complete hyperparameters of a trial that was told to try `point`."""
    asked = study()
    asked.enqueue_trial(point)
    return space.suggest(asked.ask())


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_a_bad_space_is_refused_with_place_and_remedy(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    with pytest.raises(ConvoyError) as refusal:
        load(Path(path.name))
    assert f"{refusal.value}\n" == path.with_suffix(".txt").read_text(encoding="utf-8")
    assert refusal.value.exit_code == 2


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_every_expected_message_is_one_short_line_with_file_line_and_column(path: Path) -> None:
    for line in path.with_suffix(".txt").read_text(encoding="utf-8").splitlines():
        assert BREAKS_THE_SPACE.match(line)
        assert len(line) <= MESSAGE_LIMIT


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(Problems) as refusal:
        load(SPACES / "invalid" / "everything_at_once.yaml")
    assert {error.code for error in refusal.value.errors} == {"E202", "E203", "E204", "E205", "E206", "E208"}


def test_a_space_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"nowhere\.yaml"):
        load(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("path", VALID + SHIPPED, ids=lambda path: path.stem)
def test_every_suggestion_is_complete_and_legal_with_parents_before_children(path: Path) -> None:
    space = load(path)
    asked = study()
    for _ in range(50):
        flat = space.suggest(asked.ask())
        space.parse(flat)
        assert "train.epochs" in flat
        positions = {name: index for index, name in enumerate(flat)}
        for name, domain in space.domains.items():
            assert (name in flat) == domain.active(flat)
            assert all(positions[parent] < positions[name] for parent in domain.when if name in flat)


@pytest.mark.parametrize("path", VALID + SHIPPED, ids=lambda path: path.stem)
def test_first_points_are_tried_as_written(path: Path) -> None:
    space = load(path)
    for point in space.first_points:
        flat = suggested(space, point)
        assert {name: flat[name] for name in point} == point


def test_an_inactive_hyperparameter_is_left_out_and_a_fixed_one_is_there() -> None:
    space = load(SPACES / "valid" / "every_kind.yaml")
    with_sgd = suggested(space, {"train.optimizer": "sgd", "model.num_dense_layers": 0})
    with_adam = suggested(space, {"train.optimizer": "adam", "model.num_dense_layers": 1})
    assert "train.momentum" in with_sgd and "model.dense_units" not in with_sgd
    assert "train.momentum" not in with_adam and "model.dense_units" in with_adam
    assert with_sgd["model.kernel_size"] == with_adam["model.kernel_size"] == 5


def test_the_middle_of_a_space_is_that_of_its_ranges_and_the_first_of_its_choices() -> None:
    space = load(SPACES / "valid" / "every_kind.yaml")
    assert space.middle("train.") == {
        "train.optimizer": "adam",
        "train.learning_rate": pytest.approx(10**-2.5),
        "train.batch_size": 45,
    }, "momentum waits for sgd"
    assert space.middle("model.") == {"model.num_dense_layers": 1, "model.dense_units": 40, "model.kernel_size": 5}


@pytest.mark.parametrize(
    ("entry", "accepted"),
    [
        ("augment.flip: auto", True),
        ("augment.flip: {type: categorical, choices: [auto, 0.0, 0.5]}", True),
        ("augment.flip: {type: float, low: 0.0, high: 0.5}", True),
        ("augment.policy: {type: categorical, choices: [none, randaugment]}", True),
        ("augment.flip: sometimes", False),
        ("augment.rotation_degrees: auto", False),
        ("augment.mixup: {type: float, low: 0.0, high: 100.0}", False),
    ],
)
def test_a_strength_is_searched_within_its_limits_and_auto_stands_where_it_is_known(
    entry: str, accepted: bool, tmp_path: Path
) -> None:
    path = tmp_path / "space.yaml"
    path.write_text(f"family: cnn\nsmallest_image: 8\nhyperparameters:\n  {entry}\n")
    if accepted:
        assert load(path).domains
    else:
        with pytest.raises(ConvoyError, match=r"E203 augment\.\w+ at .*space.yaml:4:"):
            load(path)


def test_several_conditions_must_all_hold() -> None:
    space = load(SPACES / "valid" / "two_conditions.yaml")
    wanted: dict[str, Value] = {"model.pooling": "max", "model.pool_every": 2, "model.head": "flatten"}
    assert "model.stride" in suggested(space, wanted)
    others: dict[str, Value] = {"model.pooling": "none", "model.pool_every": 1, "model.head": "average"}
    for name, other in others.items():
        assert "model.stride" not in suggested(space, {**wanted, name: other})


def test_a_space_of_fixed_values_asks_the_sampler_nothing() -> None:
    trial = study().ask()
    assert load(SPACES / "valid" / "only_fixed.yaml").suggest(trial) == {
        "family": "cnn",
        "train.epochs": 3,
        "model.skip": True,
    }
    assert trial.params == {}


def test_order_comments_first_points_and_smallest_image_change_neither_identity_nor_suggestions() -> None:
    one, other = load(SPACES / "valid" / "every_kind.yaml"), load(SPACES / "valid" / "every_kind_in_another_order.yaml")
    assert json.dumps(one.canonical()) == json.dumps(other.canonical())
    assert list(one.suggest(study().ask()).items()) == list(other.suggest(study().ask()).items())


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ("high: 2}", "high: 3}"),
        ("log: true}", "log: false}"),
        ("step: 16", "step: 24"),
        ("choices: [sgd, adam]", "choices: [sgd, adam, adamw]"),
        ("model.kernel_size: 5", "model.kernel_size: 3"),
        ("[1, 2]", "[1]"),
    ],
)
def test_every_change_of_meaning_changes_the_identity(written: str, instead: str, tmp_path: Path) -> None:
    text = (SPACES / "valid" / "every_kind.yaml").read_text(encoding="utf-8").partition("first_points")[0]
    assert written in text
    changed = tmp_path / "changed.yaml"
    changed.write_text(text.replace(written, instead), encoding="utf-8")
    assert load(changed).canonical() != load(SPACES / "valid" / "every_kind.yaml").canonical()


def test_data_that_do_not_suit_the_space_are_named_with_place_and_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SPACES / "valid")
    small, batch = load(Path("every_kind.yaml")).check_data(train_count=200, image_size=7)
    assert isinstance(small, ImageTooSmall) and isinstance(batch, BatchTooLarge)
    assert str(small) == (
        "E209 smallest_image at every_kind.yaml:2:1 — this space needs 8 pixels a side, the images have 7"
        " — raise preprocess.image_size or choose another space"
    )
    assert str(batch) == (
        "E210 train.batch_size at every_kind.yaml:9:3 — batches of up to 256, but the train split has 200 images — choose ≤ 200"
    )


@pytest.mark.parametrize(("train_count", "image_size"), [(256, 8), (10_000, 64)])
def test_data_that_suit_the_space_pass(train_count: int, image_size: int) -> None:
    assert load(SPACES / "valid" / "every_kind.yaml").check_data(train_count, image_size) == []


def test_without_a_batch_size_in_the_space_the_default_counts() -> None:
    space = load(SPACES / "valid" / "only_fixed.yaml")
    assert space.largest_batch() == 64
    assert [type(error) for error in space.check_data(train_count=63, image_size=8)] == [BatchTooLarge]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_first_points_of_our_spaces_name_all_that_is_searched_and_fit_the_smallest_image(path: Path) -> None:
    space = load(path)
    assert space.first_points
    for point in space.first_points:
        asked = study()
        asked.enqueue_trial(point)
        trial = asked.ask()
        layers = space.parse(space.suggest(trial)).layers(num_classes=10)
        layer_table(layers, (1, space.smallest_image, space.smallest_image))
        assert trial.params == point


def test_what_is_drawn_is_the_same_each_time_and_of_the_space() -> None:
    space = load(SEARCH_SPACES / "families.yaml")
    drawn = space.draws(20)
    assert drawn == space.draws(20)
    assert {space.family_of(point) for point in drawn} == set(space.families)


def test_the_textbook_space_begins_with_the_textbook_network() -> None:
    space = load(SEARCH_SPACES / "textbook.yaml")
    layers = space.parse(suggested(space, space.first_points[0])).layers(num_classes=10)
    assert sum(row.parameters for row in layer_table(layers, (3, 64, 64))) == 1_626_442


def test_the_textbook_space_searches_epochs_batch_size_learning_rate_and_layer_counts() -> None:
    trial = study().ask()
    load(SEARCH_SPACES / "textbook.yaml").suggest(trial)
    assert trial.params.keys() == {
        "train.epochs",
        "train.batch_size",
        "train.learning_rate",
        "model.num_conv_layers",
        "model.num_dense_layers",
    }
