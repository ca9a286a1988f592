"""The lighter form of a model folder, which `convoy pull --int8` made: its file, and what it was found to cost beside it."""

from __future__ import annotations

from pathlib import Path

from pipeline import artifacts
from pipeline.errors import DigestMismatch, MissingFile
from pipeline.training.engines import FILES

MODEL, COST = "model-int8.onnx", "int8.json"  # in no manifest, since they are made where the model is used


def read(folder: Path) -> bytes:
    """The lighter model of a folder; raises MissingFile where there is none, DigestMismatch when it is not what was measured."""
    if not (folder / COST).is_file():
        remedy = "pull it again with --int8, or leave --engine int8 out"
        raise MissingFile(MODEL, where=str(folder), why="this folder holds no int8 form", remedy=remedy)
    content, cost = artifacts.read_bytes(folder / MODEL), artifacts.read_json(folder / COST)
    if cost["int8"] != artifacts.sha256(content) or cost["of"] != artifacts.file_digest(folder / FILES["onnx"]):
        raise DigestMismatch(MODEL, where=str(folder), why=f"it is not what {COST} tells of", remedy="pull it again with --int8")
    return content
