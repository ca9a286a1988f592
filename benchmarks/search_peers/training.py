"""What one writes by hand for a trial: a dataset with per-sample transforms, a loader, a network, a loop.

Used by the peers of bench_search.py; it imports nothing of Convoy, because some peers live in an environment of their own.
A folder given to a peer holds configurations.json and {train,val}_{images,labels}.npy; epochs.txt in it takes a line for
each epoch that was really trained.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

Configuration = dict[str, Any]
Epoch = tuple[dict[str, float], nn.Module, torch.optim.Optimizer]


def configurations(folder: Path) -> list[Configuration]:
    """The fixed ones, in order; all have the keys conv, dense, batch, epochs and rate."""
    found: list[Configuration] = json.loads((folder / "configurations.json").read_text())
    return found


def arrays(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """uint8 N×1×S×S and int64 N."""
    return np.load(folder / f"{split}_images.npy"), np.load(folder / f"{split}_labels.npy")


def note_epoch(folder: Path, accuracy: float) -> None:
    """One more epoch was trained."""
    handle = os.open(folder / "epochs.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(handle, f"{accuracy:.6f}\n".encode())
    os.close(handle)


class Images(Dataset[tuple[torch.Tensor, int]]):
    """Images in memory; `transform` is applied to each sample when it is asked for."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, transform: Callable[[np.ndarray], torch.Tensor]) -> None:
        self.images, self.labels, self.transform = images, labels, transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(self.images[index]), int(self.labels[index])


class Compose:
    """One transform after the other."""

    def __init__(self, *transforms: Callable[[Any], Any]) -> None:
        self.transforms = transforms

    def __call__(self, value: Any) -> Any:
        for transform in self.transforms:
            value = transform(value)
        return value


def to_tensor(pixels: np.ndarray) -> torch.Tensor:
    """uint8 C×S×S → float 0–1."""
    return torch.from_numpy(pixels).float().div(255)


class Normalize:
    """(x − mean) / deviation."""

    def __init__(self, mean: float, deviation: float) -> None:
        self.mean, self.deviation = mean, deviation

    def __call__(self, image: torch.Tensor) -> torch.Tensor:
        return image.sub(self.mean).div(self.deviation)


def network(conv: int, dense: int, classes: int, side: int) -> nn.Module:
    """Convolutions of 3×3 with 32, 64, 128, … filters, each with ReLU and 2×2 max pooling; dense layers of 128; logits."""
    layers: list[nn.Module] = []
    channels = 1
    for index in range(conv):
        filters = 32 * 2**index
        layers += [nn.Conv2d(channels, filters, 3, padding="same"), nn.ReLU(), nn.MaxPool2d(2)]
        channels, side = filters, side // 2
    layers.append(nn.Flatten())
    width = channels * side * side
    for _ in range(dense):
        layers += [nn.Linear(width, 128), nn.ReLU()]
        width = 128
    return nn.Sequential(*layers, nn.Linear(width, classes))


def train(
    configuration: Configuration, folder: Path, seed: int
) -> Iterator[tuple[dict[str, float], nn.Module, torch.optim.Optimizer]]:
    """Train, and yield after each epoch its metrics, the network and the optimizer."""
    torch.manual_seed(seed)
    images, labels = arrays(folder, "train")
    transform = Compose(to_tensor, Normalize(float(images.mean() / 255), float(images.std() / 255)))
    train_loader = DataLoader(Images(images, labels, transform), batch_size=configuration["batch"], shuffle=True)
    val_loader = DataLoader(Images(*arrays(folder, "val"), transform), batch_size=configuration["batch"])
    net = network(configuration["conv"], configuration["dense"], int(labels.max()) + 1, images.shape[-1])
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=configuration["rate"])
    for _ in range(configuration["epochs"]):
        net.train()
        total = 0.0
        for batch, wanted in train_loader:
            optimizer.zero_grad()
            loss = criterion(net(batch), wanted)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(wanted)
        metrics = {"train_loss": total / len(labels), **validate(net, val_loader, criterion)}
        note_epoch(folder, metrics["val_accuracy"])
        yield metrics, net, optimizer


def validate(net: nn.Module, loader: DataLoader[Any], criterion: nn.Module) -> dict[str, float]:
    """Loss and accuracy."""
    net.eval()
    loss, correct, count = 0.0, 0, 0
    with torch.no_grad():
        for batch, wanted in loader:
            logits = net(batch)
            loss += criterion(logits, wanted).item() * len(wanted)
            correct += int((logits.argmax(1) == wanted).sum())
            count += len(wanted)
    return {"val_loss": loss / count, "val_accuracy": correct / count}
