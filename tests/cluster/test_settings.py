from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cluster.settings import ClusterParams
from pipeline.errors import WrongValue
from pipeline.params import load


@pytest.mark.parametrize(
    "text",
    [
        "address: auto",
        "address: 10.0.0.1:6379",
        "address: '[::1]:6379'",
        "address: https://head.example.org:8265",
        "storage: /mnt/shared/convoy",
        "storage: s3://bucket/folder",
        "storage: ssh://ann@host/folder",
        "study: postgresql://ann@host/convoy",
    ],
)
def test_what_a_cluster_can_be(tmp_path: Path, text: str) -> None:
    name, _, value = text.partition(": ")
    (tmp_path / "params.yaml").write_text(f"cluster: {{{text}}}\n")
    assert getattr(load(tmp_path / "params.yaml").cluster, name) == value.strip("'")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("address: head", "write local, auto, HOST:PORT"),
        ("address: ftp://head:21", "write local, auto, HOST:PORT"),
        ("storage: shared/convoy", "write the absolute path of a folder"),
        ("storage: s3://", "write the absolute path of a folder"),
        ("study: postgresql://ann:canary@host/convoy", "a password must not stand here"),
        ("study: 'postgresql://ann:can/canary@host/convoy'", "a password must not stand here"),
        ("study: postgresql://ann@host/convoy?password=canary", "a password must not stand here"),
        ("study: mysql://ann@host/convoy", "write postgresql://USER@HOST/DATABASE"),
        ("storage: ssh://ann:canary@host/folder", "a password must not stand here"),
        ("address: https://ann:canary@host:8265", "a password must not stand here"),
    ],
)
def test_what_it_cannot_be_is_refused_without_showing_a_password(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "params.yaml").write_text(f"cluster: {{{text}}}\n")
    with pytest.raises(WrongValue) as refusal:
        load(tmp_path / "params.yaml")
    assert why in str(refusal.value) and "canary" not in str(refusal.value)


@pytest.mark.parametrize(
    ("address", "gpu_types", "expected"),
    [("auto", "any", []), ("auto", "[A100, GeForce-RTX-4090]", ["A100", "GeForce-RTX-4090"]), ("local", "[A100]", [])],
)
def test_trials_may_be_kept_to_types_of_gpu_of_a_cluster(
    tmp_path: Path, address: str, gpu_types: str, expected: list[str]
) -> None:
    (tmp_path / "params.yaml").write_text(f"cluster: {{address: {address}, gpu_types: {gpu_types}}}\n")
    assert load(tmp_path / "params.yaml").cluster.wanted_gpus({}) == expected


@pytest.mark.parametrize("gpu_types", ["A100", "[]", "[A 100]", "['!T4']", "[[A100]]"])
def test_types_of_gpu_are_a_list_of_names(tmp_path: Path, gpu_types: str) -> None:
    (tmp_path / "params.yaml").write_text(f"cluster: {{gpu_types: {gpu_types}}}\n")
    with pytest.raises(WrongValue, match=r"cluster\.gpu_types .* write any, or a list of types of GPU as Ray calls them"):
        load(tmp_path / "params.yaml")


@pytest.mark.parametrize(
    ("address", "variable", "expected"),
    [
        ("local", "", "local"),
        ("local", "10.0.0.1:6379", "10.0.0.1:6379"),
        ("local", "local", "local"),
        ("10.0.0.2:6379", "10.0.0.1:6379", "10.0.0.2:6379"),
    ],
)
def test_ray_address_decides_where_params_say_local(address: str, variable: str, expected: str) -> None:
    assert ClusterParams(address=address).where({"RAY_ADDRESS": variable}) == expected


def test_nor_does_a_password_stand_in_the_address_of_mlflow(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("search: {tracking_uri: 'http://ann:canary@host:5000'}\n")
    with pytest.raises(WrongValue, match="a password must not stand here") as refusal:
        load(tmp_path / "params.yaml")
    assert "canary" not in str(refusal.value)
