"""What of our environment a job gets. Everybody who may look at the dashboard reads it, so it holds no secrets.

Passwords and keys of MLflow, the study and the storage lie on the head, in the environment of `ray start` or in the files where
their clients look for them (docs/cluster.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from pipeline.errors import WrongValue

# Addresses, regions and names; of each the value counts, wherever the job runs.
FORWARDED = (
    *("CONVOY_STUDY_URI", "PGSSLMODE", "PGSERVICE"),
    *("MLFLOW_TRACKING_URI", "MLFLOW_S3_ENDPOINT_URL", "MLFLOW_HTTP_REQUEST_TIMEOUT"),
    *("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"),
)
STOP_SECONDS = 120  # between SIGTERM and SIGKILL: the search puts its trials aside
_OURS = {"RAY_JOB_STOP_WAIT_TIME_S": str(STOP_SECONDS), "MLFLOW_DISABLE_TELEMETRY": "true"}


def forwarded(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of a job; raises WrongValue for one that holds a password."""
    found = {name: environment[name] for name in FORWARDED if environment.get(name)}
    for name, value in found.items():
        if urlsplit(value).password is not None:
            why, remedy = "it holds a password, which the dashboard would show", "leave it out here, and see docs/cluster.md"
            raise WrongValue(name, where="the environment", why=why, remedy=remedy)
    return found | _OURS
