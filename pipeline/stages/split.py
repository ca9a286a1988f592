"""Split: decide for every distinct image whether it trains, validates or tests, and certify it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline import artifacts, layout
from pipeline.data.catalog.table import read_images
from pipeline.data.duplicates.clusters import NearPairs, near_pairs, stars, too_large
from pipeline.data.split import certificate as certificates
from pipeline.data.split import earlier as history
from pipeline.data.split.assign import divide
from pipeline.data.split.earlier import Earlier
from pipeline.data.split.settings import SplitParams
from pipeline.data.split.table import read_splits, to_bytes
from pipeline.errors import ClusterTooLarge, StageOutOfDate
from pipeline.report.certificate_page import certificate_page, mentioned

_TERMS = layout.SPLITS / "terms.json"


def run(params: SplitParams) -> None:
    """Write data/splits (splits.parquet and the terms it was made under) and the certificate, for machines and for people."""
    images = read_images(artifacts.read_bytes(layout.CATALOG / "catalog.parquet"))
    distinct, thumbnails = _distinct(images)
    near = near_pairs(_hashes(distinct), thumbnails, params.near_duplicates, _kind())
    division = divide(images, params, _clusters(distinct, near), _earlier(params))
    proof = certificates.certify(images, division, params, near)
    artifacts.write_bytes(layout.SPLITS / "splits.parquet", to_bytes(division.splits))
    made_with = history.terms(params) | {"folds": params.folds, "splits": proof["digests"]["splits"]}
    artifacts.write_json(_TERMS, made_with)
    artifacts.write_json(layout.CERTIFICATE, proof)
    page = certificate_page(proof, *_shown(distinct, thumbnails, proof))
    artifacts.write_text(layout.CERTIFICATE.with_suffix(".html"), page)
    print("\n".join(f"split: {line}" for line in _told(proof)))


def _shown(
    distinct: pd.DataFrame, thumbnails: npt.NDArray[np.uint8], proof: dict[str, Any]
) -> tuple[dict[str, npt.NDArray[np.uint8]], dict[str, str]]:
    """digest → thumbnail and digest → path, of those that the page mentions."""
    rows = np.flatnonzero(distinct["digest"].isin(mentioned(proof)))
    digests, paths = distinct["digest"].to_numpy(), distinct["path"].to_numpy()
    return {str(digests[row]): thumbnails[row] for row in rows}, {str(digests[row]): str(paths[row]) for row in rows}


def _distinct(images: pd.DataFrame) -> tuple[pd.DataFrame, npt.NDArray[np.uint8]]:
    """The first row of each digest, sorted by digest, and their thumbnails."""
    thumbnails = np.load(layout.CATALOG / "thumbnails.npy", mmap_mode="r", allow_pickle=False)
    if len(thumbnails) != len(images):
        why = f"{len(thumbnails)} thumbnails for {len(images)} images"
        raise StageOutOfDate(str(layout.CATALOG), why=why, remedy="run `dvc repro --force ingest`")
    first = images.reset_index(drop=True).drop_duplicates("digest").sort_values("digest")
    return first, np.asarray(thumbnails[first.index.to_numpy()])


def _hashes(distinct: pd.DataFrame) -> npt.NDArray[np.uint64]:
    return np.array([int(text, 16) for text in distinct["phash"]], dtype=np.uint64)


def _kind() -> str:
    return str(artifacts.read_json(layout.CATALOG / "summary.json").get("kind", "unknown"))


def _clusters(distinct: pd.DataFrame, near: NearPairs) -> dict[str, str]:
    """digest → digest of the medoid, of those that are not alone; raises ClusterTooLarge."""
    digests = distinct["digest"].to_numpy()
    medoids = digests[stars(len(digests), near)]
    large = too_large(list(medoids), len(digests))
    if large:
        medoid, size = next(iter(large.items()))
        path = str(distinct["path"][distinct["digest"] == medoid].iloc[0])
        what = f"{size} of {len(digests)} images are near-duplicates"
        why = f"within {near.radius:g} of this one; above 1 %, {len(large)} such clusters"
        raise ClusterTooLarge(what, where=path, why=why, remedy="look at it; then remove them or set split.near_duplicates")
    shared = set(medoids[medoids != digests])
    return {str(digest): str(medoid) for digest, medoid in zip(digests, medoids, strict=True) if medoid in shared}


def _earlier(params: SplitParams) -> Earlier:
    """The split that lies in data/splits, when it was made under the same terms."""
    file = layout.SPLITS / "splits.parquet"
    if not (file.exists() and _TERMS.exists()):
        return Earlier()
    return history.read(read_splits(artifacts.read_bytes(file)), artifacts.read_json(_TERMS), params)


def _told(proof: dict[str, Any]) -> list[str]:
    """What a person should know, a line each."""
    near, leaks, earlier = proof["near_duplicates"], proof["leaks"], proof["earlier"]
    lines = [", ".join(f"{count} {name}" for name, count in proof["images"].items())]
    if proof["ranked_classes"]:
        lines.append(f"too small for thresholds, ranked instead: {', '.join(proof['ranked_classes'])}")
    if near["clusters"]:
        lines.append(f"{near['images']} images are near-duplicates, kept together in {near['clusters']} clusters")
    if leaks["moved"]["pixels"]:
        lines.append(f"{leaks['moved']['pixels']} images stood in several given splits; each is now in the strictest")
    for kind, plural in (("group", "groups"), ("near-duplicates", "clusters of near-duplicates")):
        if leaks["moved"][kind]:
            lines.append(f"{leaks['moved'][kind]} {plural} stood in several given splits; each is now in the strictest")
        if leaks["reported"][kind]:
            lines.append(f"{leaks['reported'][kind]} {plural} stand in several given splits; split.on_leak: move would mend it")
    if earlier["moved"]:
        lines.append(f"{earlier['moved']} images left the side they had: joined with others now, or given another by the source")
    if not proof["holds"]:
        lines.append(f"the certificate does not hold: {'; '.join(proof['problems'])}")
    return [*lines, f"certificate {proof['digest'][:12]} in {layout.CERTIFICATE}"]
