"""What MLflow serves: the exported program with class names, in one file that needs nothing of this repository.

MLflow stores this file with the model and runs it there ("models from code"), so it imports no other module of Convoy.
Beside it lies the model folder that refit wrote: program.pt2, model.json and manifest.json with the sha256 of each file.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext


class ServedModel(PythonModel):
    """uint8 N×C×H×W (C 1 or 3, any size) → one row an image: `label`, and `p_<class>` for each class."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the program after its sha256 was checked; no pickle is executed. Raises ValueError for a changed file."""
        folder = Path(context.artifacts["model"])
        for name in ("program.pt2", "model.json"):
            _verify(folder, name)
        self.program = torch.export.load(folder / "program.pt2").module()
        self.classes: list[str] = json.loads((folder / "model.json").read_text(encoding="utf-8"))["classes"]

    def predict(
        self,
        context: PythonModelContext,
        model_input: np.ndarray,  # MLflow knows the plain class, and warns of any other type or none
        params: Any = None,
    ) -> pd.DataFrame:
        """Label and probabilities of each image."""
        images = torch.from_numpy(np.array(model_input, dtype=np.uint8))
        with torch.inference_mode():
            probabilities = self.program(images).numpy()
        columns = {f"p_{name}": probabilities[:, index].astype(np.float64) for index, name in enumerate(self.classes)}
        labels = [self.classes[index] for index in probabilities.argmax(axis=1)]
        return pd.DataFrame({"label": pd.Series(labels, dtype=object), **columns})


def _verify(folder: Path, name: str) -> None:
    expected = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))[name]
    if hashlib.sha256((folder / name).read_bytes()).hexdigest() != expected:
        raise ValueError(f"E701 {folder / name} — its sha256 differs from the one in manifest.json — download it again")


set_model(ServedModel())
