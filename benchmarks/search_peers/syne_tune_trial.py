"""One trial of syne_tune_search.py: Syne Tune's local backend starts this script for each, with hyperparameters as options."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
import training
from syne_tune import Reporter

parser = argparse.ArgumentParser()
for name in ("conv", "dense", "batch", "epochs", "seed"):
    parser.add_argument(f"--{name}", type=int)
parser.add_argument("--rate", type=float)
parser.add_argument("--folder", type=Path)
options, _ = parser.parse_known_args()
torch.set_num_threads(1)
report = Reporter()
for epoch, (metrics, _, _) in enumerate(training.train(vars(options), options.folder, options.seed), start=1):
    report(epoch=epoch, **metrics)
