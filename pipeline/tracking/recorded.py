"""What is recorded with a registered version for making it again: the model itself, its sources, its environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import NotRebuildable
from pipeline.tracking.connection import connect, reaching
from pipeline.tracking.download import download
from pipeline.tracking.origin import COMMIT_TAG, ENVIRONMENT, SOURCE_TAG, fetch_origin
from pipeline.tracking.promotion import find_version


@dataclass(frozen=True)
class Recorded:
    """model, source: folders, checked against their sha256; environment: `name==version` lines; commit: as origin.py has it."""

    name: str
    version: str
    commit: str
    environment: str
    model: Path
    source: Path


def fetch_recorded(uri: str, name: str, version: str, folder: Path) -> Recorded:
    """All of it, inside `folder`; raises ModelNotFound, NotRebuildable, DigestMismatch, TrackingUnreachable."""
    with reaching(uri):
        client = connect(uri)
        found = find_version(client, name, version)
        if SOURCE_TAG not in found.tags:
            why = "nothing is recorded of how it was made: an earlier Convoy registered it"
            remedy = "register it again: `dvc repro --force register`"
            raise NotRebuildable(f"{name} version {version}", why=why, remedy=remedy)
        source = fetch_origin(client, found, folder)
        environment = Path(client.download_artifacts(str(found.run_id), ENVIRONMENT, str(folder))).read_text(encoding="utf-8")
        model = download(uri, found, folder)
    return Recorded(name, version, found.tags.get(COMMIT_TAG, ""), environment, model, source)
