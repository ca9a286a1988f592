"""The report of a finished project: whole, with nothing fetched, and its first screen says what metrics.json says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pipeline.report.answer import Search, answer, duration, main_names, plain
from pipeline.report.searched import doubts
from tests.projects import ACCOUNTS, CLASSES, WINNER, search_tables
from tests.report.test_certificate_page import Tags

RESULTS = Path("results/evaluation")


@pytest.fixture
def page(project: Path) -> str:
    return (RESULTS / "report.html").read_text()


def search(**study: object) -> Search:
    tables = search_tables()
    return Search(
        {**ACCOUNTS["study.json"], **study},
        ACCOUNTS["summary.json"],
        tables["leaderboard.csv"],
        tables["curves.csv"],
        tables["time.csv"],
    )


FACTS = {"family": "cnn", "parameters": 500, "selection": WINNER["selection"], "hyperparameters": WINNER["hyperparameters"]}
FACTS["hyperparameters"] = {**WINNER["hyperparameters"], "model.activation": "silu", "train.momentum": 0.9}  # type: ignore[dict-item]


def test_the_page_is_whole_and_fetches_nothing(page: str) -> None:
    tags = Tags()
    tags.feed(page)
    assert tags.open == [] and "script" not in tags.names
    assert not re.search(r"https?:|//[a-z]|url\((?!#)|@import", page.replace("data:image/png;base64,", ""))
    links = {address for address in tags.addresses if not address.startswith(("data:image/png;base64,", "#"))}
    assert links <= {"../../reports/split_certificate.html", "explainer.html"}
    assert "default-src 'none'" in page


def test_every_number_of_the_first_screen_is_that_of_metrics_json(page: str) -> None:
    metrics = json.loads((RESULTS / "metrics.json").read_text())
    first = page[page.index('<section class="hero"') : page.index("</section>")]
    shown = set(re.findall(r"\b\d\.\d{4}\b", re.sub(r"<ul>.*?</ul>", "", first, flags=re.DOTALL)))
    known = {f"{value:.4f}" for value in metrics.values() if isinstance(value, float)}
    said_before = {f"{WINNER['selection']['search']['value']:.4f}", f"{WINNER['selection']['reselection']['value']:.4f}"}  # type: ignore[index]
    assert shown - said_before <= known
    for name in ("accuracy", "precision_macro", "recall_macro", "f1_macro", "loss"):
        assert {f"{metrics[f'test_{name}{end}']:.4f}" for end in ("", "_low", "_high")} <= shown
    assert f"{metrics['test_calibration_error']:.4f}" in shown and f"of {metrics['n']} images" in first


def test_the_search_is_told_with_what_makes_it_doubtful(page: str) -> None:
    assert "7 trials for 3 hyperparameters, fewer than 10 for each" in page and "explains 20% of the variance" in page
    assert "Stopping ended 1 trials and saved 3 of 28 planned epochs" in page
    assert "git checkout 0123456789abcdef" in page


def test_classes_are_escaped_and_files_are_named(page: str) -> None:
    assert all(name in page for name in CLASSES) and re.search(r"top, \$x\$/test\d{4}\.png", page)


def test_of_a_hyperparameter_that_does_not_apply_nothing_is_said() -> None:
    assert main_names(FACTS, search()) == ["train.learning_rate", "model.filters", "model.activation"]


def test_without_an_importance_the_names_stand_in_alphabetical_order() -> None:
    assert main_names(FACTS, search(importance=None)) == ["model.activation", "model.filters", "train.learning_rate"]


@pytest.mark.parametrize(
    ("trials", "explained", "count"),
    [(90, 0.8, 0), (19, 0.8, 1), (90, 0.1, 1), (4, 0.0, 2)],
    ids=["firm", "few", "unforeseen", "both"],
)
def test_an_importance_is_doubted_for_few_trials_and_for_what_is_not_foretold(trials: int, explained: float, count: int) -> None:
    told = {"trials": trials, "shares": {"model.filters": 0.9, "train.learning_rate": 0.1}, "explained": explained}
    assert len(doubts(told)) == count


@pytest.mark.parametrize(("seconds", "text"), [(0, "0 s"), (119, "119 s"), (600, "10 min"), (7200, "2.0 h")])
def test_times_are_as_a_person_says_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_numbers_have_no_more_digits_than_are_read() -> None:
    assert [plain(value) for value in (0.00123456, 12, "relu", True)] == ["0.001235", "12", "relu", "True"]


def test_a_metric_other_than_the_accuracy_leads_when_it_was_searched_for() -> None:
    metrics = {
        f"test_{name}{end}": 0.5
        for name in ("accuracy", "precision_macro", "recall_macro", "f1_macro", "loss")
        for end in ("", "_low", "_high")
    }
    metrics |= {"n": 30, "confidence": 0.9, "test_calibration_error": 0.1}
    facts = {**FACTS, "selection": {**WINNER["selection"], "metric": "val_f1_macro"}}  # type: ignore[dict-item]
    told = answer(facts, metrics, search(metric="val_f1_macro"), 1234567)
    assert told["score"]["name"] == "f1 macro" and told["others"][0]["name"] == "accuracy"
    assert told["winner"]["multiply_adds"] == "1,234,567" and told["cost"]["trials"] == "7"
