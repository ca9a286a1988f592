"""Headless Chromium as a person uses MLflow in it: which program it is, and what its console said."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Page

PROGRAM = os.environ.get("CONVOY_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
# What MLflow 3.17 writes to the console of every browser: it asks who is logged in where nobody can, and reacts late to a resize.
_USUAL = ("/mlflow/users/current", "ResizeObserver loop")
_QUIET = "for (const [key, value] of [['panelOpen', false], ['fab.autoOpenedOnFirstLoad', true]])"
_QUIET += " localStorage.setItem(`mlflow.assistant.${key}_v1`, value)"  # its assistant opens beside the first page


@contextlib.contextmanager
def opened(width: int = 1600, height: int = 1000) -> Iterator[tuple[Page, list[str]]]:
    """A page, and the errors that its console has shown so far; the test is skipped where there is no browser."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e '.[test]'")
    if PROGRAM is None:
        pytest.skip("no chromium in PATH: apt-get install chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce")
        context.add_init_script(_QUIET)
        page: Page = context.new_page()
        page.set_default_timeout(120_000)
        errors: list[str] = []
        page.on("console", lambda message: errors.extend(_unusual(message)))
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page, errors
        browser.close()


def _unusual(message: ConsoleMessage) -> list[str]:
    text = f"{message.text} ({message.location['url']})"
    return [text] if message.type == "error" and not any(usual in text for usual in _USUAL) else []
