"""The champion on test images that came after it, so that a challenger can be compared with it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import trained_on
from pipeline.errors import StageOutOfDate
from pipeline.paired import images_digest
from pipeline.tracking.download import download
from pipeline.tracking.looks import note_look
from pipeline.tracking.tested import TRAINED_ON, TRAINED_ON_TAG, fetched, keep_later

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

Measure = Callable[[Path], bytes]  # the folder of a model → its predictions.csv of the test images of this project


def champion_later(
    client: MlflowClient, uri: str, measure: Measure | None, champion: ModelVersion, challengers: pd.DataFrame
) -> bytes | str:
    """Its predictions of the images that its challenger was tested on, from now on kept with it; or why there are none.

    A model that was trained on some of these images would look better than it is, so it is not measured.
    """
    if measure is None:
        return "it is not measured here"
    if TRAINED_ON_TAG not in champion.tags:
        return "which images it was trained on is not recorded"
    trained = fetched(client, champion, TRAINED_ON, champion.tags[TRAINED_ON_TAG])
    if count := trained_on.shared(trained, challengers.index):
        return f"it was trained on {count} of these {len(challengers)}"
    try:
        with tempfile.TemporaryDirectory() as folder:
            predictions = measure(download(uri, champion, Path(folder)))
    except StageOutOfDate as refusal:
        return refusal.why
    images = images_digest(challengers)
    keep_later(client, champion, images, predictions)
    note_look(client, str(champion.run_id), images)
    return predictions
