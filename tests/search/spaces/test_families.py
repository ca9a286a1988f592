"""A space that searches the family itself: the family is a hyperparameter, and each has its own."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest

from pipeline.models import cnn, resnet
from pipeline.search.leaderboard import leaderboard
from pipeline.search.samplers import sampler
from pipeline.search.spaces.families import with_family
from pipeline.search.spaces.space import Space, load
from pipeline.training.hyperparameters import Value
from tests.search.driving import Search, epoch

SEVERAL = Path(__file__).parents[1] / "spaces/valid/several_families.yaml"


@pytest.fixture
def space() -> Space:
    return load(SEVERAL)


def suggested(space: Space, point: dict[str, Value]) -> dict[str, Value]:
    """The complete hyperparameters of a trial that was told to try `point`."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=sampler("random", seed=0, number=0))
    study.enqueue_trial(point)
    return space.suggest(study.ask())


def test_each_family_gets_its_own_hyperparameters_and_those_of_both(space: Space) -> None:
    both = {"family", "train.epochs", "model.filters"}
    convolutions = {"model.num_conv_layers": 3, "model.kernel_size": 3, "model.normalization": "batch"}
    assert suggested(space, {"family": "cnn", "model.num_conv_layers": 3}).keys() == both | convolutions.keys()
    residual = {"model.blocks_per_stage", "model.activation"}
    assert suggested(space, {"family": "resnet"}).keys() == both | residual


@pytest.mark.parametrize(("family", "module"), [("cnn", cnn), ("resnet", resnet)])
def test_hyperparameters_become_those_of_the_family_drawn(space: Space, family: str, module: object) -> None:
    parsed = space.parse(suggested(space, {"family": family}))
    assert parsed.family == family
    assert type(parsed.model) is module.Hyperparameters  # type: ignore[attr-defined]


def test_a_condition_of_the_file_may_narrow_what_both_know(space: Space) -> None:
    assert space.domains["model.activation"].when == {"family": ("resnet",)}
    assert space.domains["model.filters"].when == {}


def test_conditions_on_other_names_hold_beside_that_on_the_family(space: Space) -> None:
    assert space.domains["model.num_dense_layers"].when == {"family": ("cnn",), "model.num_conv_layers": (1, 2)}


def test_what_is_fixed_for_one_family_is_no_part_of_a_point_of_the_other(space: Space) -> None:
    first, second = space.first_points
    assert space.completed(first) == first
    assert space.completed(second) == {**second, "model.kernel_size": 3, "model.normalization": "batch"}


def test_a_single_family_is_a_fixed_hyperparameter_and_a_condition_on_it_holds(tmp_path: Path) -> None:
    written = tmp_path / "space.yaml"
    text = "smallest_image: 8\nhyperparameters:\n  model.filters: {type: int, low: 8, high: 9, when: {family: cnn}}\n"
    written.write_text(f"family: cnn\n{text}")
    one = load(written)
    assert suggested(one, {})["family"] == "cnn" and "model.filters" in suggested(one, {})
    written.write_text(f"family: [cnn]\n{text}")
    assert load(written).canonical() == one.canonical()


def test_the_order_of_families_means_nothing_and_their_number_does(tmp_path: Path) -> None:
    def canonical(family: str) -> dict[str, object]:
        (tmp_path / "space.yaml").write_text(f"family: {family}\nsmallest_image: 8\nhyperparameters:\n  model.filters: 8\n")
        return load(tmp_path / "space.yaml").canonical()

    assert canonical("[cnn, resnet]") == canonical("[resnet, cnn]") != canonical("cnn")


def test_a_name_that_no_family_knows_is_bound_to_none() -> None:
    domains = load(SEVERAL).domains
    known = {"cnn": frozenset({"model.a"}), "resnet": frozenset({"model.b"})}
    bound = with_family({"model.c": domains["model.filters"]}, known)
    assert bound["model.c"].when == {} and bound["family"].edges() == [(("choices",), "cnn"), (("choices",), "resnet")]


def test_the_family_of_each_trial_stands_on_the_leaderboard(tmp_path: Path) -> None:
    text = """
family: [cnn, resnet]
smallest_image: 8
hyperparameters:
  train.epochs: 1
  train.learning_rate: {type: float, low: 1e-4, high: 1e-1, log: true}
  model.num_conv_layers: {type: int, low: 1, high: 3}
  model.num_stages: {type: int, low: 1, high: 3}
first_points:
  - {family: resnet, model.num_stages: 1}
  - {family: cnn, model.num_conv_layers: 1}
"""
    search = Search(tmp_path, text, measure=lambda trial: [epoch(1, 0.5 + 0.1 * trial.number)])
    search.work(search.conductor(trials=2, sampler="random"))
    assert leaderboard(search.snapshot())["family"].tolist() == ["cnn", "resnet"]
