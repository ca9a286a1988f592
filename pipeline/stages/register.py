"""register: the model and its test result → MLflow's registry, results/registration.json, and the report with the decision."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from pipeline import artifacts, layout, looks
from pipeline.data.progress import waiting
from pipeline.paired import images_digest, read_predictions
from pipeline.report import scores
from pipeline.report.against import decided
from pipeline.tracking.finished import FinishedModel, read_finished
from pipeline.tracking.origin import Origin
from pipeline.tracking.registry import Registration, register
from pipeline.tracking.settings import RegisterParams

_UNKNOWN = Origin()
_AT_A_TIME = 1024  # images; no influence on what is said of them
_STATE = Path("state")  # of the project in the working directory


def run(
    params: RegisterParams, tracking_uri: str, experiment: str = "convoy", origin: Origin = _UNKNOWN, state: Path = _STATE
) -> None:
    """Register the model unless it is registered already, write down what came of it, and say what to do next."""
    model = read_finished(layout.MODEL, layout.EVALUATION)
    looked = looks.models(state, images_digest(read_predictions(artifacts.read_bytes(layout.EVALUATION / "predictions.csv"))))
    name = params.registered_name(model.source)
    with waiting("registering"):
        registration = register(model, name, tracking_uri, experiment, params, origin, _predictions, looked)
    artifacts.write_json(layout.REGISTRATION, asdict(registration))
    artifacts.write_text(layout.REPORT, _report(registration))
    print(summary(registration, model))


def _predictions(folder: Path) -> bytes:
    """predictions.csv of another model on the sealed test split, as evaluate measures and writes it."""
    from pipeline import sealed  # which loads torch, seldom needed

    return sealed.measure_another(folder, _AT_A_TIME).predictions_csv()


def conclusion() -> str:
    """What the last run of this stage came to, from the files it wrote."""
    return summary(Registration(**artifacts.read_json(layout.REGISTRATION)), read_finished(layout.MODEL, layout.EVALUATION))


def _report(registration: Registration) -> str:
    page = artifacts.read_bytes(layout.EVALUATION / "report.html").decode()
    return decided(
        page,
        title=_title(registration),
        name=registration.name,
        version=registration.version,
        reason=registration.reason,
        looks=_looks(registration),
    )


def _title(registration: Registration) -> str:
    return "champion" if registration.alias == "champion" else "challenger, not champion"


def _looks(registration: Registration) -> str:
    return "this model alone" if registration.test_looks == 1 else f"{registration.test_looks} models"


def summary(registration: Registration, model: FinishedModel) -> str:
    """What a person wants to read at the end of `dvc repro`."""
    return "\n".join(
        [
            f"{_title(registration)}: {registration.name} version {registration.version} ({registration.reason})",
            *scores.lines(model.facts["selection"], model.test),
            f"test images: looked at by {_looks(registration)} so far",
            f"report: {layout.REPORT}",
            f"tracking: {registration.tracking_uri}",
            "next:",
            f"  {registration.pull_command}",
            f"  convoy predict --model {registration.alias} IMAGE",
        ]
    )
