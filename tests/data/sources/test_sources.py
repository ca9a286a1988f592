from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.data.sources import names, open_source, to_fetch
from pipeline.data.sources.downloads import Downloads
from pipeline.errors import UnknownName
from tests.sets import write_idx_set


def test_every_module_is_a_source_but_what_is_named() -> None:
    assert names() == [
        *("archive", "arrays", "cifar10", "cifar100", "digits", "fashion-mnist", "folder", "idx", "kmnist", "manifest", "mnist")
    ]


@pytest.mark.parametrize("name", ["digit", "reading", "downloads", "source"])
def test_an_unknown_source_is_refused_with_the_nearest_name(name: str) -> None:
    with pytest.raises(UnknownName, match="did you mean digits" if name == "digit" else "E211"):
        open_source(name, "nowhere")


def test_digits_are_the_1797_of_scikit_learn_spread_over_all_levels() -> None:
    source = open_source("digits", "nowhere")
    samples = source.samples()
    assert len(samples) == 1797
    assert (samples[0].path, samples[0].label, samples[0].split) == ("digits/0000", "0", None)
    assert source.classes() == [str(digit) for digit in range(10)]
    pixels = source.read("digits/0000").pixels
    assert pixels.shape == (8, 8, 1)
    assert pixels.dtype == np.uint8
    assert {int(pixels.min()), int(pixels.max())} <= {0, 239, 255}


def test_a_named_set_is_fetched_only_where_its_files_are_not(tmp_path: Path) -> None:
    downloads = Downloads(tmp_path / "downloads", fetch=True)
    assert to_fetch("mnist", str(tmp_path), downloads) == tmp_path / "downloads/mnist"
    assert to_fetch("cifar10", str(tmp_path), downloads) == tmp_path / "downloads/cifar10"
    assert to_fetch("folder", str(tmp_path), downloads) is None
    write_idx_set(tmp_path / "mnist")
    assert to_fetch("mnist", str(tmp_path), downloads) is None
