"""How like the recorded model a rebuilt one is."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.rebuild.likeness import differing, environment, likeness, requirements

WEIGHTS = {"a": np.array([1.0, -4.0], np.float32), "b": np.array([[3]], np.int64)}


def test_the_same_bits_are_identical() -> None:
    found = likeness(WEIGHTS, {name: tensor.copy() for name, tensor in WEIGHTS.items()})
    assert (found.identical, found.largest, str(found)) == (True, 0.0, "bit-identical weights (2 tensors)")
    assert found.within(0.0)


@pytest.mark.parametrize(
    ("rebuilt", "largest", "within"),
    [
        ({"a": np.array([1.0, -4.002], np.float32)}, 0.0005, True),
        ({"a": np.array([1.0, -4.02], np.float32)}, 0.005, False),
        ({"a": np.array([1.0, np.nan], np.float32)}, np.inf, False),
        ({"a": np.array([-0.0 + 1.0, -4.0], np.float32), "b": np.array([[4]], np.int64)}, 1 / 3, False),
    ],
)
def test_other_bits_are_so_far_apart_as_the_worst_weight(rebuilt: dict[str, np.ndarray], largest: float, within: bool) -> None:
    found = likeness(WEIGHTS, WEIGHTS | rebuilt)
    assert not found.identical and found.largest == pytest.approx(largest, rel=1e-3) and found.within(1e-3) == within


@pytest.mark.parametrize(
    "rebuilt", [{"a": WEIGHTS["a"]}, WEIGHTS | {"c": WEIGHTS["a"]}, WEIGHTS | {"a": WEIGHTS["a"].astype(np.float64)}]
)
def test_another_network_is_never_within_a_tolerance(rebuilt: dict[str, np.ndarray]) -> None:
    found = likeness(WEIGHTS, rebuilt)
    assert not found.within(1e9) and "another network" in str(found)


def test_zero_and_minus_zero_are_equal_but_not_bit_identical() -> None:
    found = likeness({"a": np.array([0.0])}, {"a": np.array([-0.0])})
    assert (found.identical, found.largest) == (False, 0.0) and found.within(0.0)


def test_packages_are_compared_by_name_and_version_without_local_labels() -> None:
    then = requirements("# python 3.11\nTorch==2.13.0+cpu\nruamel.yaml==0.18.1\nonnx==1.0\nold==1\n-e .\n")
    here = requirements("torch==2.13.0\nruamel-yaml==0.18.2\nonnx==1.0\n")
    differences = differing(then, here)
    assert differences == ["old was 1, is not installed", "ruamel-yaml was 0.18.1, is 0.18.2"]
    assert environment([], 4) == "environment: all 4 packages as recorded"
    assert environment(differences, 4).startswith("environment: 2 of 4 packages differ: old was 1")
    assert environment([str(number) for number in range(20)], 30).endswith("; 7; and 12 more")
