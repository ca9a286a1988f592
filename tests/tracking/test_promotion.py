"""By hand: a version becomes champion with a reason, and the one before it comes back."""

from __future__ import annotations

import pytest
from mlflow import MlflowClient

from pipeline.errors import ModelNotFound, TrackingUnreachable, WrongValue
from pipeline.tracking import promotion


@pytest.fixture
def versions(mlflow_uri: str) -> str:
    """A store in which `m` has three versions, each with its run, and no alias."""
    client = MlflowClient(mlflow_uri, mlflow_uri)
    client.create_registered_model("m")
    for _ in range(3):
        client.create_model_version("m", "file:///nowhere", client.create_run("0").info.run_id)
    return mlflow_uri


def champion(uri: str) -> str:
    return str(MlflowClient(uri, uri).get_model_version_by_alias("m", "champion").version)


def test_promotions_and_rollbacks_are_told_in_order_with_reason_and_name(versions: str) -> None:
    for version in "123":
        promotion.promote(versions, "m", version, f"reason {version}")
    assert champion(versions) == "3"
    assert promotion.rollback(versions, "m", "sees ghosts").version == champion(versions) == "2"
    assert promotion.rollback(versions, "m", "this too").version == champion(versions) == "1"

    told = promotion.lines(promotion.history(versions, "m"))
    assert [line.partition("UTC  ")[2].partition(" by ")[0] for line in told] == [
        "champion - → 1  promote",
        "champion 1 → 2  promote",
        "champion 2 → 3  promote",
        "champion 3 → 2  rollback",
        "champion 2 → 1  rollback",
    ]
    assert told[3].endswith(": sees ghosts")
    client = MlflowClient(versions, versions)
    assert client.get_model_version("m", "2").tags["convoy.alias_reason"].startswith("rollback by ")


def test_what_cannot_be_is_refused_with_what_can(versions: str, tmp_path: object) -> None:
    with pytest.raises(ModelNotFound, match="its versions are 1, 2, 3"):
        promotion.promote(versions, "m", "4", "why")
    with pytest.raises(ModelNotFound, match="registered are m"):
        promotion.promote(versions, "n", "1", "why")
    with pytest.raises(ModelNotFound, match="no version was champion before"):
        promotion.rollback(versions, "m", "why")
    promotion.promote(versions, "m", "1", "why")
    with pytest.raises(WrongValue, match="champion already"):
        promotion.promote(versions, "m", "1", "why")
    with pytest.raises(TrackingUnreachable):
        promotion.history(f"sqlite:///{tmp_path}", "m")
