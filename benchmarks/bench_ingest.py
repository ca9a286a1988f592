"""How fast images are decoded, beside Pillow and libjpeg-turbo alone, and how the cost of ingest grows with their number.

    python benchmarks/bench_ingest.py [--images 300] [--rounds 9] [--folder PATH] [--sizes 1000 10000 60000]

One process, one thread, seconds of its processor time. Every round runs every way over the same images in turn, so that what
else happens on the machine meets all of them; medians over the rounds, with the slowest and the fastest. There are so many images
that the caches one way leaves cold for the next hardly count. The pictures are made here: noise whose amplitude falls with
frequency as in photographs, with edges, 500×375, saved at quality 85 to 90; they have 37 to 55 kB, photographs saved alike 30 to
60. --folder takes the JPEGs of a folder instead. --sizes without a number leaves ingest out; its seconds are wall time.
"""

from __future__ import annotations

import argparse
import io
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt
import simplejpeg
import torch
from PIL import Image
from scratch_project import machine, run_stage, scratch_project

from pipeline.data.images.decode import decode
from pipeline.data.images.decoding import Decoding
from pipeline.data.images.jpeg import reduction
from pipeline.data.preparation.prepare import Prepare
from pipeline.data.preparation.steps import Resize

SIDE = 64  # pixels, of the squares that all become
HEIGHT, WIDTH = 375, 500
PREPARE = Prepare(3, SIDE, (Resize(fit="stretch"),))  # the default steps of preprocess
_BATCH_PIXELS = 250_000  # resized at a time, as preprocess does
Pixels = npt.NDArray[np.uint8]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Images decoded a second, and how ingest grows.")
    parser.add_argument("--images", type=int, default=300, help="pictures made, or taken from --folder at most")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--folder", type=Path, help="measure on the JPEGs below this folder")
    parser.add_argument("--sizes", type=int, nargs="*", default=[1000, 10_000, 60_000], help="images for ingest")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(machine())
    contents = _from(options.folder, options.images) if options.folder else [_photo(seed) for seed in range(options.images)]
    print(f"{len(contents)} JPEGs, {sum(map(len, contents)) / len(contents) / 1000:.0f} kB each; n = {options.rounds} rounds")
    show(measure(contents, options.rounds))
    linearity(options.sizes)


def measure(contents: Sequence[bytes], rounds: int) -> dict[str, list[float]]:
    """Images a second of processor time of each way in each round, after one round that does not count."""
    rates: dict[str, list[float]] = {name: [] for name in WAYS}
    for number in range(rounds + 1):
        for name, way in WAYS.items():
            begun = time.process_time()
            way(contents)
            if number:
                rates[name].append(len(contents) / (time.process_time() - begun))
    return rates


def show(rates: dict[str, list[float]]) -> None:
    """A table: median, spread, and each round's ratio to Pillow's full decode and to libjpeg-turbo alone."""
    print(f"{'':48}images/s  (min–max)      × Pillow full   of raw   of raw + resize")
    for name, values in rates.items():
        ratios = [_ratio(values, rates[base]) for base in (FULL, RAW, RAW_RESIZED)]
        spread = f"({min(values):.0f}–{max(values):.0f})"
        print(f"{name:48}{statistics.median(values):8.0f}  {spread:14}  {ratios[0]:8.2f} ×  {ratios[1]:11.0%}  {ratios[2]:10.0%}")


def _ratio(values: Sequence[float], base: Sequence[float]) -> float:
    return statistics.median(one / other for one, other in zip(values, base, strict=True))


