"""Layers as plain descriptions, and their arithmetic: output sizes, parameters and multiply-adds without building anything."""

from pipeline.models.layers.layer import VALUE_BYTES, Kept, Layer, Shape, output_size
from pipeline.models.layers.plain import Activation, BatchNorm, Conv, Dense, Dropout, Flatten, GlobalAveragePool, Pool
from pipeline.models.layers.skip import Skip
from pipeline.models.layers.table import LayerRow, layer_table

__all__ = [
    "VALUE_BYTES",
    "Activation",
    "BatchNorm",
    "Conv",
    "Dense",
    "Dropout",
    "Flatten",
    "GlobalAveragePool",
    "Kept",
    "Layer",
    "LayerRow",
    "Pool",
    "Shape",
    "Skip",
    "layer_table",
    "output_size",
]
