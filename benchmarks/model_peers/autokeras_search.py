"""AutoKeras' ImageClassifier with its defaults, on the torch backend, until the time is up.

    python autokeras_search.py MINUTES SEED

Reads train.npz, val.npz and test.npz (images uint8 N×C×S×S, labels) in the working directory; writes predictions.npy, the class
of each test image, and told.json. When the time is up the running trial ends with the epoch it is in, and counts.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "torch"
import autokeras
import keras
import keras_tuner
import numpy as np

TALLY = Path("tally.txt")  # a line an epoch; AutoKeras copies its callbacks


class Deadline(keras.callbacks.Callback):
    """Ends the trial at the deadline, and the search before the next."""

    def __init__(self, deadline: float) -> None:
        super().__init__()
        self.deadline = deadline

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        if time.monotonic() > self.deadline:
            raise keras_tuner.errors.FatalError("the time is up")

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if time.monotonic() > self.deadline:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        with TALLY.open("a") as tally:
            tally.write(f"{epoch}\n")

    def __deepcopy__(self, memo: Any) -> Deadline:
        return Deadline(self.deadline)


def main(minutes: float, seed: int) -> None:
    """The search, and the classes that its best model sees in the test images."""
    deadline = time.monotonic() + 60 * minutes
    train, val, test = (np.load(f"{split}.npz") for split in ("train", "val", "test"))
    classifier = autokeras.ImageClassifier(directory="autokeras", seed=seed, overwrite=True)
    known = (_images(val), val["labels"])
    with contextlib.suppress(keras_tuner.errors.FatalError):  # the deadline
        classifier.fit(_images(train), train["labels"], validation_data=known, callbacks=[Deadline(deadline)], verbose=0)
    best = classifier.tuner.get_best_model()
    found = best.predict(_images(test), verbose=0)
    classes = found.argmax(1) if found.shape[1] > 1 else (found[:, 0] > 0.5).astype(int)
    np.save("predictions.npy", classes)
    told = {"trials": len(classifier.tuner.oracle.trials), "epochs": len(TALLY.read_text().split())}
    Path("told.json").write_text(json.dumps(told))


def _images(arrays: Any) -> np.ndarray:
    """N×S×S×C, as Keras wants them."""
    return np.ascontiguousarray(arrays["images"].transpose(0, 2, 3, 1))


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
