"""The exported program as ONNX: the same pixels in, the same probabilities out, for engines that know nothing of torch."""

from __future__ import annotations

import torch

from pipeline.training.engines import INPUT, OUTPUT
from pipeline.training.plain_arithmetic import in_plain_arithmetic, quiet


def to_onnx(program: bytes) -> bytes:
    """An ONNX model of the archive that `program.export` wrote; uint8 N×C×H×W (C 1 or 3, any N, H, W) → float32 N×n.

    Raises whatever torch.onnx raises when an operation has no counterpart; the same program gives the same bytes.
    """
    exported = in_plain_arithmetic(program)
    with quiet():
        converted = torch.onnx.export(exported, (), dynamo=True, verbose=False, input_names=[INPUT], output_names=[OUTPUT])
    assert converted is not None
    model = converted.model_proto
    for part in (model, model.graph, *model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output):
        del part.metadata_props[:]  # where in which file a node comes from
        part.doc_string = ""
    return bytes(model.SerializeToString(deterministic=True))
