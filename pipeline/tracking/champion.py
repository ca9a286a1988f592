"""Which alias a version deserves: a comparison of values, known before the registry is touched."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Alias = Literal["champion", "challenger"]


@dataclass(frozen=True)
class Standing:
    """What a version is judged by: test accuracy, on which test images, telling apart which classes."""

    version: str
    test_accuracy: float
    test_digest: str
    classes_digest: str


def classes_digest(classes: Sequence[str]) -> str:
    """sha256 of the class names in their order."""
    return hashlib.sha256(json.dumps(list(classes)).encode()).hexdigest()


def decide(candidate: Standing, champion: Standing | None) -> tuple[Alias, str]:
    """The alias and the reason for it; the champion changes only for a comparable version that is no worse."""
    if champion is None:
        return "champion", "the first version with a test result"
    if champion.version == candidate.version:
        return "champion", f"version {champion.version} is the champion already"
    if candidate.classes_digest != champion.classes_digest:
        return "challenger", f"not comparable: champion version {champion.version} tells other classes apart"
    if candidate.test_digest != champion.test_digest:
        return "challenger", f"not comparable: champion version {champion.version} was tested on other images"
    scores = f"test accuracy {candidate.test_accuracy:.4f}, champion version {champion.version} has {champion.test_accuracy:.4f}"
    if candidate.test_accuracy < champion.test_accuracy:
        return "challenger", f"worse on the same test images: {scores}"
    return "champion", f"no worse on the same test images: {scores}"
