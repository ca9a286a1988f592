"""A registered version made again from its commit, data, seeds and hyperparameters, and held against the one in the registry."""

from __future__ import annotations

import tempfile
from importlib.metadata import distributions
from pathlib import Path

from safetensors.numpy import load

from pipeline import artifacts, layout, params
from pipeline.errors import NotRebuildable, RebuildDiffers
from pipeline.rebuild.likeness import Likeness, Weights, differing, environment, likeness, requirements
from pipeline.rebuild.worktree import checkout, lend, put, run_stage, worktree
from pipeline.tracking.recorded import Recorded, fetch_recorded

_DATA = ("data/catalog", "data/splits")
_WEIGHTS = "weights.safetensors"


def rebuild(root: Path, uri: str, name: str, version: str, tolerance: float) -> Likeness:
    """Say what is found on the way; raises NotRebuildable, RebuildDiffers when weights are further apart than `tolerance`.

    root: the project, whose repository holds the commit and whose DVC cache and raw images are read.
    """
    with tempfile.TemporaryDirectory(prefix="convoy-recorded-") as temporary:
        recorded = fetch_recorded(uri, name, version, Path(temporary))
        _require_a_commit(recorded)
        installed = {found.metadata["Name"]: found.version for found in distributions()}
        here = requirements("\n".join(f"{package}=={release}" for package, release in installed.items()))
        then = requirements(recorded.environment)
        print(f"rebuild: {name} version {version}, commit {recorded.commit[:12]}")
        print(environment(differing(then, here), len(then)))
        with worktree(root, recorded.commit) as project:
            put(recorded.source, project)
            lend(root, project, Path(params.load(project / layout.PARAMS).ingest.path), layout.state(root))
            _make_data(root, project, recorded)
            run_stage(project, "refit")
            found = likeness(_weights(recorded.model), _weights(project / layout.MODEL))
            same_files = _same_files(recorded.model, project / layout.MODEL)
    print(f"result: {found}; {same_files}")
    if not found.within(tolerance):
        remedy = "compare the environment above; another processor or number of threads adds up in another order"
        raise RebuildDiffers(f"{name} version {version}", why=str(found), remedy=remedy)
    return found


def _require_a_commit(recorded: Recorded) -> None:
    where = f"{recorded.name} version {recorded.version}"
    if recorded.commit in ("", "unknown"):
        raise NotRebuildable(where, why="no commit is recorded with it", remedy="run `dvc repro` inside a git repository")
    if recorded.commit.endswith("+"):
        why = f"its code was commit {recorded.commit[:12]} with changes that no commit holds"
        raise NotRebuildable(where, why=why, remedy="commit pipeline/ and dvc.yaml, then `dvc repro --force register`")


def _make_data(root: Path, project: Path, recorded: Recorded) -> None:
    """data/processed of the recorded model; raises RebuildDiffers when its train or val images are not the same."""
    by_dvc = checkout(root, project, _DATA)
    if not by_dvc:
        print("data: not in DVC's cache, so ingest and split run again")
        for stage in ("ingest", "split"):
            run_stage(project, stage)
    run_stage(project, "preprocess")
    wanted = artifacts.read_json(recorded.model / "model.json")["recipe"]["digests"]
    found = artifacts.read_json(project / layout.PROCESSED / "recipe.json")["digests"]
    strange = [split for split in wanted if found.get(split) != wanted[split]]
    if strange:
        why = f"the prepared {' and '.join(strange)} images are not those it was trained on"
        remedy = "bring back the images of that time, or DVC's cache or remote"
        raise RebuildDiffers(f"{recorded.name} version {recorded.version}", why=why, remedy=remedy)
    print(f"data: train and val bit-identical, {'catalog and split from DVC' if by_dvc else 'ingested and split anew'}")


def _weights(model: Path) -> Weights:
    return dict(load(artifacts.read_bytes(model / _WEIGHTS)))


def _same_files(recorded: Path, rebuilt: Path) -> str:
    wanted, found = (artifacts.read_json(folder / artifacts.MANIFEST) for folder in (recorded, rebuilt))
    strange = [name for name in sorted(wanted.keys() | found.keys()) if wanted.get(name) != found.get(name)]
    return f"other files: {', '.join(strange)}" if strange else f"all {len(wanted)} files of the model folder are identical"
