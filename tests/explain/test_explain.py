"""What a network is explained with is what it does: sums, sizes, fields and maps agree with torch."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.explain import formulas
from pipeline.explain.lesson import lesson
from pipeline.explain.receptive_field import Field, fields
from pipeline.explain.steps import IMAGE, steps
from pipeline.explain.trace import trace
from pipeline.models.blocks import build
from pipeline.models.layers import Conv, Layer, Shape, layer_table
from pipeline.training.hyperparameters import parse

SHAPE: Shape = (3, 12, 12)
NETWORKS: dict[str, tuple[Layer, ...]] = {
    name: parse(family, {f"model.{key}": value for key, value in values.items()}).layers(4)
    for name, family, values in [
        ("plain", "cnn", {"num_conv_layers": 2, "filters": 6}),
        ("averages", "cnn", {"pooling": "average", "filters": 4, "head": "average", "dropout": 0.5}),
        ("even kernel, strides", "cnn", {"kernel_size": 4, "stride": 2, "pooling": "none", "filters": 4}),
        ("dilated, valid, skip", "cnn", {"dilation": 2, "skip": True, "padding": "valid", "num_conv_layers": 1}),
        ("no convolution", "cnn", {"num_conv_layers": 0}),
        ("resnet", "resnet", {"num_stages": 2, "blocks_per_stage": 1, "filters": 4}),
        ("resnet before", "resnet", {"num_stages": 2, "blocks_per_stage": 2, "filters": 4, "pre_activation": True}),
    ]
}


def network(layers: tuple[Layer, ...]) -> nn.Module:
    """Untrained, with running statistics that are not those of the start."""
    torch.manual_seed(0)
    model = build(layers, SHAPE)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    return model.eval()


def images(count: int = 2) -> torch.Tensor:
    return torch.randn(count, *SHAPE, generator=torch.Generator().manual_seed(1))


@pytest.fixture(params=NETWORKS)
def layers(request: pytest.FixtureRequest) -> tuple[Layer, ...]:
    return NETWORKS[request.param]


def test_the_steps_are_the_rows_of_the_layer_table_and_follow_from_each_other(layers: tuple[Layer, ...]) -> None:
    found = steps(layers, SHAPE)
    assert [(step.name, step.after, step.parameters) for step in found] == [
        (row.name, row.output, row.parameters) for row in layer_table(layers, SHAPE)
    ]
    for step in found:
        assert step.before == (SHAPE if step.source == IMAGE else found[step.source].after)
        if step.inside is not None:
            assert found[step.inside].after == step.after and found[step.inside].depth == step.depth + 1


def test_a_formula_comes_to_the_number_of_the_table(layers: tuple[Layer, ...]) -> None:
    for step in steps(layers, SHAPE):
        for text, number in ((formulas.parameters(step), step.parameters), (formulas.multiply_adds(step), step.multiply_adds)):
            assert _reckoned(text) == (number, number) if text else number == 0
        if (size := re.match(r"⌊(.*?)⌋ \+ 1 = (\d+)", formulas.size(step))) is not None:
            assert eval(_python(size[1]).replace("/", "//")) + 1 == int(size[2]) == step.after[1]
        assert formulas.purpose(step)


def test_the_trace_ends_where_the_network_does_and_goes_through_every_step(layers: tuple[Layer, ...]) -> None:
    model = network(layers)
    traced = trace(model, layers, images())
    torch.testing.assert_close(traced[-1].output, model(images()), check_stride=False)
    assert [tuple(one.output.shape[1:]) for one in traced] == [step.after for step in steps(layers, SHAPE)]


def test_a_value_depends_on_the_pixels_of_its_field_alone(layers: tuple[Layer, ...]) -> None:
    model, pixels = network(layers), images(1).requires_grad_()
    for index, (step, field) in enumerate(zip(steps(layers, SHAPE), fields(steps(layers, SHAPE)), strict=True)):
        if field is None:
            continue
        row, column = step.after[1] // 2, step.after[2] - 1
        output = _with_gradient(model, layers, pixels, index)
        (seen,) = torch.autograd.grad(output[0, :, row, column].square().sum(), pixels)
        rows, columns = (np.flatnonzero(seen.abs().sum((0, 1)).sum(side).numpy()) for side in (1, 0))
        for places, at in ((rows, row), (columns, column)):
            start = field.start + at * field.jump
            assert places.min(initial=99) >= start and places.max(initial=-1) < start + field.size


def test_two_three_by_three_convolutions_see_five_pixels_and_pooling_doubles_the_jump() -> None:
    plain = fields(steps(NETWORKS["plain"], SHAPE))
    assert plain[:4] == [Field(3, 1, -1), Field(3, 1, -1), Field(4, 2, -1), Field(8, 2, -3)]
    assert plain[-1] is None


def test_the_lesson_holds_maps_and_weights_that_make_each_value_of_a_convolution(layers: tuple[Layer, ...]) -> None:
    told = json.loads(json.dumps(lesson(network(layers), layers, SHAPE, images())))
    parts = [{"maps": told["input"]["values"], "shown": [0, 1, 2], "after": list(SHAPE)}, *told["steps"]]
    for step, layer in zip(told["steps"], (one.layer for one in steps(layers, SHAPE)), strict=True):
        if not isinstance(layer, Conv):
            continue
        source = parts[step["source"] + 1]
        before = _array(source["maps"]).reshape(2, len(source["shown"]), *source["after"][1:])
        weights = _array(step["weights"]).reshape(len(step["shown"]), len(source["shown"]), layer.kernel, layer.kernel)
        padded = nn.functional.pad(torch.from_numpy(before), (layer.pad, layer.pad + layer.extra_pad) * 2)
        bias = torch.tensor(step["bias"])
        again = nn.functional.conv2d(padded, torch.from_numpy(weights), bias, layer.stride, 0, layer.dilation)
        np.testing.assert_allclose(again.numpy().ravel(), _array(step["maps"]), atol=2e-3)


def test_of_many_channels_those_that_differ_most_are_kept_and_named() -> None:
    wide = (Conv(40, 3), *NETWORKS["no convolution"])
    (first, *_) = lesson(network(wide), wide, SHAPE, images())["steps"]
    spread = trace(network(wide), wide, images())[0].output.transpose(0, 1).flatten(1).std(1)
    assert len(first["shown"]) == 32 and first["shown"] == sorted(first["shown"])
    assert set(first["shown"]) == set(spread.argsort(descending=True)[:32].tolist())


def test_of_large_images_fewer_are_walked_the_first_and_the_last_among_them() -> None:
    small, large = (lesson(network(layers), layers, SHAPE, images(9)) for layers in (NETWORKS["plain"], (Conv(64, 3),) * 200))
    assert small["walked"] == [0, 1, 2, 3, 5, 6, 7, 8] and large["walked"] == [0, 3, 5, 8]
    assert [len(told["steps"][0]["shown"]) for told in (small, large)] == [6, 8]


def _with_gradient(model: nn.Module, layers: tuple[Layer, ...], pixels: torch.Tensor, index: int) -> torch.Tensor:
    from pipeline.explain import trace as module

    return list(module._walk(model, layers, pixels))[index].output


def _reckoned(text: str) -> tuple[int, int]:
    left, _, right = text.rpartition(" = ")
    number = int(right.replace(",", ""))
    return (eval(_python(left)), number) if left else (number, number)


def _python(text: str) -> str:
    return text.replace("·", "*").replace("−", "-").replace("²", "**2").replace("⌊", "").replace("⌋", "")


def _array(packed: dict[str, Any]) -> np.ndarray:
    return (np.frombuffer(base64.b64decode(packed["data"]), "<i2") * packed["scale"]).astype(np.float32)
