from __future__ import annotations

import torch

from pipeline.search.execution.latency import latency_ms
from pipeline.timing import WARM_UP


class Watched(torch.nn.Module):
    """Notes what it is given, and how."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.calls = torch.nn.Linear(12, 3), list[tuple[torch.Size, bool, bool]]()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.calls.append((images.shape, self.training, torch.is_inference_mode_enabled()))
        return self.layer(images.flatten(1).float())


IMAGES = torch.arange(60, dtype=torch.uint8).reshape(5, 3, 2, 2)


def test_one_image_at_a_time_goes_through_the_network_as_it_is_used() -> None:
    network = Watched()
    found = latency_ms(network.train(), torch.nn.Identity(), IMAGES)
    assert set(network.calls) == {(torch.Size([1, 3, 2, 2]), False, True)}
    assert WARM_UP + 10 <= len(network.calls) <= WARM_UP + 100 and 0 < found < 100


def test_more_work_takes_longer() -> None:
    class Slow(Watched):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            for _ in range(50):
                super().forward(images)
            return super().forward(images)

    assert latency_ms(Slow(), torch.nn.Identity(), IMAGES) > 5 * latency_ms(Watched(), torch.nn.Identity(), IMAGES)
