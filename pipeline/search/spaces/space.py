"""A search space: which hyperparameters of which families are searched, from one YAML file that is checked as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from pydantic import Field

from pipeline.config import Section, YamlFile, validate
from pipeline.errors import BatchTooLarge, ConvoyError, ImageTooSmall, raise_all
from pipeline.search.spaces import conditions, entries, families, space_checks
from pipeline.search.spaces.domains import Domain, Fixed
from pipeline.search.spaces.families import FamilyNames
from pipeline.training import hyperparameters
from pipeline.training.hyperparameters import FAMILY, Hyperparameters, Value

_EPOCHS, _BATCH_SIZE = "train.epochs", "train.batch_size"


@dataclass(frozen=True)
class Space:
    """A checked search space; `load` builds it.

    `domains` is in the order of suggestion, parents first; `first_points` name searched hyperparameters only and are tried as
    they are before anything is drawn; `places` maps "smallest_image" and each name to file:line:column.
    """

    path: Path
    families: tuple[str, ...]  # sorted; `family` is among the domains, fixed when there is one
    smallest_image: int  # pixels a side
    domains: Mapping[str, Domain]
    first_points: tuple[dict[str, Value], ...]
    places: Mapping[str, str]

    def suggest(self, trial: optuna.Trial) -> dict[str, Value]:
        """Hyperparameters by name, fixed ones included, always with family and train.epochs.

        Those whose condition does not hold are left out, so that the default of the family or the training holds.
        """
        values: dict[str, Value] = {}
        for name, domain in self.domains.items():
            if domain.active(values):
                values[name] = domain.suggest(trial, name)
        return {_EPOCHS: self._default(_EPOCHS)} | values

    def family_of(self, values: Mapping[str, Value]) -> str:
        """The family of these hyperparameters; where none is said, the first."""
        return str(values.get(FAMILY, self.families[0]))

    def parse(self, values: Mapping[str, Value]) -> Hyperparameters:
        """The typed value of hyperparameters by dotted name; raises UnknownHyperparameter, WrongValue, or Problems."""
        return hyperparameters.parse(self.family_of(values), values)

    def completed(self, point: Mapping[str, Value]) -> dict[str, Value]:
        """`point` and what this space fixes for it; what else is searched keeps the default of the family or the training."""
        values = dict(point)
        for name, domain in self.domains.items():
            if isinstance(domain, Fixed) and domain.active(values):
                values.setdefault(name, domain.value)
        return values

    def configurations(self, most: int) -> list[dict[str, Value]] | None:
        """Everything that `suggest` can give, in a fixed order; None if that is more than `most`."""
        found: list[dict[str, Value]] = [{}]
        for name, domain in self.domains.items():
            values = domain.values(most)
            if values is None or sum(len(values) if domain.active(point) else 1 for point in found) > most:
                return None
            found = [
                point | drawn
                for point in found
                for drawn in ([{name: value} for value in values] if domain.active(point) else [{}])
            ]
        return [{_EPOCHS: self._default(_EPOCHS)} | point for point in found]

    def draws(self, count: int) -> list[dict[str, Value]]:
        """So many configurations as the random sampler would try, the same ones each time."""
        optuna.logging.set_verbosity(optuna.logging.WARNING)  # no line on every study created
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        return [self.suggest(study.ask()) for _ in range(count)]

    def middle(self, group: str) -> dict[str, Value]:
        """The middle of each range whose name begins with `group`; of choices the first, and what is fixed as it is."""
        values: dict[str, Value] = {}
        for name, domain in self.domains.items():
            if domain.active(values):
                values[name] = domain.middle()
        return {name: value for name, value in values.items() if name.startswith(group)}

    def canonical(self) -> dict[str, Any]:
        """What a study's results depend on, as JSON values: without comments, order, first points and the smallest image."""
        return {name: domain.model_dump(mode="json") for name, domain in sorted(self.domains.items())}

    def largest_batch(self) -> int:
        """The largest batch size that a trial may get, in images."""
        return max(self._batch_sizes())

    def smallest_batch(self) -> int:
        """The smallest one."""
        return min(self._batch_sizes())

    def check_data(self, train_count: int, image_size: int) -> list[ConvoyError]:
        """What speaks against searching this space on `train_count` square images of `image_size` pixels a side."""
        errors: list[ConvoyError] = []
        if image_size < self.smallest_image:
            why = f"this space needs {self.smallest_image} pixels a side, the images have {image_size}"
            remedy = "raise preprocess.image_size or choose another space"
            errors.append(ImageTooSmall("smallest_image", where=self.places["smallest_image"], why=why, remedy=remedy))
        if self.largest_batch() > train_count:
            why = f"batches of up to {self.largest_batch()}, but the train split has {train_count} images"
            where = self.places.get(_BATCH_SIZE, str(self.path))
            errors.append(BatchTooLarge(_BATCH_SIZE, where=where, why=why, remedy=f"choose ≤ {train_count}"))
        return errors

    def _batch_sizes(self) -> list[int]:
        """Among them the largest and the smallest."""
        sizes = [value for _, value in self.domains[_BATCH_SIZE].edges()] if _BATCH_SIZE in self.domains else []
        return [int(size) for size in sizes or [self._default(_BATCH_SIZE)]]

    def _default(self, name: str) -> Value:
        return hyperparameters.names(self.families[0])[name]


class _Header(Section):
    family: FamilyNames
    smallest_image: int = Field(ge=1)
    hyperparameters: dict[str, Any] = Field(min_length=1)
    first_points: list[dict[str, Any]] = Field(default_factory=list)


def load(path: Path) -> Space:
    """The space in `path`; raises MissingFile, UnreadableYaml, or all that is wrong at once, with file:line:column."""
    file = YamlFile(path)
    header, problems = validate(_Header, file.data, file)
    domains, broken = entries.read(file)
    problems += broken
    known, unknown = families.known(file)
    problems += unknown
    if known and not unknown and isinstance(file.data.get("hyperparameters"), dict):
        problems += _meaning(file, domains, known)
        domains = families.with_family(domains, known)
    if header is not None and not problems:
        problems += space_checks.bad_first_points(header.first_points, domains, file)
    raise_all(problems)
    assert header is not None, "validate gives a value or a problem"
    return _space(header, domains, file)


def _meaning(file: YamlFile, domains: Mapping[str, Domain], known: families.Known) -> list[ConvoyError]:
    """Names, values and conditions that cannot be, also in a file whose form is wrong elsewhere."""
    problems = [*space_checks.unknown_names(known, file), *space_checks.refused_values(domains, known, file)]
    strange = list(families.problems(domains, known, file))
    legal = frozenset[str]({FAMILY}).union(*known.values())
    return problems + (strange or conditions.problems(families.with_family(domains, known), legal, file))


def _space(header: _Header, domains: Mapping[str, Domain], file: YamlFile) -> Space:
    points = tuple({name: domains[name].typed(value) for name, value in point.items()} for point in header.first_points)
    places = {name: file.where((name,) if name == FAMILY else ("hyperparameters", name)) for name in domains}
    places["smallest_image"] = file.where(("smallest_image",))
    in_order = {name: domains[name] for name in conditions.ordered(domains)}
    return Space(file.path, header.family, header.smallest_image, in_order, points, places)
