from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import ConvoyError, MissingFile, Problems, UnreadableYaml
from pipeline.params import Params, load
from tests.repository import REPOSITORY


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The params.yaml of a new working directory."""
    monkeypatch.chdir(tmp_path)
    return Path("params.yaml")


def messages(path: Path, text: str) -> list[str]:
    """Everything that is wrong with params.yaml of this text, one line each."""
    path.write_text(text)
    with pytest.raises(ConvoyError) as refusal:
        load(path)
    assert refusal.value.exit_code == 2
    return str(refusal.value).splitlines()


def test_the_file_in_the_repository_says_what_holds_without_it() -> None:
    assert load(REPOSITORY / "params.yaml") == Params()


def test_sections_and_keys_left_out_have_their_defaults(write: Path) -> None:
    write.write_text("search: {trials: 3}\n")
    params = load(write)
    assert params.search.trials == 3
    assert (params.search.metric, params.split) == (Params().search.metric, Params().split)


def test_all_problems_are_told_at_once_with_line_and_column(write: Path) -> None:
    text = """\
ingest:
  source: digit
serch: {}
split:
  val_share: 0.6
  test_share: 0.5
search:
  trials: five
  metrics: val_loss
  gpus_per_trial: 1.5
preprocess: {augment: {copies: -1}}
"""
    write.write_text(text)
    with pytest.raises(Problems) as refusal:
        load(write)
    assert sorted((error.code, error.what, error.where) for error in refusal.value.errors) == [
        ("E202", "search.metrics", "params.yaml:9:3"),
        ("E202", "serch", "params.yaml:3:1"),
        ("E203", "ingest.source", "params.yaml:2:3"),
        ("E203", "preprocess.augment.copies", "params.yaml:11:24"),
        ("E203", "search.gpus_per_trial", "params.yaml:10:3"),
        ("E203", "search.trials", "params.yaml:8:3"),
        ("E203", "split", "params.yaml:4:1"),
    ]


# (params.yaml, the start of its only message)
TABLE = [
    ("serch: {}\n", "E202 serch at params.yaml:1:1 — nothing reads this key — did you mean search?"),
    ("search: {trails: 3}\n", "E202 search.trails at params.yaml:1:10 — nothing reads this key — did you mean trials?"),
    ("search: {metric: accuracy}\n", "E203 search.metric at params.yaml:1:10 — 'accuracy': Input should be 'val_accuracy',"),
    ("search: {trials: null}\n", "E203 search at params.yaml:1:1 — "),
    ("search: {money: 5.0}\n", "E203 search at params.yaml:1:1 — {'money': 5.0}: search.money needs search.price_an_hour"),
    ("search: {worker_hours: 0.0}\n", "E203 search.worker_hours at params.yaml:1:10 — 0.0: Input should be greater than 0"),
    (
        "search: {objectives: [parameters], sampler: gp}\n",
        "E203 search at params.yaml:1:1 — {'objectives': ['parameters'], 'sampler…: search.sampler gp knows the metric alone: "
        "with search.objectives take tpe, nsga2 or random",
    ),
    (
        "search: {objectives: [latency_ms], until: regret_bound}\n",
        "E203 search at params.yaml:1:1 — {'objectives': ['latency_ms'], 'until':…: search.until regret_bound is about the",
    ),
    (
        "search: {objectives: [parameters, parameters]}\n",
        "E203 search at params.yaml:1:1 — {'objectives': ['parameters', 'paramete…: search.objectives names one twice",
    ),
    ("search: {objectives: [size]}\n", "E203 search.objectives.0 at params.yaml:1:23 — 'size': Input should be 'parameters',"),
    (
        "search: {until: tuesday}\n",
        "E203 search.until at params.yaml:1:10 — 'tuesday': Input should be 'plateau' or 'regret_bound'",
    ),
    (
        "search: {cpus_per_trial: all}\n",
        "E203 search.cpus_per_trial at params.yaml:1:10 — 'all': Input should be a valid number or Input should be 'auto'",
    ),
    (
        "search: {cpus_per_trial: 2.5}\n",
        "E203 search.cpus_per_trial at params.yaml:1:10 — 2.5: must be `auto`, a share from 0 to 1",
    ),
    ("search: {gpus_per_trial: -1}\n", "E203 search.gpus_per_trial at params.yaml:1:10 — -1"),
    ("search: {seed: 0.5}\n", "E203 search.seed at params.yaml:1:10 — 0.5: Input should be a valid integer"),
    (
        "search: {time_limit_minutes: .inf}\n",
        "E203 search.time_limit_minutes at params.yaml:1:10 — inf: Input should be a finite number",
    ),
    (
        "search: {reselect: {score_on: folds}}\n",
        "E203 search.reselect.score_on at params.yaml:1:21 — split.folds is 0: there are no folds — set split.folds to 2 or more",
    ),
    ("search:\n", "E203 search at params.yaml:1:1 — None: Input should be `key: value`"),
    ("refit: 3\n", "E203 refit at params.yaml:1:1 — 3: Input should be `key: value`"),
]


@pytest.mark.parametrize(("text", "start"), TABLE)
def test_a_problem_is_one_line_that_names_key_place_and_remedy(write: Path, text: str, start: str) -> None:
    (line,) = messages(write, text)
    assert line.startswith(start)


def test_a_missing_or_broken_file_is_named(write: Path) -> None:
    with pytest.raises(MissingFile, match=r"params\.yaml"):
        load(write)
    write.write_text("search: {\n")
    with pytest.raises(UnreadableYaml, match=r"params\.yaml:2:1"):
        load(write)
