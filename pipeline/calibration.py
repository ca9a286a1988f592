"""Whether probabilities may be taken at their word: of the images said with 80 %, are 80 % right?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BINS = 10


@dataclass(frozen=True)
class Bin:
    """The images said with a probability within (low, high]: how many, how sure on average, how many of them are right."""

    low: float
    high: float
    count: int
    confidence: float
    right: int

    @property
    def accuracy(self) -> float:
        """The share that is right."""
        return self.right / self.count


def bins(probabilities: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> list[Bin]:
    """Those of BINS equal ones that hold images, of probabilities N×n."""
    sure = probabilities.max(1).astype(np.float64)
    right = probabilities.argmax(1) == labels
    places = np.clip(np.ceil(sure * BINS).astype(int) - 1, 0, BINS - 1)
    found = []
    for place in np.unique(places):
        inside = places == place
        low, high = float(place / BINS), float((place + 1) / BINS)
        found.append(Bin(low, high, int(inside.sum()), float(sure[inside].mean()), int(right[inside].sum())))
    return found


def expected_error(found: list[Bin]) -> float:
    """ECE (Guo et al., arXiv:1706.04599): how far confidence and accuracy are apart, the mean over images; 0 is perfect.

    Of few images it is above 0 even for a perfect model, since a bin's accuracy is a matter of chance.
    """
    total = sum(one.count for one in found)
    return sum(one.count * abs(one.confidence - one.accuracy) for one in found) / total
