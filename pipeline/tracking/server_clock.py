"""What time it is on the server of MLflow, from the date of an answer: its client hides those of its own requests."""

from __future__ import annotations

import email.utils
import http.client
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from pipeline import clocks

_SECONDS = 5.0


def warning(uri: str, clock: Callable[[], float] = time.time) -> str:
    """A line if that clock differs from ours; "" if not, if MLflow is no server, or if it does not say."""
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https") or parts.hostname is None:
        return ""
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=_SECONDS)

    def ask() -> float:
        connection.request("HEAD", f"{parts.path.rstrip('/')}/health")
        date = connection.getresponse().getheader("Date")
        return email.utils.parsedate_to_datetime(date or "").timestamp()

    try:
        return clocks.read(ask, clock).warning(f"MLflow's server {parts.hostname}")
    except (OSError, http.client.HTTPException, ValueError):  # the projection is told by MLflow's own client of what is wrong
        return ""
    finally:
        connection.close()
