"""Which files of a tree are samples of which class: the rules that folders and archives share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipeline.data.junk import junk
from pipeline.data.sources.reading.names import shown, twins
from pipeline.data.sources.source import Sample
from pipeline.errors import SourceMissing, raise_all

SPLIT_NAMES = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


@dataclass(frozen=True)
class Tree:
    """Paths relative to a root, with `/`: `files` holds all that is no folder; a link to a folder stands in both."""

    files: tuple[str, ...]
    folders: frozenset[str]

    def without_junk(self) -> tuple[Tree, dict[str, int]]:
        """The tree without what `junk` names, and reason → number of entries left out; what is below one is not counted."""
        found: dict[str, str] = {}
        files = tuple(path for path in self.files if not _junk_in(path, found))
        folders = frozenset(path for path in self.folders if not _junk_in(path, found))
        return Tree(files, folders), dict(Counter(found.values()))

    def common_folder(self) -> str:
        """`flowers/` when all lies in that one folder, which holds folders and is no split; else empty."""
        tops = {path.partition("/")[0] for path in (*self.files, *self.folders)}
        if len(tops) != 1 or (top := tops.pop()).lower() in SPLIT_NAMES:
            return ""
        return f"{top}/" if any(path.count("/") == 1 for path in self.folders) else ""

    def below(self, prefix: str) -> Tree:
        """The tree whose root is the folder `prefix`, which ends with `/` or is empty."""
        cut = len(prefix)
        files = tuple(path[cut:] for path in self.files if path.startswith(prefix))
        return Tree(files, frozenset(path[cut:] for path in self.folders if path.startswith(prefix) and len(path) > cut))


@dataclass(frozen=True)
class Arranged:
    """Classes and samples, sorted and their names shown; ignored: reason → number of entries."""

    classes: list[str]
    samples: list[Sample]
    ignored: dict[str, int]


def tree(files: Iterable[str], folders: Iterable[str]) -> Tree:
    """A tree that holds every folder that a path goes through, whether or not `folders` names it."""
    files, known = tuple(files), set(folders)
    for path in (*files, *known):
        while (path := path.rpartition("/")[0]) and path not in known:
            known.add(path)
    return Tree(files, frozenset(known))


def arrange(everything: Tree, where: str) -> Arranged:
    """The files below each class folder as its samples; splits are given when all folders have names of splits, train among them.

    Raises SourceMissing when there is no class folder, a split is a link or another folder lies beside train and test, and
    TwinNames when names look the same.
    """
    clean, ignored = everything.without_junk()
    splits = _given_splits(clean)
    depth = 1 if splits is None else 2
    classes = {path for path in clean.folders if path.count("/") == depth - 1}
    if not classes:
        remedy = "make one folder a class and put its images there"
        raise SourceMissing(where, where="ingest.path", why="it holds no class folder", remedy=remedy)
    _refuse_linked_splits(clean, splits or {})
    samples, loose = [], 0
    for path in clean.files:
        parts = path.split("/", depth)
        if "/".join(parts[:depth]) in classes:
            samples.append(Sample(shown(path), shown(parts[depth - 1]), splits[parts[0]] if splits else None))
        else:
            loose += 1
    names = sorted({shown(path.rpartition("/")[2]) for path in classes})
    raise_all(twins(sample.path for sample in samples))
    samples.sort(key=lambda sample: sample.path)
    return Arranged(names, samples, ignored | ({"beside-the-classes": loose} if loose else {}))


def _given_splits(clean: Tree) -> Mapping[str, str] | None:
    """Top folder → its split, or None when the top folders are classes; train beside one other split are no classes."""
    tops = [path for path in clean.folders if "/" not in path]
    splits = {top: SPLIT_NAMES[top.lower()] for top in tops if top.lower() in SPLIT_NAMES}
    if "train" not in splits.values():
        return None
    others = sorted(set(tops) - splits.keys())
    if others and len(set(splits.values())) > 1:
        remedy = "move it elsewhere, or rename the classes that are called like splits"
        raise SourceMissing(f"the folder {shown(others[0])}", where="ingest.path", why="it lies beside the splits", remedy=remedy)
    return None if others else splits


def _refuse_linked_splits(clean: Tree, splits: Mapping[str, str]) -> None:
    linked = sorted(splits.keys() & set(clean.files))
    if linked:
        remedy = "put the folder itself there"
        raise SourceMissing(f"the folder {linked[0]}", where="ingest.path", why="links are not followed", remedy=remedy)


def _junk_in(path: str, found: dict[str, str]) -> bool:
    """Whether a part of `path` is junk; `found` gets the path up to that part and the reason."""
    parts = path.split("/")
    for index, part in enumerate(parts):
        if reason := junk(part):
            found["/".join(parts[: index + 1])] = reason
            return True
    return False
