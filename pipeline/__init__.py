"""Convoy: from a folder of labelled images to the best convolutional network a budget can find.

The names below are what notebooks and other programs use; each is imported from its module when it is first asked for.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {  # the functions carry a second word here, since outside their module the first says too little
    "EpochMetrics": "pipeline.training.metrics.EpochMetrics",
    "Hyperparameters": "pipeline.training.hyperparameters.Hyperparameters",
    "Packed": "pipeline.data.preparation.packed.Packed",
    "Prediction": "pipeline.prediction.answer.Prediction",
    "Recipe": "pipeline.data.preparation.recipe.Recipe",
    "StudySnapshot": "pipeline.study.records.StudySnapshot",
    "Training": "pipeline.training.fit.Training",
    "TrialRecord": "pipeline.study.records.TrialRecord",
    "decode_image": "pipeline.data.images.decode.decode",
    "load_params": "pipeline.params.load",
    "load_space": "pipeline.search.spaces.space.load",
    "parse_hyperparameters": "pipeline.training.hyperparameters.parse",
    "predict_images": "pipeline.prediction.predict.predict",
    "pull_model": "pipeline.tracking.pull.pull",
    "read_study": "pipeline.study.store.read",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """A public name, imported now."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, there = _HOMES[name].rpartition(".")
    return getattr(importlib.import_module(module), there)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
