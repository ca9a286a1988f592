"""What one writes by hand instead of ingest, split and preprocess: Pillow in a torch Dataset, a loader with processes.

    python benchmarks/plain_dataset.py FOLDER [--size 32] [--workers 2] [--passes 1]

Reads FOLDER/{train,test}/CLASS/*, takes a random part of train for validation, and reads every image once for each pass,
as one epoch of training and testing does, the first pass with the mean and standard deviation of train.
It finds no duplicate, no bad file, no leak.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, random_split


class ImageFolder(Dataset[tuple[torch.Tensor, int]]):
    """The images below a folder of class folders, each decoded when it is asked for."""

    def __init__(self, root: Path, size: int) -> None:
        self.classes = sorted(folder.name for folder in root.iterdir())
        self.files = [(file, label) for label, name in enumerate(self.classes) for file in sorted((root / name).iterdir())]
        self.size = size

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        file, label = self.files[index]
        with Image.open(file) as image:
            pixels = np.array(image.convert("RGB").resize((self.size, self.size), Image.Resampling.BILINEAR))
        return torch.from_numpy(pixels).permute(2, 0, 1), label


def main() -> None:
    """Read everything and print the counts."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--passes", type=int, default=1)
    options = parser.parse_args()
    everything = ImageFolder(options.folder / "train", options.size)
    held_out = int(0.15 * len(everything))
    train, val = random_split(everything, [len(everything) - held_out, held_out], torch.Generator().manual_seed(0))
    test = ImageFolder(options.folder / "test", options.size)
    for _ in range(options.passes):
        total, squares, count = torch.zeros(3), torch.zeros(3), 0
        for part in (train, val, test):
            for images, _ in DataLoader(part, batch_size=256, num_workers=options.workers):
                if part is train:
                    values = images.float() / 255
                    total += values.sum((0, 2, 3))
                    squares += values.square().sum((0, 2, 3))
                    count += values.numel() // 3
    mean = total / count
    print(len(train), len(val), len(test), mean.tolist(), (squares / count - mean.square()).sqrt().tolist())


if __name__ == "__main__":
    main()
