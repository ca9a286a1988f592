"""Nothing that is read runs anything: what others may have put into the files of a project, a study or a registry.

Archives, manifests, arrays, checkpoints and exported models have such tests where they are read.
"""

from __future__ import annotations

import contextlib
import io
import pickle
import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from optuna.storages._rdb import models

from pipeline import trained_on
from pipeline.config import YamlFile
from pipeline.data.catalog import seen
from pipeline.data.preparation import packed
from pipeline.data.preparation.recipe import Recipe
from pipeline.errors import ConvoyError, WrongValue
from pipeline.models import family
from pipeline.outcomes import Outcomes
from pipeline.params import load
from pipeline.search.spaces.space import load as load_space
from pipeline.study import optuna_storage, store
from pipeline.tracking import reference
from pipeline.tracking.settings import RegisterParams
from tests import projects
from tests.study.test_store import ROW, ask


class Trap:
    """Touches a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.file,))


def as_pickle(trap: Trap) -> bytes:
    return pickle.dumps(trap)


def as_npy(trap: Trap) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array([trap] * 4, dtype=object), allow_pickle=True)
    return stream.getvalue()


def as_npz(trap: Trap) -> bytes:
    stream = io.BytesIO()
    arrays = np.array([trap] * 4, dtype=object)
    np.savez(stream, allow_pickle=True, labels=arrays, predicted=arrays, confidence=arrays, actual=arrays, probabilities=arrays)
    return stream.getvalue()


READERS: dict[str, Callable[[bytes], object]] = {
    "what a network said of each image": Outcomes.from_bytes,
    "what a model was trained on": lambda content: trained_on.shared(content, ["a"]),
    "what was seen of images before": lambda content: seen.from_bytes(content, "1"),
    "how images were prepared": Recipe.from_bytes,
}


@pytest.mark.parametrize("form", [as_pickle, as_npy, as_npz])
@pytest.mark.parametrize("reader", READERS)
def test_no_reader_unpickles(tmp_path: Path, reader: str, form: Callable[[Trap], bytes]) -> None:
    canary = tmp_path / "canary"
    content = form(Trap(canary))
    with contextlib.suppress(Exception):  # each says in its own way what it cannot read
        READERS[reader](content)
    assert not canary.exists()
    with contextlib.suppress(Exception):
        pickle.loads(as_pickle(Trap(canary)))
    assert canary.exists(), "the trap works"


def test_packed_images_with_objects_in_them_are_refused_even_when_their_digest_is_right(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    projects.write_processed(tmp_path)
    folder = tmp_path / "data/processed/train"
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    for name in [name for name in files if name.endswith(".npy")]:
        trapped = files | {name: as_npy(Trap(canary))}
        (folder / name).write_bytes(trapped[name])
        with pytest.raises((ConvoyError, ValueError)):
            packed.read(folder, packed.digest(trapped))
        (folder / name).write_bytes(files[name])
    assert not canary.exists()


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:pathlib.Path.touch [canary]",
        "!!python/object/apply:os.system ['touch canary']",
        "!!python/name:os.system",
        "!!python/object/new:pathlib.Path {args: [canary]}",
        "!<tag:yaml.org,2002:python/object/apply:os.system> ['touch canary']",
    ],
)
def test_a_tag_in_yaml_makes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tag: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(f"search:\n  experiment: {tag}\n")
    Path("space.yaml").write_text(f"family: {tag}\nhyperparameters: {{}}\n")
    Path("best.yaml").write_text(f"study_id: {tag}\n")
    for read in (lambda: load(Path("params.yaml")), lambda: load_space(Path("space.yaml"))):
        with pytest.raises(ConvoyError):
            read()
    with contextlib.suppress(ConvoyError):
        assert not callable(YamlFile(Path("best.yaml")).data["study_id"])
    assert not Path("canary").exists()


@pytest.mark.parametrize("name", ["os", "pipeline.errors", "..errors", "../cnn", "cnn.os", "/etc/passwd", "cnn\x00", ""])
def test_a_family_is_a_module_of_models_and_nothing_else(name: str) -> None:
    with pytest.raises(ConvoyError):
        family(name)


@pytest.mark.parametrize("name", ["../outside", "/etc", "a/../b", "a\nb", "..", "-rf", "a;b", "${x}", ""])
def test_a_registered_name_leads_nowhere_else(name: str) -> None:
    with pytest.raises(ValueError):  # pydantic's
        RegisterParams(name=name)


@pytest.mark.parametrize("text", ["models:/../../etc", "a@../b", "a/../1", "a/1/../2", "models://host/x", "file:///etc/passwd@x"])
def test_what_names_a_model_is_no_path(text: str) -> None:
    with pytest.raises(WrongValue):
        reference.parse(text)


def test_what_others_wrote_into_the_study_is_read_as_numbers_and_text(tmp_path: Path) -> None:
    """The only things of Optuna's database that are more: distributions and attributes, both of them JSON."""
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    study, _ = store.create(url, ROW)
    ask(study)
    canary = tmp_path / "canary"
    storage = optuna_storage.opened(url)
    hostile = [as_pickle(Trap(canary)).hex(), f"!!python/object/apply:pathlib.Path.touch [{canary}]", uuid.uuid4().hex]
    for text in hostile:
        with storage.scoped_session() as session:
            session.query(models.TrialParamModel).update({"distribution_json": text})
            session.query(models.TrialUserAttributeModel).update({"value_json": text})
            session.commit()
        with pytest.raises(Exception):  # noqa: B017  # no JSON
            store.read(url, ROW.study_id)
    storage.engine.dispose()
    assert not canary.exists()
