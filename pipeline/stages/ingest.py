"""Ingest: look at every image of the source that is new or changed, settle what is wrong with the set, and write the catalog."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow as pa

from pipeline import artifacts, layout
from pipeline.data.catalog import build, seen
from pipeline.data.catalog.policies import settle
from pipeline.data.catalog.seen import Looks
from pipeline.data.catalog.settings import IngestParams
from pipeline.data.catalog.summary import lines, summarized
from pipeline.data.catalog.table import Catalog, printable, to_csv, to_files
from pipeline.data.sources import is_named_set, open_source
from pipeline.data.sources.downloads import Downloads
from pipeline.data.sources.source import Sample, Source
from pipeline.data.workers import worker_count
from pipeline.errors import DigestMismatch, raise_all

_SHOWN = 20  # rejects printed; rejects.csv has all
_STATE = Path("state")  # of the project in the working directory


def run(params: IngestParams, state: Path = _STATE) -> None:
    """Write data/catalog: catalog.parquet, thumbnails.npy, rejects.csv, contradictions.csv and, when usable, summary.json.

    state: where it is kept what earlier runs found out, so that files that did not change are not read again.
    """
    downloads = Downloads(state / "downloads", fetch=params.download)
    source = open_source(params.source, params.path, params.decode, downloads)
    reopen = partial(open_source, params.source, params.path, params.decode, replace(downloads, fetch=False))
    samples = source.samples()
    looks = _looks(source, samples, reopen, params, state / "ingest" / seen.file_name(params.source, params.path))
    found = build.catalog(samples, looks, source.classes())
    _print_rejects(found)
    outcome = settle(found, params, is_named_set(params.source))
    files = {**to_files(outcome.catalog), "contradictions.csv": to_csv(outcome.contradictions)}
    for name, content in files.items():
        artifacts.write_bytes(layout.CATALOG / name, content)
    for note in outcome.notes:
        print(f"ingest: {note}")
    raise_all(outcome.problems)
    summary = summarized(outcome, source, params)
    artifacts.write_json(layout.CATALOG / "summary.json", summary)
    print("\n".join(lines(summary)))


def _looks(source: Source, samples: Sequence[Sample], reopen: Callable[[], Source], params: IngestParams, memory: Path) -> Looks:
    """A look at every sample; what is found is kept in `memory` also when the reading is interrupted."""
    looks = Looks([sample.path for sample in samples])
    if build.in_memory(source, samples):
        build.look_at(looks, range(len(samples)), lambda: source, 1)
        return looks
    version = seen.version(params.decode)
    earlier = _remembered(memory, version)
    rows = looks.recall(earlier, source.stamp)
    if earlier is not None:
        print(f"ingest: {len(rows):,} of {len(samples):,} images are new or changed and are read")
    try:
        build.look_at(looks, rows, reopen, worker_count(params.workers))
    finally:
        if rows or earlier is None or len(earlier.paths) != len(samples):
            artifacts.write_sealed(memory, seen.to_bytes(looks, version))
    return looks


def _remembered(memory: Path, version: str) -> Looks | None:
    if not memory.exists():
        return None
    try:
        earlier = seen.from_bytes(artifacts.read_sealed(memory), version)
        why = "the decoder, its settings or its libraries changed"
    except (DigestMismatch, pa.ArrowInvalid, KeyError) as error:
        earlier, why = None, f"{memory} is damaged or of another kind ({type(error).__name__})"
    if earlier is None:
        print(f"ingest: every image is read again: {why}")
    return earlier


def _print_rejects(catalog: Catalog) -> None:
    for path, _, reason in catalog.rejects.head(_SHOWN).itertuples(index=False):
        print(f"ingest: cannot read '{printable(path)}': {printable(reason)}")
    if len(catalog.rejects) > _SHOWN:
        print(f"ingest: … {len(catalog.rejects)} in all, see {layout.CATALOG / 'rejects.csv'}")
