"""Files come decoded in their order, by threads or where they are asked for, as the time of a handful says."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.data.images.decoding import Decoding
from pipeline.prediction.answer import Decoded, Prediction, decoded
from pipeline.prediction.read_ahead import read_ahead

FILES = 200


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """PNGs of 2×2 pixels, each of the grey of its number; number 30 is no image."""
    for number in range(FILES):
        Image.fromarray(np.full((2, 2), number, np.uint8)).save(tmp_path / f"{number:03}.png")
    (tmp_path / "030.png").write_text("no image")
    return sorted(tmp_path.iterdir())


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the files that are decoded where they are asked for."""
    numbers = list[int]()

    def noted(decoding: Decoding, content: bytes, name: str) -> Decoded | Prediction:
        if threading.current_thread() is threading.main_thread():
            numbers.append(int(Path(name).stem))
        return decoded(decoding, content, name)

    monkeypatch.setattr("pipeline.prediction.read_ahead.decoded", noted)
    return numbers


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (itertools.repeat(0.001), [*range(FILES)]),
        (itertools.repeat(0.1), [*range(8), *range(72, 80)]),
        (itertools.chain([0.1], itertools.repeat(0.001)), [*range(8), *range(72, FILES)]),
    ],
    ids=["small images", "photos", "only the first is slow, as what decodes it is loaded"],
)
def test_files_in_their_order_by_threads_where_a_handful_takes_long(
    paths: list[Path], here: list[int], monkeypatch: pytest.MonkeyPatch, seconds: Iterator[float], expected: list[int]
) -> None:
    now = itertools.accumulate(itertools.chain.from_iterable((0.0, taken) for taken in seconds))
    monkeypatch.setattr("time.perf_counter", lambda: next(now))

    found = list(read_ahead(Decoding(), paths))

    greys = [int(one.pixels[0, 0, 0]) if isinstance(one, Decoded) else one.reason.partition(":")[0] for one in found]
    assert greys == [number if number != 30 else "not-an-image" for number in range(FILES)]
    assert here == expected
