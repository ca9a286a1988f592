"""How much a request may send: more is refused with 413 before it is held, whether the header tells or not."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass(frozen=True)
class Limits:
    """bytes of one request; images: of one request; pixels: of one image, by its header."""

    bytes: int = 20 * 2**20
    images: int = 64
    pixels: int = 25_000_000


def too_large(what: str) -> HTTPException:
    """The answer 413."""
    return HTTPException(413, f"too-large: {what}")


class LimitedBody:
    """An ASGI application in front of another one that counts what arrives."""

    def __init__(self, app: ASGIApp, largest: int) -> None:
        self.app, self.largest = app, largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 413 by the header, or raise it inside the application once more has arrived."""
        announced = dict(scope.get("headers", ())).get(b"content-length", b"0")
        if scope["type"] == "http" and announced.isdigit() and int(announced) > self.largest:
            refusal = too_large(self._rule())
            answer = JSONResponse({"reason": refusal.detail}, refusal.status_code, {"connection": "close"})
            await answer(scope, receive, send)
            return
        arrived = 0

        async def counted() -> Message:
            nonlocal arrived
            message = await receive()
            arrived += len(message.get("body", b""))
            if arrived > self.largest:
                raise too_large(self._rule())
            return message

        await self.app(scope, counted if scope["type"] == "http" else receive, send)

    def _rule(self) -> str:
        return f"a request may have {self.largest} bytes"
