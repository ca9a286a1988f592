from __future__ import annotations

import csv
import io

import numpy as np
import pandas as pd
import pytest

from pipeline.data.catalog.table import IMAGE_TYPES, printable, read_images, to_csv, to_files
from tests.data.catalog.catalogs import catalog_of, of_counts


def test_written_and_read_again_it_is_the_same_and_the_bytes_are_too() -> None:
    catalog = of_counts({"cat": 4, "dog": 4})
    files = to_files(catalog)
    assert set(files) == {"catalog.parquet", "thumbnails.npy", "rejects.csv"}
    pd.testing.assert_frame_equal(read_images(files["catalog.parquet"]), catalog.images)
    assert (np.load(io.BytesIO(files["thumbnails.npy"])) == catalog.thumbnails).all()
    assert files == to_files(of_counts({"cat": 4, "dog": 4}))


def test_an_empty_catalog_keeps_its_columns_and_types() -> None:
    images = read_images(to_files(catalog_of([], ["cat"]))["catalog.parquet"])
    assert list(images.columns) == list(IMAGE_TYPES)
    assert images["width"].dtype == np.int32


def test_what_is_left_out_stands_among_the_rejects_in_the_order_of_paths() -> None:
    catalog = catalog_of([("cat", "1"), ("dog", "2"), ("cat", "3")], rejects=[("0001.jpg", "dog", "truncated")])
    after = catalog.without(catalog.images["label"] == "cat", "small-class")
    assert after.images["path"].tolist() == ["0001.png"]
    assert after.images.index.tolist() == [0]
    assert after.thumbnails[:, 0, 0, 0].tolist() == [1]
    assert after.rejects.to_numpy().tolist() == [
        ["0000.png", "cat", "small-class"],
        ["0001.jpg", "dog", "truncated"],
        ["0002.png", "cat", "small-class"],
    ]
    assert catalog.without(catalog.images["label"] == "bird", "small-class") is catalog


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cat/a b.png", "cat/a b.png"),
        ("naïve/ß猫.png", "naïve/ß猫.png"),
        ("a\nb", "a\\nb"),
        ("a\x1b[31mred", "a\\x1b[31mred"),
        ("a\u202egnp.exe", "a\\u202egnp.exe"),  # turns the rest around on the screen
        ("cat\u200b", "cat\\u200b"),
    ],
)
def test_names_are_shown_so_that_they_cannot_deceive(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_csv_has_a_line_a_row_whatever_the_names_hold() -> None:
    names = ["a\nb", 'with "quotes", and commas', "-x", "=1+1"]
    content = to_csv(pd.DataFrame({"path": names, "label": "cat"})).decode()
    assert len(content.splitlines()) == 1 + len(names)
    assert [row["path"] for row in csv.DictReader(io.StringIO(content))] == ["a\\nb", *names[1:]]
