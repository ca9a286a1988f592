from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.data.augmentation.strengths import Augmentation
from pipeline.data.preparation.packed import Packed
from pipeline.report import samples
from tests.repository import REPOSITORY

GENTLE = Augmentation(rotation_degrees=10, noise=0.02)


def rows(count: int, channels: int = 3, side: int = 8) -> Packed:
    pixels = np.random.default_rng(0).integers(0, 256, (count, channels, side, side)).astype(np.uint8)
    return Packed(pixels, np.arange(count, dtype=np.int64) % 3, [f"digest{row}" for row in range(count)])


def drawn(packed: Packed, strengths: Augmentation = GENTLE, **changes: int) -> np.ndarray:
    """The sheet as H×W×3."""
    decoded = [image.transpose(1, 2, 0) for image in packed.images[:]]
    content = samples.sheet(decoded, packed, ["cat", "dog $x$ _" * 5, "owl"], strengths, "photos", **changes)
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def cell(sheet: np.ndarray, row: int, column: int) -> np.ndarray:
    """One picture of the sheet."""
    step = samples._SIDE + samples._GAP
    left = samples._MARGIN + step * column + (2 * samples._GAP if column > 1 else 0)
    top = samples._HEADER + step * row
    return sheet[top : top + samples._SIDE, left : left + samples._SIDE]


@pytest.mark.parametrize("channels", [1, 3])
def test_the_sheet_shows_each_pixel_of_the_prepared_image_as_a_square(channels: int) -> None:
    packed = rows(4, channels)
    sheet = drawn(packed)
    square = samples._SIDE // 8
    for number, image in enumerate(packed.images[:]):
        expected = np.broadcast_to(image.transpose(1, 2, 0), (8, 8, 3)).repeat(square, 0).repeat(square, 1)
        np.testing.assert_array_equal(cell(sheet, number, 0), expected)
        np.testing.assert_array_equal(cell(sheet, number, 1), expected)
        assert not np.array_equal(cell(sheet, number, 2), expected)


def test_more_images_and_versions_make_a_larger_sheet_and_the_same_ones_the_same() -> None:
    one, again, taller, wider = drawn(rows(2)), drawn(rows(2)), drawn(rows(5)), drawn(rows(2), versions=9)
    assert np.array_equal(one, again)
    step = samples._SIDE + samples._GAP
    assert taller.shape == (one.shape[0] + 3 * step, one.shape[1], 3) and wider.shape == (
        one.shape[0],
        one.shape[1] + 3 * step,
        3,
    )


def test_pictures_keep_their_proportions_and_lie_in_the_middle() -> None:
    wide, tall, tiny = (samples._cell(np.zeros((*shape, 1), np.uint8)) for shape in ((100, 400), (800, 200), (1, 500)))
    side = samples._SIDE
    assert (wide == 0).all(2).sum() == side * side // 4 and (wide[side // 2] == 0).all() and (wide[0] == 255).all()
    assert (tall == 0).all(2).sum() == side * side // 4 and (tall[:, side // 2] == 0).all()
    assert (tiny == 0).all(2).sum() == side


def test_large_pictures_are_averaged_and_not_thinned_out() -> None:
    checks = (np.indices((600, 600)).sum(0) % 2 * 255).astype(np.uint8)[:, :, None]
    assert abs(int(samples._cell(checks).mean()) - 127) <= 2 and samples._cell(checks).std() < 10


def test_what_is_mixed_in_training_is_mixed_on_the_sheet() -> None:
    packed = Packed(np.stack([np.full((1, 8, 8), value, np.uint8) for value in (0, 85, 170, 255)]), rows(4).labels, list("abcd"))
    plain, mixed = (drawn(packed, strengths) for strengths in (Augmentation(), Augmentation(mixup=1.0)))
    own = [np.unique(cell(plain, row, 2)).tolist() for row in range(4)]
    assert own == [[0], [85], [170], [255]]
    values = {int(value) for row in range(4) for column in range(2, 8) for value in np.unique(cell(mixed, row, column))}
    assert len(values - {0, 85, 170, 255}) > 5


def test_names_and_titles_are_written_beside_the_pictures_without_starting_matplotlib() -> None:
    sheet = drawn(rows(2))
    beside = sheet[samples._HEADER :, : samples._MARGIN]
    assert all((beside[row * 151 : row * 151 + 144] < 128).any() for row in range(2))
    assert (sheet[: samples._HEADER, samples._MARGIN :] < 128).any() and (sheet[-samples._GAP :] == 255).all()
    code = "import sys; from tests.report.test_samples import drawn, rows; drawn(rows(1)); print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_long_class_name_is_cut() -> None:
    assert samples._short("owl") == "owl" and samples._short("x" * 99) == "x" * 16 + "…"


def test_every_class_is_chosen_before_one_is_chosen_again_and_no_image_twice() -> None:
    labels = ["a"] * 5 + ["b"] * 2 + ["c"]
    table = pd.DataFrame({"label": labels, "digest": ["0", "0", "2", "3", "4", "5", "6", "7"]}, index=range(10, 18))
    assert samples.chosen(table, 2).index.tolist() == [10, 15]
    assert samples.chosen(table, 5).index.tolist() == [10, 12, 15, 16, 17]
    assert samples.chosen(table, 99).index.tolist() == [10, 12, 13, 14, 15, 16, 17]
