"""Everything that is wrong with a run, before it starts: configuration, space, data, resources, tracking."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from ruamel.yaml import YAML

from pipeline import artifacts, layout
from pipeline.addresses import redacted
from pipeline.cluster.job_server import JobServer
from pipeline.cluster.settings import CONVOY_STUDY_URI, LOCAL
from pipeline.data.preparation.recipe import LARGEST_AUTO_SIZE, Recipe
from pipeline.data.sources import open_source, to_fetch
from pipeline.data.sources.downloads import Downloads
from pipeline.errors import ConvoyError, MissingFile, Problems, WrongValue
from pipeline.models.layers import layer_table
from pipeline.mounts import refuse_network
from pipeline.params import Params, load
from pipeline.search import feasibility
from pipeline.search.budget import Budget
from pipeline.search.execution import cluster_nodes, resources
from pipeline.search.execution.allotment import Sharing
from pipeline.search.execution.resources import Node
from pipeline.search.settings import Limits
from pipeline.search.spaces import space as spaces
from pipeline.search.spaces.space import Space
from pipeline.search.spaces.space_checks import listed
from pipeline.study import database, studies
from pipeline.tracking.connection import connect, reaching
from pipeline.training.hyperparameters import FAMILY, Value

Result = TypeVar("Result")


class _Findings:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.problems: list[ConvoyError] = []

    def attempt(self, look: Callable[[], Result]) -> Result | None:
        """The result of `look`, or None with its errors kept."""
        try:
            return look()
        except Problems as several:
            self.problems += several.errors
        except ConvoyError as error:
            self.problems.append(error)
        return None


@dataclass(frozen=True)
class Question:
    """The configuration whose layer table is wanted: hyperparameters other than the space's first point, image C×H×W, classes."""

    point: Mapping[str, Value] = field(default_factory=dict)
    image: tuple[int, int, int] | None = None
    classes: int | None = None


def question(point: Sequence[str], image: str | None, classes: int | None) -> Question:
    """From a command line: `name=value` each, the image as HxWxC; raises WrongValue."""
    pairs = [text.partition("=") for text in point]
    for name, equals, _ in pairs:
        if not equals:
            raise WrongValue(name, why="not of the form name=value", remedy="write for instance model.num_conv_layers=3")
    values = {name: YAML(typ="safe", pure=True).load(value) for name, _, value in pairs}
    return Question(values, _image(image) if image else None, classes)


def _image(text: str) -> tuple[int, int, int]:
    try:
        height, width, channels = (int(part) for part in text.lower().split("x"))
    except ValueError:
        raise WrongValue("--image", why=f"{text!r} is not HxWxC", remedy="write for instance 32x32x3") from None
    return channels, height, width


def check_all(root: Path, question: Question) -> tuple[list[str], list[ConvoyError]]:
    """What a run in `root` (the working directory) would do, in lines, and everything that speaks against it."""
    findings = _Findings()
    params = findings.attempt(lambda: load(layout.PARAMS))
    if params is None:
        return findings.lines, findings.problems
    space = findings.attempt(lambda: spaces.load(Path(params.search.space)))
    recipe = _known_recipe()
    fetched_to = findings.attempt(lambda: _check_source(params, root))
    findings.lines.append(f"data: {_data(params, recipe)}")
    findings.lines += [f"{params.ingest.source} would be downloaded to {fetched_to}"] if fetched_to else []
    if space is not None:
        findings.lines.append(f"space: {space.path}, {listed(space.families)}, {len(space.domains)} hyperparameters")
        _check_space(findings, space, recipe, question, params.search.limits)
    findings.lines += findings.attempt(lambda: _resources(params, space, recipe)) or []
    findings.lines.append(f"budget: {Budget.of(params.search)}")
    findings.lines += [f"objectives: {', '.join((params.search.metric, *costs))}"] if (costs := params.search.costs) else []
    uri = params.search.tracking_uri or layout.default_tracking_uri(root)
    answer = findings.attempt(lambda: _reach(uri))
    if answer is not None:
        findings.lines.append(f"tracking: {redacted(uri)} {answer}")
    study = layout.study_database(layout.state(root)) if (named := _named_study(params)) is None else named
    findings.lines += findings.attempt(lambda: _studies(study)) or []
    return findings.lines, findings.problems


def _resources(params: Params, space: Space | None, recipe: Recipe | None) -> list[str]:
    """Where trials would run, and what each gets. A job server does not say; raises what joining a cluster does."""
    address = params.cluster.where(os.environ)
    if params.cluster.is_remote(os.environ):
        server = JobServer(address, insecure=params.cluster.insecure)
        return [f"resources: those of the cluster at {server.address}, whose job a search is"]
    if address == LOCAL:
        return [f"resources: {_share(params, space, recipe, [resources.this_machine()])}"]
    nodes = cluster_nodes.look(address, params.cluster)
    if not nodes:
        return [f"cluster: no node of {address} has CPUs for trials now; a search asks for one and waits a quarter of an hour"]
    return [f"cluster: {cluster_nodes.listed(nodes)}", f"resources: {_share(params, space, recipe, nodes)}"]


