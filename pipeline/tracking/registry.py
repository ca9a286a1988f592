"""The registered model: logged once, one version a model, an alias that goes to another only through the gate."""

from __future__ import annotations

import re
import shlex
import warnings
from collections.abc import Collection
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.addresses import redacted
from pipeline.tracking import alias_log
from pipeline.tracking.card import card
from pipeline.tracking.challenge import judgement, settle
from pipeline.tracking.champion_later import Measure, champion_later
from pipeline.tracking.connection import acting_on, connect, experiment_id, reaching
from pipeline.tracking.cost import cost
from pipeline.tracking.finished import FinishedModel
from pipeline.tracking.gate import Alias, Verdict
from pipeline.tracking.looks import count_looks, note_look
from pipeline.tracking.origin import COMMIT_TAG, SOURCE_TAG, Origin, log_origin
from pipeline.tracking.reference import Reference
from pipeline.tracking.refit_run import INHERITED, MODEL_TAG, log_refit
from pipeline.tracking.settings import RegisterParams
from pipeline.tracking.tested import IMAGES_TAG
from pipeline.tracking.version_tags import ALIAS_REASON_TAG, LICENCE_TAG, LOOKS_TAG, cost_of, cost_tags, has_cost, version_tags

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.models import ModelSignature

_CODE = Path(__file__).with_name("served_model.py")
_REQUIREMENTS = ("mlflow", "numpy", "pandas", "torch")  # what served_model.py imports
_AWAIT_SECONDS = 60
_DEFAULT, _UNKNOWN = RegisterParams(), Origin()


@dataclass(frozen=True)
class Registration:
    """What came of registering a model; `tracking_uri` is without credentials."""

    name: str
    version: str
    alias: Alias
    reason: str
    test_accuracy: float
    run_id: str
    tracking_uri: str
    pull_command: str  # `convoy pull …` that fetches this version
    test_looks: int  # models that were measured on its test images so far


def register(
    model: FinishedModel,
    name: str,
    uri: str,
    experiment: str,
    params: RegisterParams = _DEFAULT,
    origin: Origin = _UNKNOWN,
    measure: Measure | None = None,
    looked: Collection[str] = (),
) -> Registration:
    """Log the refit run, register the model under `name` unless it is there already, and set the alias it deserves.

    origin: where it comes from, for `convoy rebuild`; measure: what another model says of the test images of this project;
    looked: digests of the models that were measured on them here. Raises TrackingUnreachable; nothing is lost then and the same
    call completes what is missing.
    """
    with reaching(uri):
        client = connect(uri)
        experiment = experiment_id(client, experiment, uri)
        run_id = log_refit(client, experiment, model)
        tags = _tags(client, run_id, model, params, origin)
        log = alias_log.open_log(client, name, experiment)
        found = _find_version(client, name, run_id, model.digest)
        version = _completed(client, found, model, tags) if found else _create_version(client, name, run_id, model, tags, uri)
        later = partial(champion_later, client, uri, measure)
        verdict = settle(log, str(version.version), judgement(client, model, version, params, later))
        looks = _looks(client, experiment, version, looked)
        _describe(client, version, model, verdict, looks)
        command = _pull_command(client, name, verdict.alias)
    accuracy = float(model.test["test_accuracy"])
    return Registration(
        name, str(version.version), verdict.alias, verdict.reason, accuracy, run_id, redacted(uri), command, looks
    )


def _tags(client: MlflowClient, run_id: str, model: FinishedModel, params: RegisterParams, origin: Origin) -> dict[str, str]:
    """Of the version, but for what it costs and what is known after its comparison; its sources are kept with the run."""
    of_study = {name: value for name, value in client.get_run(run_id).data.tags.items() if name in INHERITED}
    licence = {LICENCE_TAG: params.licence} if params.licence else {}
    source = {SOURCE_TAG: log_origin(client, run_id, origin)} if origin.files else {}
    return of_study | version_tags(model) | origin.tags() | source | licence


