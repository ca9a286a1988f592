"""Whether a certificate belongs to a split and holds: counted again from the table, not believed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from pipeline.data.catalog.table import SPLITS
from pipeline.data.split import table


def verify(certificate: Mapping[str, Any], splits: pd.DataFrame, groups: pd.DataFrame | None = None) -> list[str]:
    """What is wrong, in sentences; nothing when the certificate belongs to `splits` and holds.

    groups: digest, group of a catalog; without it groups are taken on the certificate's word.
    """
    missing = {"digest", "digests", "shared", "leaks", "holds", "distinct"} - certificate.keys()
    if missing:
        return [f"the certificate lacks {', '.join(sorted(missing))}"]
    if sealed(certificate)["digest"] != certificate["digest"]:
        return ["the certificate was changed"]
    problems = []
    if table.digest(splits) != certificate["digests"]["splits"]:
        problems.append("splits.parquet is not the split that was certified")
    if any((splits["split"] == name).sum() != certificate["distinct"].get(name) for name in SPLITS):
        problems.append("the certificate counts other images a side than splits.parquet")
    strangers = sorted(set(splits["split"]) - set(SPLITS))
    if strangers:
        problems.append(f"there are sides that nothing knows: {', '.join(strangers)}")
    found = shared(splits, groups)
    told = certificate["shared"]
    problems += [
        f"{count} {name} are on several sides, {told.get(name)} certified"
        for name, count in found.items()
        if count != told.get(name) and (name != "groups" or groups is not None)
    ]
    return problems + broken_rules(certificate)


def shared(splits: pd.DataFrame, groups: pd.DataFrame | None) -> dict[str, int]:
    """How many digests, groups and clusters of near-duplicates are on more than one side, counted in the final table."""
    found = {
        "digests": int((splits.groupby("digest")["split"].nunique() > 1).sum() + splits.duplicated(["digest", "split"]).sum()),
        "clusters": int((splits.groupby("cluster")["split"].nunique() > 1).sum()),
        "groups": 0,
    }
    if groups is not None and len(groups):
        rows = groups.merge(splits, on="digest")
        found["groups"] = int((rows.groupby("group")["split"].nunique() > 1).sum())
    return found


def sealed(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts with `digest`: the sha256 of all the others, as JSON with sorted keys."""
    rest = {name: value for name, value in facts.items() if name != "digest"}
    text = json.dumps(rest, sort_keys=True, ensure_ascii=False)
    return rest | {"digest": hashlib.sha256(text.encode()).hexdigest()}


def broken_rules(facts: Mapping[str, Any]) -> list[str]:
    """Why the certificate does not hold: something shared that is not a reported leak of given splits."""
    count, reported = facts["shared"], facts["leaks"]["reported"]
    excused = {"digests": 0, "clusters": reported["near-duplicates"], "groups": reported["group"]}
    found = [
        f"{count[name]} {name} are on several sides" for name in ("digests", "clusters", "groups") if count[name] > excused[name]
    ]
    return found + [f"there is no image in {name}" for name in SPLITS if not facts["distinct"].get(name)]
