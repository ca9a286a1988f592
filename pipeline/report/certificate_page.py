"""The certificate of a split as one HTML file, for people: every name escaped, every picture inside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from pipeline.report.certificate_template import STYLE, TEMPLATE
from pipeline.report.thumbnails import data_uri

Pictures = Mapping[str, npt.NDArray[np.uint8]]  # digest → uint8 height × width × 3

_CLUSTERS = 12  # shown


def certificate_page(certificate: Mapping[str, Any], pictures: Pictures, names: Mapping[str, str]) -> str:
    """The page; pictures and names are those that `mentioned` asks for, others are shown as digests.

    The same values give the same text.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    near = certificate["near_duplicates"]
    return environment.from_string(
        TEMPLATE
    ).render(
        style=Markup(STYLE),  # noqa: S704 our own constant
        c=certificate,
        names=names,
        pairs=[_pair(pair, pictures, names) for pair in near["nearest_across"]],
        clusters=[
            {
                "name": names.get(cluster["medoid"], cluster["medoid"]),
                "size": cluster["size"],
                "picture": _picture(pictures, cluster["medoid"]),
            }
            for cluster in near["largest"][:_CLUSTERS]
        ],
    )


def mentioned(certificate: Mapping[str, Any]) -> set[str]:
    """The digests that the page shows with a picture or by name."""
    near = certificate["near_duplicates"]
    pairs = {pair[part] for pair in near["nearest_across"] for part in ("first", "second")}
    clusters = {cluster["medoid"] for cluster in near["largest"][:_CLUSTERS]}
    leaks = {leak["name"] for leak in certificate["leaks"]["examples"]}
    moved = {digest for told in certificate["earlier"]["examples"] for digest in told["digests"]}
    return pairs | clusters | leaks | moved


def _pair(pair: Mapping[str, Any], pictures: Pictures, names: Mapping[str, str]) -> dict[str, Any]:
    digests = (pair["first"], pair["second"])
    parts = [
        {"side": side, "name": names.get(digest, digest), "picture": _picture(pictures, digest)}
        for digest, side in zip(digests, pair["sides"], strict=True)
    ]
    return {"distance": pair["distance"], "parts": parts}


def _picture(pictures: Pictures, digest: str) -> str | None:
    return data_uri(pictures[digest]) if digest in pictures else None
