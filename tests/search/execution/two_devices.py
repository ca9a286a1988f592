"""A trial on two devices that would train for long.

`python -m tests.search.execution.two_devices FOLDER` prints each epoch's number.
"""

from __future__ import annotations

import sys

from pipeline.search.execution.messages import Assignment, TrialData
from pipeline.search.execution.trial import run_trial
from tests.training.samples import noise

if __name__ == "__main__":
    train, recipe = noise(64)
    hyperparameters = {"train.epochs": 1000, "train.batch_size": 16, "model.num_conv_layers": 1, "model.filters": 4}
    assignment = Assignment("00112233-0000", "cnn", dict(hyperparameters), 5, sys.argv[1], 1, "cpu", devices=2)
    for message in run_trial(assignment, TrialData(recipe, train, train)):
        print(message.epochs[-1].epoch, flush=True)
