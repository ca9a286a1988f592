"""The fold of each image of train and val for cross-validation: whole units, every class spread over all folds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from pipeline.data.split import draw
from pipeline.data.split.settings import SplitParams
from pipeline.data.split.units import Unit
from pipeline.errors import TooManyFolds


def of_units(units: list[Unit], sides: Mapping[str, str], params: SplitParams, known: Mapping[str, int]) -> dict[str, int]:
    """digest → fold (0 to folds − 1), of train and val; empty without folds. known: folds of an earlier split, which are kept.

    Raises TooManyFolds when a fold would be empty.
    """
    if not params.folds:
        return {}
    classes: dict[str, list[Unit]] = defaultdict(list)
    for unit in units:
        inside = tuple(digest for digest in unit.digests if sides[digest] != "test")
        if inside:
            classes[unit.label].append(Unit(inside, unit.groups, unit.label))
    found: dict[str, int] = {}
    for label in sorted(classes):
        for unit, fold in _of_class(label, classes[label], params, known).items():
            found |= dict.fromkeys(unit.digests, fold)
    empty = params.folds - len(set(found.values()))
    if empty:
        why = f"{sum(map(len, classes.values()))} images or groups in train and val leave {empty} of them empty"
        raise TooManyFolds(f"{params.folds} folds", where="split.folds", why=why, remedy="choose fewer")
    return found


def _of_class(label: str, units: list[Unit], params: SplitParams, known: Mapping[str, int]) -> dict[Unit, int]:
    """By a hash of its own; in a small class each next unit by that hash goes where there are fewest images."""
    kept = {unit: min(folds) for unit in units if (folds := {known[digest] for digest in unit.digests if digest in known})}
    at = {unit: draw.position(f"fold/{params.seed}", unit.key) for unit in units if unit not in kept}
    if len(units) >= draw.FEWEST_EXPECTED * params.folds:
        return kept | {unit: int(position * params.folds) for unit, position in at.items()}
    sizes = dict.fromkeys(range(params.folds), 0)
    for unit, fold in kept.items():
        sizes[fold] += len(unit.digests)
    first = int(draw.position(params.seed, f"class/{label}") * params.folds)  # small classes do not all begin at fold 0
    for unit in sorted(at, key=lambda unit: (at[unit], unit.key)):
        kept[unit] = min(sizes, key=lambda fold: (sizes[fold], (fold - first) % params.folds))
        sizes[kept[unit]] += len(unit.digests)
    return kept
