"""How often test images were looked at: each model that is measured on them makes the best of all look better than it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.tracking.refit_run import MODEL_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient

_TAG = "convoy.tested."  # and the first digits of the digest of the images: on each run whose model was measured on them
_DIGITS, _PAGE = 16, 1000


def note_look(client: MlflowClient, run_id: str, images: str) -> None:
    """The model of this run was measured on these images; once or often is the same, since it answers the same."""
    client.set_tag(run_id, _tag(images), "yes")


def count_looks(client: MlflowClient, experiment: str, images: str) -> int:
    """How many different models were measured on them and reached this experiment, deleted runs included."""
    from mlflow.entities import ViewType

    models: set[str] = set()
    token: str | None = None
    while True:
        query = f"tags.`{_tag(images)}` = 'yes'"
        page = client.search_runs([experiment], query, run_view_type=ViewType.ALL, max_results=_PAGE, page_token=token)
        models |= {run.data.tags[MODEL_TAG] for run in page}
        token = page.token
        if not token:
            return len(models)


def _tag(images: str) -> str:
    return f"{_TAG}{images[:_DIGITS]}"
