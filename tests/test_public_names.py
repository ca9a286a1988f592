"""What a notebook imports from the package, and that importing the package alone costs nothing."""

from __future__ import annotations

import subprocess
import sys

import pipeline

EXPECTED = """
EpochMetrics Hyperparameters Packed Prediction Recipe StudySnapshot Training TrialRecord
decode_image load_params load_space parse_hyperparameters predict_images pull_model read_study
"""


def test_the_public_names_are_these_and_each_is_there_with_its_sentence() -> None:
    assert list(pipeline.__all__) == EXPECTED.split() and len(pipeline.__all__) <= 15
    assert all(getattr(pipeline, name).__doc__ for name in pipeline.__all__)
    assert not hasattr(pipeline, "no_such_name") and set(EXPECTED.split()) <= set(dir(pipeline))


def test_importing_the_package_imports_no_library() -> None:
    code = "import sys; before = set(sys.modules); import pipeline; print(*set(sys.modules) - before)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {name.split(".")[0] for name in loaded} <= {"pipeline", *sys.stdlib_module_names}
