"""Smaller ONNX files: what stays in float32, and that the numbers stay close."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from quantization import (
    convert_to_fp16,
    name_float_nodes,
    pad_depthwise,
    quantize_int8,
)
from torch import nn

pytestmark = pytest.mark.one_line


class Network(nn.Module):
    """Normalization, a block of DFANet with 12 channels, and upsampled logits."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 16, 3, 2, 1)
        self.narrow = nn.Conv2d(16, 12, 1)
        self.depthwise = nn.Conv2d(12, 12, 3, 1, 1, groups=12)
        self.wide = nn.Conv2d(12, 16, 1)
        self.last = nn.Conv2d(16, 5, 1)

    def forward(self, images):
        x = self.first(images.float() / 255 - 0.5).relu()
        x = x + self.wide(self.depthwise(self.narrow(x).relu()))
        logits = nn.functional.interpolate(self.last(x), scale_factor=2.0)
        return logits, logits.argmax(1).byte()


def write(network, images, path, names):
    axes = {0: 'batch', 2: 'height', 3: 'width'}
    torch.onnx.export(
        network,
        (images,),
        path,
        input_names=['images'],
        output_names=names,
        dynamic_axes=dict(images=axes),
        dynamo=False,
    )


@pytest.fixture(scope='module')
def path(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp('onnx') / 'network.onnx'
    images = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    write(Network().eval(), images, path, ['logits', 'labels'])
    model = onnx.load(path)
    model.metadata_props.add(key='mmseg_plugins', value='{}')
    onnx.save(model, path)
    return path


def _images(count: int, size: tuple[int, int] = (40, 56)) -> np.ndarray:
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (count, 3, *size), np.uint8)


def _logits(model) -> np.ndarray:
    content = model if isinstance(model, bytes) else model.read_bytes()
    session = onnxruntime.InferenceSession(content)
    return session.run(['logits'], {'images': _images(2)})[0]


@pytest.mark.parametrize(('kind', 'tolerance'), [('int8', 0.05), ('fp16', 0.005)])
def test_a_smaller_file_has_close_logits_and_the_same_interface(
    kind, tolerance, path, tmp_path
):
    out = tmp_path / 'out.onnx'
    if kind == 'int8':
        quantize_int8(path, out, iter(_images(3, (48, 48))))
    else:
        convert_to_fp16(path, out)
    expected, actual = _logits(path), _logits(out)
    error = np.abs(actual - expected).max() / np.abs(expected).max()
    assert 0 < error < tolerance
    before, after = onnx.load(path), onnx.load(out)
    assert [*before.metadata_props] == [*after.metadata_props]
    for names in ('input', 'output'):
        types = [
            [(item.name, item.type.tensor_type.elem_type) for item in items]
            for items in (getattr(before.graph, names), getattr(after.graph, names))
        ]
        assert types[0] == types[1]


def test_both_ends_stay_in_float32(path):
    graph = onnx.load(path).graph
    kept = set(name_float_nodes(graph))
    layers = [(node.name in kept) for node in graph.node if node.op_type == 'Conv']
    assert layers == [True, False, False, False, False]
    ends = {'Cast', 'Div', 'Sub', 'Resize', 'ArgMax'}
    assert all(node.name in kept for node in graph.node if node.op_type in ends)


def test_padded_channels_change_no_number(path):
    model = onnx.load(path)
    pad_depthwise(model.graph)
    groups = [
        attribute.i
        for node in model.graph.node
        for attribute in node.attribute
        if attribute.name == 'group'
    ]
    assert 16 in groups
    assert 12 not in groups
    difference = _logits(model.SerializeToString()) - _logits(path)
    assert np.abs(difference).max() < 1e-6


@pytest.mark.parametrize(
    'layers',
    [
        [(12, 12, 12), (12, 12, 12)],  # two depthwise convolutions
        [(12, 12, 12), (12, 12, 2)],  # the next one has groups
        [(12, 1, 1), (1, 12, 1)],  # one output, which is not depthwise
    ],
)
def test_other_grouped_convolutions_are_not_padded(layers, tmp_path):
    path = tmp_path / 'network.onnx'
    shapes = [(3, 12, 1), *layers, (12, 5, 1)]
    convolutions = [nn.Conv2d(i, o, 1, groups=groups) for i, o, groups in shapes]
    write(nn.Sequential(*convolutions), torch.zeros(2, 3, 8, 8), path, ['logits'])
    model = onnx.load(path)
    pad_depthwise(model.graph)
    assert model.graph.node == onnx.load(path).graph.node
    onnx.checker.check_model(onnx.shape_inference.infer_shapes(model, strict_mode=True))


def test_layers_that_share_a_tensor_in_fp16(tmp_path):
    helper, number = onnx.helper, onnx.TensorProto.FLOAT
    scales = helper.make_tensor('scales', number, [4], [1, 1, 2, 2])
    nodes = [
        helper.make_node('Constant', [], ['scales'], value=scales),
        helper.make_node('Resize', ['images', '', 'scales'], ['x'], name='first'),
        helper.make_node('Resize', ['x', '', 'scales'], ['logits'], name='second'),
    ]
    images, logits = (
        helper.make_tensor_value_info(name, number, [2, 3, size, size])
        for name, size in (('images', 4), ('logits', 16))
    )
    graph = helper.make_graph(nodes, 'g', [images], [logits])
    opset = [helper.make_opsetid('', 18)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    path, out = tmp_path / 'network.onnx', tmp_path / 'out.onnx'
    onnx.save(onnx.shape_inference.infer_shapes(model), path)
    convert_to_fp16(path, out)
    assert len(onnxruntime.InferenceSession(out).get_inputs()) == 1


def test_int8_without_images_is_refused(path, tmp_path):
    with pytest.raises(ValueError, match='give at least one'):
        quantize_int8(path, tmp_path / 'out.onnx', iter([]))
