"""KerasTuner on the torch backend: trials one after the other in one process with as many threads as cores, its only way
on one machine without a server of its own.

    python keras_tuner_search.py FOLDER SEED
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "torch"
import keras
import keras_tuner
import training


class Fixed(keras_tuner.Oracle):
    """Hands out the fixed configurations in order."""

    fixed: list[dict[str, Any]]

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        taken = len(self.trials)
        if taken >= len(self.fixed):
            return {"status": "STOPPED"}
        return {"status": "RUNNING", "values": self.fixed[taken]}


class Note(keras.callbacks.Callback):
    """Counts epochs."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        training.note_epoch(self.folder, (logs or {})["val_accuracy"])

    def __deepcopy__(self, memo: Any) -> Note:
        return Note(self.folder)


def main(folder: Path, seed: int) -> None:
    """The search."""
    keras.utils.set_random_seed(seed)
    fixed = training.configurations(folder)
    images, labels = training.arrays(folder, "train")
    mean, deviation = images.mean() / 255, images.std() / 255

    def prepared(split: str) -> tuple[Any, Any]:
        raw, wanted = training.arrays(folder, split)
        return (raw.transpose(0, 2, 3, 1).astype("float32") / 255 - mean) / deviation, wanted

    class Network(keras_tuner.HyperModel):
        def build(self, hp: Any) -> Any:
            chosen = {key: hp.Choice(key, sorted({each[key] for each in fixed})) for key in fixed[0]}
            layers: list[Any] = [keras.Input((*images.shape[2:], 1))]
            for index in range(chosen["conv"]):
                layers += [keras.layers.Conv2D(32 * 2**index, 3, padding="same", activation="relu"), keras.layers.MaxPooling2D(2)]
            layers.append(keras.layers.Flatten())
            layers += [keras.layers.Dense(128, activation="relu") for _ in range(chosen["dense"])]
            model = keras.Sequential([*layers, keras.layers.Dense(int(labels.max()) + 1)])
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            model.compile(keras.optimizers.Adam(chosen["rate"]), loss, metrics=["accuracy"])
            return model

        def fit(self, hp: Any, model: Any, *arguments: Any, **options: Any) -> Any:
            return model.fit(*arguments, **options, batch_size=hp.get("batch"), epochs=hp.get("epochs"))

    oracle = Fixed(objective=keras_tuner.Objective("val_accuracy", "max"), max_trials=len(fixed), seed=seed)
    oracle.fixed = fixed
    tuner = keras_tuner.Tuner(oracle, Network(), directory=str(folder), project_name="keras_tuner")
    tuner.search(*prepared("train"), validation_data=prepared("val"), callbacks=[Note(folder)], verbose=0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
