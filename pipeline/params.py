"""params.yaml as one typed value, assembled from the sections that live beside the code that reads them."""

from __future__ import annotations

from pathlib import Path

from pipeline.config import Section, YamlFile, validate
from pipeline.data.recipe import PreprocessParams
from pipeline.data.sources import IngestParams
from pipeline.data.split import SplitParams
from pipeline.errors import raise_all
from pipeline.search.settings import SearchParams
from pipeline.tracking.settings import RegisterParams
from pipeline.training.settings import EvaluateParams, RefitParams


class Params(Section):
    """One section a stage, all with defaults."""

    ingest: IngestParams = IngestParams()
    split: SplitParams = SplitParams()
    preprocess: PreprocessParams = PreprocessParams()
    search: SearchParams = SearchParams()
    refit: RefitParams = RefitParams()
    evaluate: EvaluateParams = EvaluateParams()
    register: RegisterParams = RegisterParams()  # type: ignore[assignment]  # shadows BaseModel's ABCMeta.register, unused


def load(path: Path) -> Params:
    """The parameters in `path`; raises MissingFile, UnreadableYaml, or all problems at once with file:line:column."""
    file = YamlFile(path)
    params, problems = validate(Params, file.data, file)
    raise_all(problems)
    assert params is not None, "validate gives a value or a problem"
    return params
