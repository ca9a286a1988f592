"""A storage that answers in time or is given up: a mount whose server is gone hangs for ever, as does a cut connection."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from pipeline.cluster.storage import Storage, StorageLost

Result = TypeVar("Result")
SECONDS = 300.0  # the largest checkpoints over a slow network take less


class Bounded:
    """The same, each request in a thread of its own, which is left behind when it hangs: whoever hears of it ends the process."""

    def __init__(self, storage: Storage, seconds: float = SECONDS) -> None:
        self._storage, self._seconds = storage, seconds

    def read(self, name: str) -> bytes | None:
        """Its content; None when there is none."""
        return self._within(lambda: self._storage.read(name), name)

    def write(self, name: str, content: bytes) -> None:
        """Put it in the place of what was there."""
        self._within(lambda: self._storage.write(name, content), name)

    def fetch(self, name: str, file: Path) -> bool:
        """Write its content to a file of this machine; False when there is none."""
        return self._within(lambda: self._storage.fetch(name, file), name)

    def send(self, name: str, file: Path) -> None:
        """Put the content of a file of this machine in the place of what was there."""
        self._within(lambda: self._storage.send(name, file), name)

    def append(self, name: str, line: str) -> None:
        """One line more."""
        self._within(lambda: self._storage.append(name, line), name)

    def names(self) -> list[str]:
        """Of all files."""
        return self._within(self._storage.names, "all names")

    def delete(self, name: str) -> None:
        """Nothing happens when there is none."""
        self._within(lambda: self._storage.delete(name), name)

    def _within(self, act: Callable[[], Result], name: str) -> Result:
        done: Future[Result] = Future()

        def run() -> None:
            try:
                done.set_result(act())
            except BaseException as error:  # raised again where the result is waited for
                done.set_exception(error)

        threading.Thread(target=run, name=f"storage: {name}", daemon=True).start()
        try:
            return done.result(self._seconds)
        except TimeoutError:
            if done.done():  # it is what was raised there
                raise
            raise StorageLost(f"no answer within {self._seconds:g} s about {name}") from None
