"""The arithmetic of a layer with its numbers filled in, for people who want to follow it."""

from __future__ import annotations

import math

from pipeline.explain.steps import Step
from pipeline.models.layers import Activation, BatchNorm, Conv, Dense, Dropout, Flatten, GlobalAveragePool, Pool, Skip


def size(step: Step) -> str:
    """How the output's size follows from the input's; of the height, as images are square."""
    layer, before, after = step.layer, step.before, step.after
    match layer:
        case Conv():
            side = f"{before[1]} + {layer.extra_pad}" if layer.extra_pad else f"{before[1]}"
            inner = f"{side} + 2·{layer.pad} − {layer.dilation}·({layer.kernel}−1) − 1"
            return f"⌊({inner}) / {layer.stride}⌋ + 1 = {after[1]}; {layer.filters} filters"
        case Pool():
            return f"⌊({before[1]} − {layer.size}) / {layer.size}⌋ + 1 = {after[1]}"
        case Flatten():
            return f"{_product(before)} = {after[0]}"
        case GlobalAveragePool():
            return f"one mean for each of {after[0]} channels"
        case Dense():
            return f"{layer.units} {'unit' if layer.units == 1 else 'units'}, each of all {before[0]} values"
        case Skip() if before != after:
            return "as the layers inside; the input is made to fit by a 1×1 convolution"
    return "unchanged"


def parameters(step: Step) -> str:
    """The number of trainable parameters, reckoned; empty where there are none."""
    layer, before = step.layer, step.before
    match layer:
        case Conv():
            bias = " + 1" if layer.bias else ""
            return f"{layer.filters}·({before[0]}·{layer.kernel}²{bias}) = {step.parameters:,}"
        case BatchNorm():
            return f"2·{before[0]} = {step.parameters:,}"
        case Dense():
            return f"{layer.units}·({before[0]} + 1) = {step.parameters:,}"
    return f"{step.parameters:,}" if step.parameters else ""


def multiply_adds(step: Step) -> str:
    """The multiply-adds of one image, reckoned; empty where none are counted."""
    layer, before, after = step.layer, step.before, step.after
    match layer:
        case Conv():
            return f"{_product(after)}·{before[0]}·{layer.kernel}² = {step.multiply_adds:,}"
        case BatchNorm():
            return f"{_product(before)} = {step.multiply_adds:,}"
        case Dense():
            return f"{layer.units}·{before[0]} = {step.multiply_adds:,}"
    return f"{step.multiply_adds:,}" if step.multiply_adds else ""


def purpose(step: Step) -> str:
    """What the layer is for, in a sentence."""
    layer = step.layer
    match layer:
        case Conv():
            products = math.prod((step.before[0], layer.kernel, layer.kernel))
            return f"Each filter slides over its input and adds up {products} products at every place."
        case Pool():
            what = "the largest" if layer.kind == "max" else "the mean"
            return f"Of each {layer.size}×{layer.size} window {what} is kept: less to compute, and small shifts matter less."
        case BatchNorm():
            return "Shifts and scales each channel, so that its values lie where learning is quick."
        case Activation():
            return "Bends the values: without it all layers together would be one linear one."
        case Dropout():
            return "Zeroes values by chance while training; does nothing in use."
        case Flatten():
            return "Writes all values in a row."
        case GlobalAveragePool():
            return "Asks of each channel how much of what it looks for is there, wherever it is."
        case Dense():
            return "Each unit weighs every value."
        case Skip():
            return "Adds what came in to what the layers inside made of it, so that these need to learn a correction only."
    return ""


def _product(shape: tuple[int, ...]) -> str:
    return "·".join(map(str, shape))
