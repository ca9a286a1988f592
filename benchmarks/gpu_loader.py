"""A network trained as an eager float32 script does it: a Dataset, a loader with processes, each image changed by itself."""

from __future__ import annotations

import os
import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

_PADDING = 4  # pixels, of the usual crop
_MOST_WORKERS = 8


class Changed(Dataset[tuple[torch.Tensor, int]]):
    """uint8 images in memory, mirrored and moved at random when they are asked for."""

    def __init__(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        image = (self.images[index].float() / 255 - 0.5) / 0.25
        if torch.rand(()) < 0.5:
            image = image.flip(2)
        row, column = (int(torch.randint(2 * _PADDING + 1, ())) for _ in range(2))
        size = image.shape[1]
        return F.pad(image, [_PADDING] * 4)[:, row : row + size, column : column + size], int(self.labels[index])


def images_a_second(
    network: nn.Module, images: torch.Tensor, labels: torch.Tensor, batch_size: int, device: torch.device, epochs: int
) -> float:
    """Of an epoch of training, the median of those after the first."""
    network, optimizer = network.to(device), torch.optim.Adam(network.parameters())
    workers = min(_MOST_WORKERS, len(os.sched_getaffinity(0)))
    loader = DataLoader(
        Changed(images, labels),
        batch_size,
        shuffle=True,
        num_workers=workers,
        pin_memory=device.type == "cuda",
        persistent_workers=True,
    )
    seconds = []
    for _ in range(epochs + 1):
        begun = time.perf_counter()
        for batch, wanted in loader:
            loss = F.cross_entropy(network(batch.to(device)), wanted.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss.item()  # as it is shown in a bar of progress
        seconds.append(time.perf_counter() - begun)
    return len(labels) / statistics.median(seconds[1:])
