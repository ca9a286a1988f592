"""How often test images were looked at: each model that is measured on them makes the best of all look better than it is."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING

from pipeline.tracking import runs
from pipeline.tracking.refit_run import MODEL_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient

_TAG = "convoy.tested."  # and the first digits of the digest of the images: on each run whose model was measured on them
_OTHERS_TAG = "convoy.tested_too."  # the same, a point and a number: the models that were measured where this run came from
_DIGITS = 16
_TOGETHER = 70  # models in one tag, which holds 5,000 characters


def note_look(client: MlflowClient, run_id: str, images: str, others: Collection[str] = ()) -> None:
    """The model of this run was measured on these images; once or often is the same, since it answers the same.

    others: the digests of models that were measured on them beside it and may have no run.
    """
    digests = sorted(others)
    for number, start in enumerate(range(0, len(digests), _TOGETHER)):
        client.set_tag(run_id, f"{_OTHERS_TAG}{images[:_DIGITS]}.{number}", " ".join(digests[start : start + _TOGETHER]))
    client.set_tag(run_id, _tag(images), "yes")


def count_looks(client: MlflowClient, experiment: str, images: str) -> int:
    """How many different models were measured on them, by the runs of this experiment, deleted ones included."""
    found = runs.search(client, experiment, f"tags.`{_tag(images)}` = 'yes'", deleted_too=True)
    return len({model for run in found for model in _models(run.data.tags, images)})


def _models(tags: Mapping[str, str], images: str) -> Iterator[str]:
    """The digest of each that a run tells of."""
    yield tags[MODEL_TAG]
    yield from chain.from_iterable(tags[name].split() for name in tags if name.startswith(f"{_OTHERS_TAG}{images[:_DIGITS]}."))


def _tag(images: str) -> str:
    return f"{_TAG}{images[:_DIGITS]}"
