"""Make an exported ONNX file smaller and faster: 8-bit integers, or 16-bit floats."""

import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np

try:
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process
    from onnxruntime.transformers.float16 import convert_float_to_float16
except ImportError:
    onnx = None

LAYERS = {'Conv', 'ConvTranspose', 'Gemm', 'MatMul'}  # operators with weights
#: What is quantized, except at both ends. The rest, such as softmax and pooling of the
#: whole map, takes little time, but for the matrix products of transformers.
INT8_OPERATORS = ['Conv', 'Gemm', 'Relu', 'Add', 'Concat', 'Resize', 'MaxPool']


def quantize_int8(path: Path, out: Path, images: Iterable[np.ndarray]) -> None:
    """Quantize an exported file to 8-bit integers, for ONNX Runtime on CPUs.

    Weights have a scale for each output channel and 7 bits: with 8, sums overflow on
    processors without VNNI. Activations have a scale for each tensor, from the smallest
    and the largest value that ``images`` cause.

    Args:
        path: ONNX file in float32.
        out: File to write.
        images: Images (C, H, W) as the file takes them. They are read one by one.

    Raises:
        ValueError: If there are no images, or packages are missing.
    """
    _check_packages()
    images = iter(images)
    first = next(images, None)
    if first is None:
        raise ValueError('no images to calibrate int8 with: give at least one')
    with tempfile.TemporaryDirectory() as folder:
        # Without symbolic shape inference: it fails on sizes that FCN's head computes.
        prepared = Path(folder, 'prepared.onnx')
        quant_pre_process(path, prepared, skip_symbolic_shape=True)
        model = onnx.load(prepared)
    pad_depthwise(model.graph)
    quantization.quantize_static(
        onnx.shape_inference.infer_shapes(model),
        out,
        _Images(model.graph.input[0].name, chain([first], images)),
        op_types_to_quantize=INT8_OPERATORS,
        nodes_to_exclude=name_float_nodes(model.graph),
        per_channel=True,
        reduce_range=True,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
    )
    model = onnx.load(out)
    del model.metadata_props[:]
    model.metadata_props.extend(onnx.load(path).metadata_props)
    onnx.save(model, out)


def convert_to_fp16(path: Path, out: Path) -> None:
    """Convert an exported file to 16-bit floats, for GPUs; inputs and outputs stay.

    Raises:
        ValueError: If packages are missing.
    """
    _check_packages()
    model = convert_float_to_float16(onnx.load(path), keep_io_types=True)
    # The converter casts a tensor that layers share once for each, under one name.
    nodes = {tuple(node.output): node for node in model.graph.node}
    del model.graph.node[:]
    model.graph.node.extend(nodes.values())
    onnx.save(model, out)


def name_float_nodes(graph: 'onnx.GraphProto') -> list[str]:
    """Return the names of the nodes that stay in float32; nodes without one get it.

    They are at both ends. Up to the first layer with weights: a layer of three channels
    is not faster in 8 bits, and normalisation needs the range. After the last layers:
    logits that are equal after rounding would change classes.
    """
    computed: set[str] = set()  # tensors that come from a layer
    needed: set[str] = set()  # tensors that lead to a layer
    for node in graph.node:
        if node.op_type in LAYERS or computed.intersection(node.input):
            computed.update(node.output)
    for node in reversed(graph.node):
        if node.op_type in LAYERS or needed.intersection(node.output):
            needed.update(filter(None, node.input))
    names = []
    for number, node in enumerate(graph.node):
        node.name = node.name or f'{node.op_type}_{number}'
        is_before_end = node.op_type in LAYERS or needed.intersection(node.output)
        if not (computed.intersection(node.input) and is_before_end):
            names.append(node.name)
    return names


def pad_depthwise(graph: 'onnx.GraphProto') -> None:
    """Give depthwise convolutions channels of zeros, up to a multiple of 8.

    ONNX Runtime computes 8 channels of 8 bits at a time, and those that are left one by
    one: DFANet-A with its 12 channels becomes a fifth faster. A convolution is padded
    if it is between two ordinary ones, with a ReLU at most. The outputs do not change.
    """
    weights = {tensor.name: tensor for tensor in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    users = defaultdict(list)
    for node in graph.node:
        for name in node.input:
            users[name].append(node)
    for node in graph.node:
        group = _find_group(node)
        weight = weights.get(node.input[1]) if node.op_type == 'Conv' else None
        if group is None or weight is None or [group.i, 1] != [*weight.dims[:2]]:
            continue
        tensors = [*node.input, node.output[0]]
        before = makers.get(node.input[0])
        if before is not None and before.op_type == 'Relu':
            tensors.append(before.input[0])
            before = makers.get(before.input[0])
        after = users[node.output[0]][:1]
        neighbours = [item for item in (before, *after) if item is not None]
        if [item.op_type for item in neighbours] != ['Conv', 'Conv']:
            continue
        if any(getattr(_find_group(item), 'i', 1) > 1 for item in neighbours):
            continue
        rows, columns = [*before.input[1:], *node.input[1:]], after[0].input[1]
        if any(len(users[name]) > 1 for name in [*tensors, *rows, columns]):
            continue  # others use them too
        count = -weight.dims[0] % 8
        group.i += count
        for name in rows:
            _pad_with_zeros(weights[name], 0, count)
        _pad_with_zeros(weights[columns], 1, count)
    del graph.value_info[:]  # shapes before the padding


class _Images(quantization.CalibrationDataReader if onnx else object):
    """Feeds a network with images, one at a time."""

    def __init__(self, name: str, images: Iterator[np.ndarray]) -> None:
        self.name, self.images = name, images

    def get_next(self) -> dict[str, np.ndarray] | None:
        image = next(self.images, None)
        return None if image is None else {self.name: image[None]}


def _find_group(node: 'onnx.NodeProto') -> 'onnx.AttributeProto | None':
    return next((item for item in node.attribute if item.name == 'group'), None)


def _pad_with_zeros(tensor: 'onnx.TensorProto', axis: int, count: int) -> None:
    values = onnx.numpy_helper.to_array(tensor)
    widths = [(0, count * (axis == number)) for number in range(values.ndim)]
    padded = onnx.numpy_helper.from_array(np.pad(values, widths), tensor.name)
    tensor.CopyFrom(padded)


def _check_packages() -> None:
    if onnx is None:
        raise ValueError(
            "int8 and fp16 need more packages: pip install 'mmseg-plugins[export]'"
        )
