"""What the exported program of a model costs whoever runs it."""

from __future__ import annotations

from pipeline import artifacts
from pipeline.timing import median_ms
from pipeline.tracking.finished import FinishedModel
from pipeline.tracking.gate import Cost


def cost(model: FinishedModel) -> Cost:
    """Measured on the CPU, on an image of the size and colours that the network reads; its preparation is in it."""
    import torch  # takes seconds, which only a new version is worth

    from pipeline.training import program

    content = artifacts.read_bytes(model.folder / "program.pt2")
    run, recipe = program.load(content), model.facts["recipe"]
    side = int(recipe["image_size"])
    image = torch.zeros(1, int(recipe["channels"]), side, side, dtype=torch.uint8)
    with torch.inference_mode():
        latency = median_ms(lambda: run(image))
    return Cost(latency, round(len(content) / 1e6, 4), int(model.facts["parameters"]))
