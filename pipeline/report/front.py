"""What is left to choose from after a search for several objectives, in a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def lines(summary: Mapping[str, Any]) -> list[str]:
    """By what summary.json holds; none after a search for the metric alone."""
    if "front" not in summary:
        return []
    front, finished = summary["front"], summary["trials"].get("completed", 0)
    numbers = ", ".join(map(str, front["trials"]))
    beaten = f"front: {len(front['trials'])} of {finished} finished trials are beaten by none in {', '.join(front['objectives'])}"
    return [f"{beaten}: {numbers} ({front['picture']}); refit.trial names another than the winner"]
