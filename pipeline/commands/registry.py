"""Which registered model a command means, and where the registry is: in a project its own, elsewhere what is said."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from pipeline import layout, params
from pipeline.commands import project
from pipeline.errors import MissingFile
from pipeline.tracking import reference
from pipeline.tracking.reference import Reference


def meant(text: str | None, uri: str | None) -> tuple[str, Reference]:
    """The address and the model; without a name the project's, or the only one there is. Raises MissingFile, WrongValue."""
    wanted = reference.parse(text) if text else Reference()
    root = layout.project_root(Path.cwd())
    if root is not None:
        uri = uri or project.tracking_uri(root, params.load(root / layout.PARAMS))
        wanted = replace(wanted, name=wanted.name or project.registered_name(root))
    address = uri or os.environ.get("MLFLOW_TRACKING_URI")
    if address is None:
        remedy = "give --tracking-uri, set MLFLOW_TRACKING_URI, or run it in a project"
        raise MissingFile("the registry", why="no tracking address is known outside a project", remedy=remedy)
    return address, wanted