def _looks(client: MlflowClient, experiment: str, version: ModelVersion, looked: Collection[str]) -> int:
    """How many models were measured on the test images of this version, which is one of them."""
    images = version.tags[IMAGES_TAG]
    note_look(client, str(version.run_id), images, looked)
    return count_looks(client, experiment, images)


def _describe(client: MlflowClient, version: ModelVersion, model: FinishedModel, verdict: Verdict, looks: int) -> None:
    """The reason as a tag, and the model card as the description of the version."""
    name, number = version.name, str(version.version)
    client.set_model_version_tag(name, number, ALIAS_REASON_TAG, verdict.reason)
    client.set_model_version_tag(name, number, LOOKS_TAG, str(looks))
    text = card(
        name,
        number,
        model.facts,
        model.test,
        cost=asdict(cost_of(version)),
        alias=verdict.alias,
        reason=verdict.reason,
        looks=looks,
        licence=version.tags.get(LICENCE_TAG),
        commit=version.tags[COMMIT_TAG],
    )
    client.update_model_version(name, number, description=text)


def _find_version(client: MlflowClient, name: str, run_id: str, digest: str) -> ModelVersion | None:
    versions = client.search_model_versions(f"name = '{name}' AND tags.`{MODEL_TAG}` = '{digest}'")
    same = [version for version in versions if version.run_id == run_id]
    return min(same, key=lambda version: int(version.version), default=None)


def _create_version(
    client: MlflowClient, name: str, run_id: str, model: FinishedModel, tags: dict[str, str], uri: str
) -> ModelVersion:
    tags = tags | cost_tags(cost(model))
    with acting_on(uri):
        model_id = _log_model(model, run_id)
        source = f"models:/{model_id}"
        return client.create_model_version(name, source, run_id, tags, await_creation_for=_AWAIT_SECONDS, model_id=model_id)


def _completed(client: MlflowClient, version: ModelVersion, model: FinishedModel, tags: dict[str, str]) -> ModelVersion:
    """With every tag as it should be: the model may have been tested again, or registered by an earlier Convoy."""
    wanted = tags if has_cost(version) else tags | cost_tags(cost(model))
    for tag, value in wanted.items():
        if version.tags.get(tag) != value:
            client.set_model_version_tag(version.name, version.version, tag, value)
    return client.get_model_version(version.name, version.version)


def _log_model(model: FinishedModel, run_id: str) -> str:
    """The id under which MLflow keeps the model with the run."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*type hint")  # MLflow says it about classes of its own when it is imported
        import mlflow.pyfunc
    with mlflow.start_run(run_id=run_id):
        logged = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(_CODE),
            artifacts={"model": str(model.folder)},
            pip_requirements=requirements(),
            signature=_signature(model),
            input_example=_example(model),
        )
    return str(logged.model_id)


def requirements() -> list[str]:
    """Exact versions of what the served model imports, without local labels such as +cpu, which no index knows."""
    return [f"{name}=={re.sub(r'[+].*', '', installed_version(name))}" for name in _REQUIREMENTS]


def _signature(model: FinishedModel) -> ModelSignature:
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema, TensorSpec

    columns: list[ColSpec | TensorSpec] = [
        ColSpec("string", "label"),
        *(ColSpec("double", f"p_{name}") for name in model.classes),
    ]
    images = TensorSpec(np.dtype(np.uint8), (-1, -1, -1, -1))
    return ModelSignature(inputs=Schema([images]), outputs=Schema(columns))


def _example(model: FinishedModel) -> Any:
    import numpy as np

    recipe = model.facts["recipe"]
    side = int(recipe["image_size"])
    return np.zeros((2, int(recipe["channels"]), side, side), dtype=np.uint8)


def _pull_command(client: MlflowClient, name: str, alias: Alias) -> str:
    """With the model only where it would not be the one meant; the folder is called like the alias."""
    several = len(client.search_registered_models(max_results=2)) > 1
    meant = Reference(name if several else None, alias)
    return " ".join(["convoy pull", *([shlex.quote(str(meant))] if several or alias != "champion" else []), alias])
