from __future__ import annotations

import numpy as np

from pipeline import trained_on


def test_images_of_the_training_are_known_again_and_no_others() -> None:
    content = trained_on.to_bytes(f"digest {number}" for number in range(1000))
    assert trained_on.shared(content, ["digest 7", "digest 999", "digest 1000", "else"]) == 2
    assert trained_on.shared(content, []) == 0 and trained_on.shared(trained_on.to_bytes([]), ["digest 7"]) == 0
    assert len(content) < 8 * 1000 + np.lib.format.BUFFER_SIZE
