"""register writes down what it registered and says what to do next."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import artifacts
from pipeline.errors import DigestMismatch, StageOutOfDate, TrackingUnreachable
from pipeline.stages import register
from pipeline.tracking.settings import RegisterParams
from tests.report.test_certificate_page import Tags


def test_the_champion_is_written_down_and_the_next_commands_are_printed(
    project: Path, mlflow_uri: str, capfd: pytest.CaptureFixture[str]
) -> None:
    register.run(RegisterParams(), mlflow_uri)

    written = artifacts.read_json(Path("results/registration.json"))
    accuracy = artifacts.read_json(Path("results/evaluation/metrics.json"))["test_accuracy"]
    assert (written["name"], written["version"], written["alias"]) == ("convoy-bands", "1", "champion")
    assert written["test_accuracy"] == accuracy
    out, err = capfd.readouterr()
    assert f"test accuracy: {accuracy:.4f} (95% interval" in out and mlflow_uri in out
    assert "  convoy pull champion\n  convoy predict --model champion IMAGE\n" in out
    assert "test images: looked at by this model alone so far\n" in out
    assert len(out.splitlines()) == 10 and err == ""


def test_the_report_tells_what_was_decided(project: Path, mlflow_uri: str) -> None:
    before = Path("results/evaluation/report.html").read_text()
    register.run(RegisterParams(name="our model"), mlflow_uri)

    page = Path("results/report.html").read_text()
    assert "is decided by" in before and "is decided by" not in page
    assert '<p class="middle">champion <span class="unit">our model version 1</span></p>' in page
    assert "The first version with a test result. Its test images were looked at by this model alone so far." in page
    tags = Tags()
    tags.feed(page)
    linked = {address for address in tags.addresses if not address.startswith(("data:image/png;base64,", "#"))}
    assert tags.open == [] and linked == {"evaluation/explainer.html", "../reports/split_certificate.html"}


def test_a_report_without_a_place_for_the_decision_is_out_of_date(project: Path, mlflow_uri: str) -> None:
    Path("results/evaluation/report.html").write_text("<!doctype html>")
    with pytest.raises(StageOutOfDate, match="the report"):
        register.run(RegisterParams(), mlflow_uri)


def test_an_evaluation_of_another_model_is_refused(project: Path, mlflow_uri: str) -> None:
    metrics = artifacts.read_json(Path("results/evaluation/metrics.json"))
    artifacts.write_json(Path("results/evaluation/metrics.json"), metrics | {"model_digest": "0" * 64})
    with pytest.raises(StageOutOfDate, match="the evaluation"):
        register.run(RegisterParams(), mlflow_uri)


def test_a_changed_model_is_refused(project: Path, mlflow_uri: str) -> None:
    Path("model/curves.csv").write_text("epoch,train_loss\n1,0.0\n")
    with pytest.raises(DigestMismatch):
        register.run(RegisterParams(), mlflow_uri)


def test_a_registry_that_is_away_is_named(project: Path, tmp_path: Path) -> None:
    with pytest.raises(TrackingUnreachable, match="cannot write"):
        register.run(RegisterParams(), f"sqlite:///{tmp_path}")


@pytest.mark.parametrize(("name", "registered"), [("auto", "convoy-bands"), ("our model", "our model")])
def test_the_name_is_given_or_follows_from_the_source(name: str, registered: str) -> None:
    assert RegisterParams(name=name).registered_name("bands") == registered
