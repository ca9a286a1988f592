"""Which labels look like two spellings of one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise

_SHORTEST_WORD = 4  # letters; in shorter words one letter often makes another word: cat, car, bat


@dataclass(frozen=True)
class Similar:
    """labels: two or more, sorted; canonical: the one with most images, first of equals; how: in what they differ."""

    labels: tuple[str, ...]
    canonical: str
    how: str


def similar(counts: Mapping[str, int]) -> list[Similar]:
    """Every group of labels that look the same; label → number of images in, groups sorted by their first label out.

    The same are: labels that differ in case (but not single letters: A and a), in space or `_` or `-` between letters, in the
    Unicode form (NFC, NFD, NFKC) or in characters that cannot be seen; labels of which one word, of 4 letters or more, has one
    letter more, less or another (but not another first letter, which typing errors rarely touch: house, mouse); and one word in
    the singular and the plural. Digits make different labels: class1, class2.
    """
    joined: dict[str, set[str]] = {}
    for one, other in [*_same_key(counts), *_one_letter(counts)]:
        group = joined.get(one, {one}) | joined.get(other, {other})
        joined.update(dict.fromkeys(group, group))
    groups = sorted({tuple(sorted(group)) for group in joined.values()})
    return [_described(group, counts) for group in groups]


def difference(one: str, other: str) -> str | None:
    """`case`, `space`, `Unicode form`, `one letter` or `plural`: in what two labels that look the same differ; else None."""
    if one == other:
        return None
    if _key(one) == _key(other):
        return _kind_of_twins(one, other)
    return _differs_in_one_word(_folded(one), _folded(other))


def _described(group: tuple[str, ...], counts: Mapping[str, int]) -> Similar:
    canonical = min(group, key=lambda label: (-counts[label], label))
    kinds = {difference(canonical, label) for label in group} | {difference(a, b) for a, b in pairwise(group)}
    return Similar(group, canonical, ", ".join(sorted(kind for kind in kinds if kind)))


def _same_key(labels: Mapping[str, int]) -> list[tuple[str, str]]:
    first: dict[str, str] = {}
    return [(first[key], label) for label in sorted(labels) if first.setdefault(key := _key(label), label) != label]


def _one_letter(labels: Mapping[str, int]) -> list[tuple[str, str]]:
    """Pairs that share what is left of them without one letter: found by lookup, so that 10,000 labels take no hour."""
    keys = {_folded(label): label for label in sorted(labels, reverse=True)}
    without: dict[str, set[str]] = {}
    for key in keys:
        for rest in {key, *(key[:at] + key[at + 1 :] for at in range(len(key))), *_singulars(key)}:
            without.setdefault(rest, set()).add(key)
    pairs = {pair for group in without.values() for pair in combinations(sorted(group), 2)}
    return [(keys[one], keys[other]) for one, other in sorted(pairs) if _differs_in_one_word(one, other)]


def _key(label: str) -> str:
    """The label without what the eye passes over."""
    text = re.sub(r"(?<=[^\W\d_])[\s_-]+(?=[^\W\d_])", "", _folded(label))
    return re.sub(r"(?<!\d)\s+|\s+(?!\d)", "", text)  # between two digits a space makes another number


def _folded(label: str) -> str:
    text = _visible(unicodedata.normalize("NFKC", label)).strip()
    return text if len(text) == 1 else unicodedata.normalize("NFKC", text.casefold())


def _visible(text: str) -> str:
    return "".join(char for char in text if unicodedata.category(char) != "Cf")


def _kind_of_twins(one: str, other: str) -> str:
    one, other = unicodedata.normalize("NFKC", one), unicodedata.normalize("NFKC", other)
    if one == other:
        return "Unicode form"
    if _visible(one) == _visible(other):
        return "invisible characters"
    return "case" if _visible(one).casefold() == _visible(other).casefold() else "space"


def _differs_in_one_word(one: str, other: str) -> str | None:
    """For two folded labels; the words are the runs of letters."""
    words, others = re.split(r"([\W\d_]+)", one), re.split(r"([\W\d_]+)", other)
    if len(words) != len(others):
        return None
    unlike = [(a, b) for a, b in zip(words, others, strict=True) if a != b]
    if len(unlike) != 1:
        return None
    shorter, longer = sorted(unlike[0], key=len)
    if not longer.isalpha() or not shorter.isalpha():
        return None
    if shorter in _singulars(longer) and len(shorter) >= _SHORTEST_WORD - 1:
        return "plural"
    return "one letter" if len(shorter) >= _SHORTEST_WORD and _one_apart(shorter, longer) else None


def _one_apart(shorter: str, longer: str) -> bool:
    at = next((place for place, (a, b) in enumerate(zip(shorter, longer, strict=False)) if a != b), len(shorter))
    if len(shorter) == len(longer):
        return at > 0 and shorter[at + 1 :] == longer[at + 1 :]
    return len(longer) == len(shorter) + 1 and shorter[at:] == longer[at + 1 :]


def _singulars(word: str) -> set[str]:
    return {word[: -len(ending)] for ending in ("s", "es") if word.endswith(ending)}
