"""Run lengths of a BMP: Pillow cuts runs that leave the picture and fills what is missing, without a word."""

from __future__ import annotations

from PIL import ImageFile

from pipeline.data.images.refusal import refused


def check_bmp(image: ImageFile.ImageFile, content: bytes) -> None:
    """Raises ImageRefused for a run-length coded BMP whose runs leave the picture (broken) or end early (truncated)."""
    tile = image.tile[0]
    if tile.codec_name != "bmp_rle" or not isinstance(tile.args, tuple):
        return
    row, column = _end_of_runs(content, tile.offset, image.size, four_bits=bool(tile.args[1]))
    if (row, column) < (image.height - 1, image.width):
        raise refused("truncated", f"BMP: the runs end in row {row} of {image.height}")


def _end_of_runs(content: bytes, position: int, size: tuple[int, int], four_bits: bool) -> tuple[int, int]:
    """(row, column) where the runs stop; the end of the bitmap when they say so.

    A run is a count and a value; count 0 is an escape: 0 end of line, 1 end of bitmap, 2 move, n ≥ 3 so many literal pixels.
    """
    (width, height), row, column = size, 0, 0
    while position + 2 <= len(content):
        count, value = content[position], content[position + 1]
        position += 2
        if count:
            column += count
        elif value == 0:
            row, column = row + 1, 0
        elif value == 1:
            return height, 0
        elif value == 2:
            if position + 2 > len(content):
                break
            column, row, position = column + content[position], row + content[position + 1], position + 2
        else:
            length = (value + 1) // 2 if four_bits else value
            column, position = column + value, position + length + length % 2
        if column > width or row > height or (row == height and column):
            raise refused("broken", f"BMP: a run leaves the picture in row {row}")
    return row, column
