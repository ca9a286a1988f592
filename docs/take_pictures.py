"""The pictures of MLflow's pages: run it in a project in which `dvc repro` has run, where there is a Chromium.

python docs/take_pictures.py
"""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline import layout, params
from pipeline.commands import project
from pipeline.tracking import pages, server

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY))
from tests.browser import opened  # noqa: E402  # the browser that the tests use

_PICTURES = {
    "trials side by side": ("mlflow_trials.png", ".parcoords canvas", None),
    "a study and its trials": ("mlflow_study.png", ".ag-row", "[role=gridcell] button"),
}
_DRAWN_MILLISECONDS = 4000  # until the charts have stopped moving


def main() -> None:
    """Write docs/pictures/mlflow_*.png."""
    root = project.enter()
    parameters = params.load(layout.PARAMS)
    uri = project.tracking_uri(root, parameters)
    found = pages.find(uri, parameters.search.experiment, None)
    with server.serving(uri, layout.state(root), server.free_port(0)) as (address, _), opened(1500, 940) as (page, _):
        for name, (picture, there, unfolded) in _PICTURES.items():
            page.goto("about:blank")
            page.goto(f"{address}{found[name]}")
            page.locator(there).first.wait_for(state="attached")
            if unfolded:
                page.locator(unfolded).first.click()
            page.wait_for_timeout(_DRAWN_MILLISECONDS)
            page.screenshot(path=REPOSITORY / "docs/pictures" / picture)
            print(f"docs/pictures/{picture}")


if __name__ == "__main__":
    main()
