"""Runs of MLflow, for whoever writes them: those that are there, one kept of several, and one made equal to what is wanted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, TypeVar

from pipeline.tracking.wanted import EPOCHS_TAG, REASON_TAG, TRIAL_NOTE_TAG, Point, WantedRun

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, Run, RunTag

_MAY_VANISH = (REASON_TAG, TRIAL_NOTE_TAG)  # of a rerun that is tried again
_PAGE = 1000  # runs in one page of search_runs
_METRICS, _PARAMS = 800, 100  # a call of log_batch takes 1,000 items, at most 100 of them params

Item = TypeVar("Item")


def search(client: MlflowClient, experiment: str, query: str, *, deleted_too: bool = False) -> Iterator[Run]:
    """All of the experiment that the query finds, however many pages they fill; the latest comes first."""
    from mlflow.entities import ViewType

    view = ViewType.ALL if deleted_too else ViewType.ACTIVE_ONLY
    token: str | None = None
    while True:
        page = client.search_runs([experiment], query, run_view_type=view, max_results=_PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def keep_one(client: MlflowClient, runs: Sequence[Run]) -> Run:
    """The run that received most epochs, the earliest of equals; the others are deleted."""
    kept, *ghosts = sorted(runs, key=lambda run: (-_epochs_received(run), run.info.start_time, run.info.run_id))
    for ghost in ghosts:
        client.delete_run(ghost.info.run_id)
    return kept


def make_equal(client: MlflowClient, run: Run, wanted: WantedRun) -> tuple[bool, int]:
    """Send what the run lacks of what is wanted; whether there was anything, and how many epochs."""
    sent = _send_what_is_missing(client, run, wanted)
    closed = _set_status(client, run, wanted)
    return sent or closed, len(_missing_epochs(run, wanted))


def log(
    client: MlflowClient, run_id: str, metrics: Sequence[Metric], params: Sequence[Param], tags: Sequence[RunTag] = ()
) -> None:
    """However many there are. The tags go with the last metrics, and MLflow stores tags last: they are never ahead."""
    pieces = zip_longest(_pieces(metrics, _METRICS), _pieces(params, _PARAMS), fillvalue=())
    *full, last = list(pieces) or [((), ())]
    for metric_piece, param_piece in full:
        client.log_batch(run_id, metric_piece, param_piece, synchronous=True)
    client.log_batch(run_id, *last, tags, synchronous=True)


def _send_what_is_missing(client: MlflowClient, run: Run, wanted: WantedRun) -> bool:
    from mlflow.entities import Metric, Param, RunTag

    points = [point for epoch in _missing_epochs(run, wanted) for point in epoch]
    metrics = [Metric(point.name, point.value, point.timestamp, point.step) for point in points]
    params = [Param(name, value) for name, value in wanted.params.items() if name not in run.data.params]
    tags = [RunTag(name, value) for name, value in _tags(wanted).items() if run.data.tags.get(name) != value]
    stale = [name for name in _MAY_VANISH if name in run.data.tags and name not in wanted.tags]
    if not (metrics or params or tags or stale):
        return False
    for name in stale:
        client.delete_tag(run.info.run_id, name)
    log(client, run.info.run_id, metrics, params, tags)
    return True


def _missing_epochs(run: Run, wanted: WantedRun) -> Sequence[tuple[Point, ...]]:
    return wanted.epochs[_epochs_received(run) :]


def _epochs_received(run: Run) -> int:
    return int(run.data.tags.get(EPOCHS_TAG, 0))


def _tags(wanted: WantedRun) -> dict[str, str]:
    return {**wanted.tags, EPOCHS_TAG: str(len(wanted.epochs))} if wanted.epochs else wanted.tags


def _set_status(client: MlflowClient, run: Run, wanted: WantedRun) -> bool:
    if run.info.status == wanted.status:
        return False
    if wanted.ended is None:
        client.update_run(run.info.run_id, status=wanted.status)
    else:
        client.set_terminated(run.info.run_id, wanted.status, wanted.ended)
    return True


def _pieces(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    return [items[start : start + size] for start in range(0, len(items), size)]
