"""Which pages of MLflow show a project: what the browser opens, as paths behind the server's address."""

from __future__ import annotations

from urllib.parse import quote

from pipeline.tracking.connection import connect, reaching
from pipeline.tracking.views import STUDY_VIEW, TRIALS_VIEW, view_tag

_KIND = "workflowType=machine_learning"  # else the page shows its menu for language models


def find(uri: str, experiment: str, model: str | None) -> dict[str, str]:
    """What there is to see → its page, the most telling first; raises TrackingUnreachable."""
    with reaching(uri):
        found = connect(uri).get_experiment_by_name(experiment)
    pages: dict[str, str] = {}
    if found is not None:
        runs = f"/#/experiments/{found.experiment_id}/runs?{_KIND}"
        if view_tag(TRIALS_VIEW) in found.tags:
            pages["trials side by side"] = f"{runs}&compareRunsMode=CHART&viewStateShareKey={TRIALS_VIEW}"
            pages["a study and its trials"] = f"{runs}&viewStateShareKey={STUDY_VIEW}"
        else:
            pages["all runs"] = runs
    if model is not None:
        pages["registered model"] = f"/#/models/{quote(model)}?{_KIND}"
    return pages or {"experiments": f"/#/experiments?{_KIND}"}
