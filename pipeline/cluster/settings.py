"""The `cluster` section of params.yaml: where a search runs. It belongs to no stage, so a change of it makes nothing stale."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator

from pipeline.config import Section

LOCAL, AUTO = "local", "auto"
RAY_ADDRESS, CONVOY_STUDY_URI = "RAY_ADDRESS", "CONVOY_STUDY_URI"
_HOST_AND_PORT = re.compile(r"(\[[0-9a-fA-F:.]+\]|[\w.-]+):\d{1,5}")
_PASSWORD = re.compile(r"//[^@\s]*:[^\s]*@|password=", re.IGNORECASE)
_GPU_TYPE = re.compile(r"[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?")  # what Ray accepts as a label
STORES = ("s3", "ssh", "sftp")  # beside a folder
KEPT_DAYS = 30.0  # after which what a storage holds of jobs and searches, and nobody has used, goes by itself


def _address(text: str) -> str:
    if text in (LOCAL, AUTO) or _HOST_AND_PORT.fullmatch(text) or is_job_server(text):
        return text
    raise ValueError("write local, auto, HOST:PORT of a cluster's head, or http(s)://HOST:PORT of its job server")


def without_password(text: str) -> str:
    """The address, in which none stands; raises ValueError."""
    try:
        urlsplit(text)
    except ValueError:
        raise ValueError("this is no address") from None
    if _PASSWORD.search(text):  # also one that holds / or @, which nobody has escaped
        raise ValueError("a password must not stand here: leave it out, and see docs/cluster.md for where it belongs")
    return text


def _database(text: str) -> str:
    if re.match(r"(postgres(ql)?(\+psycopg)?|sqlite)://", text):
        return text
    raise ValueError("write postgresql://USER@HOST/DATABASE, or sqlite:////FILE")


def _storage(text: str) -> str:
    if text.startswith("/") or (text.startswith(tuple(f"{scheme}://" for scheme in STORES)) and urlsplit(text).netloc):
        return text
    raise ValueError(f"write the absolute path of a folder that all nodes see, or {', '.join(f'{s}://…' for s in STORES)}")


def folder(storage: str | None) -> Path | None:
    """The folder that a storage is; None for an address, or for none."""
    return Path(storage) if storage is not None and storage.startswith("/") else None


def is_job_server(address: str) -> bool:
    """Whether it is that of a job server, to which a stage is sent, and not of a cluster to join."""
    return address.startswith(("http://", "https://")) and bool(urlsplit(address).hostname)


def _gpu_types(value: object) -> object:
    if value == "any" or (isinstance(value, list) and value and all(_GPU_TYPE.fullmatch(str(one)) for one in value)):
        return value
    raise ValueError("write any, or a list of types of GPU as Ray calls them: [A100, GeForce-RTX-4090]")


class ClusterParams(Section):
    """Where trials run, checkpoints lie and the study is kept: no part of a study's identity."""

    address: Annotated[str, AfterValidator(without_password), AfterValidator(_address)] = LOCAL
    storage: Annotated[str, AfterValidator(without_password), AfterValidator(_storage)] | None = None
    # CONVOY_STUDY_URI by default, else SQLite in state/
    study: Annotated[str, AfterValidator(without_password), AfterValidator(_database)] | None = None
    gpu_types: Annotated[Literal["any"] | list[str], BeforeValidator(_gpu_types)] = "any"  # on which trials may train
    insecure: bool = False  # join a cluster that lets everybody in

    def where(self, environment: Mapping[str, str]) -> str:
        """The address that holds: of params.yaml; where that says local, RAY_ADDRESS if it is set."""
        return self.address if self.address != LOCAL else environment.get(RAY_ADDRESS) or LOCAL

    def wanted_gpus(self, environment: Mapping[str, str]) -> list[str]:
        """Types of the GPUs of a cluster on which trials may train; empty for any, as on this machine alone."""
        return [] if self.gpu_types == "any" or self.where(environment) == LOCAL else self.gpu_types

    def is_remote(self, environment: Mapping[str, str]) -> bool:
        """Whether a search is to be a job of a cluster that this machine is no node of."""
        return is_job_server(self.where(environment))