def _pillow_full(contents: Sequence[bytes]) -> None:
    for content in contents:
        np.asarray(Image.open(io.BytesIO(content)).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def _pillow_draft(contents: Sequence[bytes]) -> None:
    for content in contents:
        image = Image.open(io.BytesIO(content))
        image.draft("RGB", (SIDE, SIDE))
        np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def _simplejpeg(contents: Sequence[bytes]) -> None:
    for content in contents:
        pixels = simplejpeg.decode_jpeg(content, "RGB", min_height=SIDE, min_width=SIDE)
        np.asarray(Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def _raw(contents: Sequence[bytes]) -> None:
    """libjpeg-turbo with as little around it as Python allows: one call for the size, one for the pixels, no checks of ours."""
    for content in contents:
        _scaled(content)


def _raw_resized(contents: Sequence[bytes]) -> None:
    _resize_all(_scaled(content) for content in contents)


def _scaled(content: bytes) -> Pixels:
    height, width, _, _ = simplejpeg.decode_jpeg_header(content)
    factor = reduction(int(height), int(width), SIDE)
    smallest = {"min_height": -(-int(height) // factor), "min_width": -(-int(width) // factor)} if factor > 1 else {}
    pixels: Pixels = simplejpeg.decode_jpeg(content, "RGB", **smallest)
    return pixels


def _convoy_reduced(contents: Sequence[bytes]) -> None:
    decoding = Decoding(reduce_to=SIDE)
    _resize_all(decode(content, decoding).pixels for content in contents)


def _convoy_full(contents: Sequence[bytes]) -> None:
    _resize_all(decode(content).pixels for content in contents)


def _convoy_decode(contents: Sequence[bytes]) -> None:
    decoding = Decoding(reduce_to=SIDE)
    for content in contents:
        decode(content, decoding)


def _resize_all(pictures: Iterator[Pixels]) -> None:
    """In batches of one shape, by the resize of preprocess."""
    for shape, group in groupby(pictures, key=lambda pixels: pixels.shape):
        batch, most = [], max(1, _BATCH_PIXELS // (shape[0] * shape[1]))
        for pixels in group:
            batch.append(pixels)
            if len(batch) == most:
                _resize(batch)
                batch = []
        if batch:
            _resize(batch)


def _resize(batch: list[Pixels]) -> None:
    with torch.inference_mode():
        PREPARE(torch.from_numpy(np.stack(batch)).permute(0, 3, 1, 2)).numpy()


FULL, RAW, RAW_RESIZED = (
    "Pillow, full, resize",
    "libjpeg-turbo alone, scaled, no resize",
    "libjpeg-turbo alone, scaled, Convoy's resize",
)
WAYS: dict[str, Callable[[Sequence[bytes]], None]] = {
    FULL: _pillow_full,
    "Pillow, draft, resize": _pillow_draft,
    "simplejpeg, scaled, Pillow's resize": _simplejpeg,
    RAW: _raw,
    RAW_RESIZED: _raw_resized,
    "Convoy, full, resize": _convoy_full,
    f"Convoy, reduce_to {SIDE}, no resize": _convoy_decode,
    f"Convoy, reduce_to {SIDE}, resize": _convoy_reduced,
}


def _photo(seed: int) -> bytes:
    """A JPEG with the spectrum of photographs (amplitude falls with frequency) and some straight edges."""
    rng = np.random.default_rng(seed)
    rows, columns = np.fft.fftfreq(HEIGHT)[:, None], np.fft.rfftfreq(WIDTH)[None, :]
    falling = np.maximum(np.hypot(rows, columns), 1 / WIDTH) ** -1.5
    noise = [np.fft.irfft2(np.fft.rfft2(rng.normal(size=(HEIGHT, WIDTH))) * falling, (HEIGHT, WIDTH)) for _ in range(4)]
    pixels = np.stack([noise[0] + 0.2 * colour for colour in noise[1:]], axis=2)
    pixels = 128 + 55 * pixels / pixels.std()
    for top, left in rng.integers(0, 300, (6, 2)):
        pixels[top : top + 70, left : left + 90] += rng.normal(0, 40, 3)
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=int(85 + seed % 6))
    return stream.getvalue()


def _from(folder: Path, most: int) -> list[bytes]:
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    step = max(1, len(paths) // most)
    return [path.read_bytes() for path in paths[::step][:most]]


def linearity(sizes: Sequence[int]) -> None:
    """Seconds of `python -m pipeline ingest` for so many 32×32 JPEGs of ten classes, first and again when nothing changed."""
    if not sizes:
        return
    print("\n  images  ingest s  again s  ms an image beyond the smaller set")
    earlier = (0, 0.0)
    for size in sorted(sizes):
        with scratch_project({"ingest": {"source": "folder", "path": "images"}}) as project:
            _write_images(project / "images", size)
            first, again = (run_stage("ingest", project).seconds for _ in range(2))
        added = 1000 * (first - earlier[1]) / (size - earlier[0])
        note = "" if earlier[0] else "  (with the start of Python)"
        print(f"{size:8}  {first:8.1f}  {again:7.1f}  {added:8.3f}{note}", flush=True)
        earlier = (size, first)


def _write_images(folder: Path, size: int) -> None:
    rng = np.random.default_rng(size)
    for number in range(size):
        path = folder / f"class-{number % 10}" / f"{number:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        coarse.resize((32, 32), Image.Resampling.BICUBIC).save(path, quality=90)


if __name__ == "__main__":
    main()
