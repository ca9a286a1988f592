"""The HTTP service answers as every other way does, and refuses by name what is odd or too much."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.serving.limits import Limits
from tests.projects import CLASSES, images_of
from tests.serving.service import Service, running

LIMITS = Limits(bytes=20_000, images=3, pixels=2_000)


@pytest.fixture(scope="module")
def service(finished_project: Path) -> Iterator[Service]:
    with running(finished_project / "model", LIMITS) as service:
        yield service


def png(label: int, side: int = 8, mode: str = "L") -> bytes:
    pixels = images_of(np.array([label]), np.random.default_rng(label), side, noise=20)[0, 0]
    stream = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(stream, "PNG")
    return stream.getvalue()


def test_an_image_is_answered_with_its_class(service: Service) -> None:
    for label, name in enumerate(CLASSES):
        status, answer = service.ask("/predict", png(label, side=21, mode="RGB"))
        assert (status, answer["label"]) == (200, name)
        assert list(answer["probabilities"]) == list(CLASSES) and sum(answer["probabilities"].values()) == pytest.approx(1)


def test_a_batch_is_answered_image_by_image_as_a_form_and_as_json(service: Service) -> None:
    images = [png(2), b"no image", png(0, side=30)]
    encoded = json.dumps({"images": [base64.b64encode(image).decode() for image in images]}).encode()
    for status, answer in (service.send(*images), service.ask("/predict/batch", encoded, content_type="application/json")):
        assert status == 200
        assert [one["label"] for one in answer["predictions"]] == [CLASSES[2], None, CLASSES[0]]
        assert answer["predictions"][1]["reason"].startswith("not-an-image: ")
    assert [one["path"] for one in service.send(*images)[1]["predictions"]] == ["0.png", "1.png", "2.png"]
    assert answer["predictions"][0]["probabilities"] == pytest.approx(service.ask("/predict", images[0])[1]["probabilities"])


@pytest.mark.parametrize(
    ("body", "reason"),
    [(b"", "zero-bytes"), (b"text", "not-an-image"), (png(0)[:60], "truncated"), (png(0, side=60), "too-large")],
)
def test_an_odd_image_is_422_with_its_reason(service: Service, body: bytes, reason: str) -> None:
    status, answer = service.ask("/predict", body)
    assert status == 422 and answer["reason"].partition(":")[0] in (reason, "broken")


def test_too_much_is_413_whether_the_header_tells_or_not(service: Service) -> None:
    assert service.ask("/predict", b"x" * 20_001)[0] == 413
    assert service.ask("/predict/batch", b"x" * 20_001)[0] == 413

    def pieces() -> Iterator[bytes]:
        for _ in range(21):
            yield b"x" * 1_000

    request = urllib.request.Request(f"{service.address}/predict", pieces(), {"Transfer-Encoding": "chunked"}, method="POST")  # type: ignore[arg-type]
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(request, timeout=30)
    with contextlib.closing(refusal.value) as answer:
        assert answer.code == 413 and json.loads(answer.read())["reason"] == "too-large: a request may have 20000 bytes"
    for many in (4, 9):
        assert service.send(*[png(0)] * many) == (413, {"reason": "too-large: a request may have 3 images"})


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"images": 1}', b'{"images": ["?"]}', b"\xff"])
def test_what_is_no_batch_is_400_and_told_how_to_write_one(service: Service, body: bytes) -> None:
    status, answer = service.ask("/predict/batch", body, content_type="application/json")
    assert status == 400 and "base64" in answer["reason"]


def test_health_names_the_model_and_metrics_counts(service: Service) -> None:
    status, health = service.ask("/health")
    assert (status, health["status"], health["classes"], health["engine"]) == (200, "ok", list(CLASSES), "onnx")
    service.ask("/predict", png(0))
    service.ask("/predict", b"text")
    service.ask("/a/path/of/ones/own")
    status, page = service.ask("/metrics")
    assert status == 200 and 'convoy_images_total{label="bottom"}' in page and "ones/own" not in page
    assert 'convoy_refused_images_total{reason="not-an-image"}' in page
    assert 'convoy_requests_total{path="/predict",status="422"}' in page


def test_another_host_name_is_refused(service: Service) -> None:
    assert service.ask("/health", host="evil.example")[0] == 400


def test_many_at_once_are_answered_each_with_its_own(service: Service) -> None:
    found: dict[int, str] = {}

    def ask(number: int) -> None:
        found[number] = service.ask("/predict", png(number % 3))[1]["label"]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: CLASSES[number % 3] for number in range(12)}
