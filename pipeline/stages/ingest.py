"""Ingest: look at every image of the source once and write the catalog."""

from __future__ import annotations

from pipeline import artifacts, layout
from pipeline.data.catalog import table as catalogs
from pipeline.data.catalog.settings import IngestParams
from pipeline.data.catalog.table import Catalog
from pipeline.data.sources import open_source
from pipeline.data.sources.source import Source

_SHOWN = 20  # rejects printed; rejects.csv has all


def run(params: IngestParams) -> None:
    """Write data/catalog: catalog.parquet, rejects.csv and, when the set can be used, summary.json."""
    source = open_source(params.source, params.path)
    catalog = catalogs.build(source)
    for name, content in catalogs.to_files(catalog).items():
        artifacts.write_bytes(layout.CATALOG / name, content)
    _print_rejects(catalog)
    catalogs.check(catalog, params)
    artifacts.write_json(layout.CATALOG / "summary.json", _summary(catalog, source, params))
    counts = f"{len(catalog.images)} images of {len(catalog.classes)} classes"
    print(f"ingest: {counts} from {source.name}, {len(catalog.rejects)} rejected")


def _summary(catalog: Catalog, source: Source, params: IngestParams) -> dict[str, object]:
    """What preprocess needs to open the same source again, and the counts."""
    return {
        "name": source.name,
        "source": params.source,
        "path": params.path,
        "classes": catalog.classes,
        "images": len(catalog.images),
        "distinct": int(catalog.images["digest"].nunique()),
        "rejects": len(catalog.rejects),
    }


def _print_rejects(catalog: Catalog) -> None:
    for path, _, reason in catalog.rejects.head(_SHOWN).itertuples(index=False):
        print(f"ingest: cannot read {path!r}: {reason}")
    if len(catalog.rejects) > _SHOWN:
        print(f"ingest: … {len(catalog.rejects)} in all, see {layout.CATALOG / 'rejects.csv'}")
