"""What of our environment everybody may read who looks at the dashboard."""

from __future__ import annotations

import pytest

from pipeline.cluster.job_environment import FORWARDED, forwarded
from pipeline.errors import WrongValue


def test_a_job_gets_addresses_and_no_secrets() -> None:
    secret = dict.fromkeys(
        ("PGPASSWORD", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "AWS_SECRET_ACCESS_KEY", "ANY"), "s3cret"
    )
    found = forwarded({**secret, "MLFLOW_TRACKING_URI": "https://mlflow.example.org", "AWS_REGION": "", "PATH": "/bin"})
    assert found["MLFLOW_TRACKING_URI"] == "https://mlflow.example.org"
    assert "s3cret" not in found.values() and not {"PATH", "AWS_REGION"} & found.keys()
    assert not any(word in name for name in FORWARDED for word in ("PASSWORD", "SECRET", "TOKEN", "KEY"))


@pytest.mark.parametrize("address", ["https://user:s3cret@mlflow.example.org", "postgresql://u:s3cret@host/db"])
def test_an_address_with_a_password_is_not_sent(address: str) -> None:
    with pytest.raises(WrongValue) as refused:
        forwarded({"MLFLOW_TRACKING_URI": address})
    assert "s3cret" not in str(refused.value)