def _share(params: Params, space: Space | None, recipe: Recipe | None, nodes: Sequence[Node]) -> str:
    """One trial a GPU as long as nobody knows what they train on."""
    if space is not None and recipe is not None:
        share = Sharing(params.search, space, recipe, gpu_types=params.cluster.wanted_gpus(os.environ)).allot(nodes).resources
    else:
        share = resources.plan(params.search, nodes)
    return f"{share.slots} trials at once, {share.cpus:g} CPU and {share.gpus:g} GPU each"


def _check_source(params: Params, root: Path) -> Path | None:
    """Open the source without the network; where a named set would be fetched to, when it is not there and may be fetched."""
    ingest, downloads = params.ingest, Downloads(layout.downloads(root), fetch=False)
    folder = to_fetch(ingest.source, ingest.path, downloads) if ingest.download else None
    if folder is None:
        open_source(ingest.source, ingest.path, ingest.decode, downloads)
    return folder


def _known_recipe() -> Recipe | None:
    """How the data was prepared, when preprocess has run."""
    try:
        return Recipe.from_bytes(artifacts.read_bytes(layout.PROCESSED / "recipe.json"))
    except MissingFile:
        return None


def _data(params: Params, recipe: Recipe | None) -> str:
    if recipe is None:
        return f"{params.ingest.source}, not prepared yet"
    counts = ", ".join(f"{count} {split}" for split, count in recipe.counts.items())
    return f"{recipe.source}, {counts}, {len(recipe.classes)} classes, {'×'.join(map(str, recipe.shape))}"


def _check_space(findings: _Findings, space: Space, recipe: Recipe | None, question: Question, limits: Limits) -> None:
    if recipe is not None:
        findings.problems += space.check_data(recipe.counts["train"], recipe.image_size)
        findings.lines += _refused(space, recipe, limits)
    shape = question.image or (recipe.shape if recipe else (3, LARGEST_AUTO_SIZE, LARGEST_AUTO_SIZE))
    classes = question.classes or (len(recipe.classes) if recipe else 10)
    point = space.completed(_start(space, question.point) | dict(question.point))
    hyperparameters = findings.attempt(lambda: space.parse(point))
    if hyperparameters is None:
        return
    table = findings.attempt(lambda: layer_table(hyperparameters.layers(classes), shape))
    if table is not None:
        origin = "the point given" if question.point else "the first point of the space"
        findings.lines.append(f"{origin} on {'×'.join(map(str, shape))} pixels and {classes} classes:")
        findings.lines += [_row(row.name, row.output, row.parameters) for row in table]
        found = feasibility.cost(hyperparameters, shape, classes)
        findings.lines += [_row("all", (), found.parameters), f"  {found}"]
        findings.attempt(lambda: feasibility.require(found, limits))


def _refused(space: Space, recipe: Recipe, limits: Limits) -> list[str]:
    count, reason = feasibility.infeasible(space, recipe, limits)
    often = f", most often because {reason}" if reason else ""
    return [f"of {feasibility.SAMPLE} random points {count} would never be launched{often}"]


def _start(space: Space, point: Mapping[str, Value]) -> dict[str, Value]:
    """The first of the first points that is of the same family as `point`, where that says one."""
    points = (first for first in space.first_points if FAMILY not in point or space.family_of(first) == point[FAMILY])
    return next(points, {})


def _row(name: str, output: tuple[int, ...], parameters: int) -> str:
    return f"  {name:24s} {'×'.join(map(str, output)):>12s} {parameters:>12,d}"


def _named_study(params: Params) -> str | None:
    return params.cluster.study or os.environ.get(CONVOY_STUDY_URI)


def _studies(address: str) -> list[str]:
    """How the study's database answers, where it is a server; a file is nothing to be told of. Raises NetworkFile."""
    if not database.shared(address):
        if (file := database.file(address)) is not None:
            refuse_network(file, "the study")
        return []
    return [f"study: {redacted(address)} answers, with {len(studies.rows(address))} studies so far"]


def _reach(uri: str) -> str:
    """How the tracking store answers; a SQLite file that is not there is left for the search to create. Raises NetworkFile."""
    if uri.startswith("sqlite:///") and not (file := Path(uri.removeprefix("sqlite:///"))).exists():
        refuse_network(file, "MLflow's database")
        return "will be created"
    with reaching(uri):
        connect(uri).search_experiments(max_results=1)
    return "answers"
