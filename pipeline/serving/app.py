"""The HTTP service of a model folder: image files in, classes out; each is read and answered as `convoy predict` does it."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from pipeline.data.workers import worker_count
from pipeline.prediction.answer import Prediction, decoded, labelled, silence_pillow
from pipeline.prediction.model import Model
from pipeline.serving.counts import CONTENT_TYPE, Counts
from pipeline.serving.limits import LimitedBody, Limits, too_large

PATHS = ("/predict", "/predict/batch", "/health", "/metrics")
LOOPBACK = ("127.0.0.1", "localhost")

Named = tuple[str, bytes]  # of a file: its name, its content


def create_app(model: Model, limits: Limits, hosts: Sequence[str] = LOOPBACK) -> FastAPI:
    """`hosts`: the names by which it may be asked, so that no web page reaches it under a name of its own; `*` for any."""
    silence_pillow()
    app = FastAPI(title="Convoy", docs_url=None, redoc_url=None)  # the pages would load scripts from elsewhere
    model = _within(model, limits)
    counts, free = Counts(), asyncio.Semaphore(worker_count("auto"))  # decoded images of so many requests lie in memory

    async def answers(images: Sequence[Named]) -> list[Prediction]:
        async with free:
            found = await run_in_threadpool(_label, model, images)
        for prediction in found:
            counts.said(prediction)
        return found

    @app.post("/predict")
    async def predict(request: Request) -> dict[str, Any]:
        (found,) = await answers([("image", await request.body())])
        if found.label is None:
            raise HTTPException(422, found.reason)
        return {"label": found.label, "probabilities": found.probabilities}

    @app.post("/predict/batch")
    async def predict_batch(request: Request) -> dict[str, Any]:
        images = await _sent(request, limits)
        if len(images) > limits.images:
            raise too_large(f"a request may have {limits.images} images")
        return {"predictions": [prediction.record() for prediction in await answers(images)]}

    @app.get("/health")
    async def health() -> dict[str, Any]:
        return {"status": "ok", "model": model.digest, "classes": model.classes, "engine": model.engine, "device": model.device}

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(counts.text(), media_type=CONTENT_TYPE)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse({"reason": error.detail}, error.status_code)

    app.add_middleware(LimitedBody, largest=limits.bytes)

    @app.middleware("http")
    async def count(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        begun = time.monotonic()
        response = await answer(request)
        path = request.url.path if request.url.path in PATHS else "other"
        counts.answered(path, response.status_code, time.monotonic() - begun)
        return response

    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))
    return app


def _within(model: Model, limits: Limits) -> Model:
    pixels = min(limits.pixels, model.decoding.pixel_limit)
    return replace(model, decoding=model.decoding.model_copy(update={"pixel_limit": pixels}))


def _label(model: Model, images: Sequence[Named]) -> list[Prediction]:
    return labelled(model, [decoded(model.decoding, content, name) for name, content in images])


async def _sent(request: Request, limits: Limits) -> list[Named]:
    """Files of a form, or `{"images": [base64, …]}`."""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await _of_form(request, limits)
    try:
        body = json.loads(await request.body())
        texts = body["images"]
        return [(str(index), base64.b64decode(text, validate=True)) for index, text in enumerate(texts)]
    except (ValueError, KeyError, TypeError, binascii.Error):
        remedy = 'send {"images": ["base64 of a file", …]}, or a form with files'
        raise HTTPException(400, f"not-a-batch: {remedy}") from None


async def _of_form(request: Request, limits: Limits) -> list[Named]:
    """One file more than is allowed is read, to be told apart from what cannot be read."""
    try:
        async with request.form(max_files=limits.images + 1, max_fields=0) as form:
            files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
            return [(file.filename or str(index), await file.read()) for index, file in enumerate(files)]
    except HTTPException as error:
        if "Too many files" in str(error.detail):
            raise too_large(f"a request may have {limits.images} images") from None
        raise
