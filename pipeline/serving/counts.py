"""What /metrics tells, in Prometheus' words."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from pipeline.prediction.answer import Prediction

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


class Counts:
    """Of one server; those of another in the same process are apart."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter("convoy_requests", "Requests answered", ["path", "status"], registry=self._registry)
        self._images = Counter("convoy_images", "Images labelled, by label", ["label"], registry=self._registry)
        self._refused = Counter("convoy_refused_images", "Images refused, by reason", ["reason"], registry=self._registry)
        self._seconds = Histogram(
            "convoy_request_seconds", "From request to answer", ["path"], registry=self._registry, buckets=_SECONDS
        )

    def answered(self, path: str, status: int, seconds: float) -> None:
        """One request; `path` is one of the server's own, so that a stranger cannot invent series."""
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def said(self, prediction: Prediction) -> None:
        """One image."""
        if prediction.label is None:
            self._refused.labels(prediction.reason.partition(":")[0]).inc()
        else:
            self._images.labels(prediction.label).inc()

    def text(self) -> bytes:
        """The page."""
        return generate_latest(self._registry)
