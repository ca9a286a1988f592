"""params.yaml as one typed value, assembled from the sections that live beside the code that reads them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from pipeline.cluster.settings import ClusterParams
from pipeline.config import Section, YamlFile, did_you_mean, validate
from pipeline.data.augmentation.settings import mixing_refused
from pipeline.data.catalog.settings import IngestParams
from pipeline.data.preparation.recipe import PreprocessParams
from pipeline.data.split.settings import SplitParams
from pipeline.errors import ConvoyError, UnknownKey, WrongValue, raise_all
from pipeline.search.settings import SearchParams
from pipeline.tracking.settings import RegisterParams
from pipeline.training.settings import EvaluateParams, RefitParams


@dataclass(frozen=True)
class Params:
    """One section a stage, and one for where they run; all with defaults."""

    ingest: IngestParams = field(default_factory=IngestParams)
    split: SplitParams = field(default_factory=SplitParams)
    preprocess: PreprocessParams = field(default_factory=PreprocessParams)
    search: SearchParams = field(default_factory=SearchParams)
    refit: RefitParams = field(default_factory=RefitParams)
    evaluate: EvaluateParams = field(default_factory=EvaluateParams)
    register: RegisterParams = field(default_factory=RegisterParams)
    cluster: ClusterParams = field(default_factory=ClusterParams)


_SECTIONS: dict[str, type[Section]] = {section.name: section.default_factory for section in fields(Params)}  # type: ignore[misc]


def load(path: Path) -> Params:
    """The parameters in `path`; raises MissingFile, UnreadableYaml, or all problems at once with file:line:column."""
    file = YamlFile(path)
    problems: list[ConvoyError] = [_unknown(name, file) for name in file.data if name not in _SECTIONS]
    sections: dict[str, Any] = {}
    for name, kind in _SECTIONS.items():
        sections[name], wrong = validate(kind, file.data.get(name, {}), file, prefix=(name,))
        problems += wrong
    if isinstance(preprocess := sections["preprocess"], PreprocessParams):
        problems += mixing_refused(preprocess.augment, file)
    if not problems:
        problems += _folds_missing(sections["search"], sections["split"], file)
    raise_all(problems)
    return Params(**sections)


def _folds_missing(search: SearchParams, split: SplitParams, file: YamlFile) -> list[ConvoyError]:
    """Candidates can only be scored on folds when the split makes some."""
    if search.reselect.score_on == "val" or split.folds:
        return []
    place = ("search", "reselect", "score_on")
    remedy = "set split.folds to 2 or more, or score_on: val"
    return [WrongValue(".".join(place), where=file.where(place), why="split.folds is 0: there are no folds", remedy=remedy)]


def _unknown(name: str, file: YamlFile) -> UnknownKey:
    remedy = did_you_mean(str(name), _SECTIONS)
    return UnknownKey(str(name), where=file.where((name,)), why="nothing reads this key", remedy=remedy)
