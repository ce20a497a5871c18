"""The .caffemodel reader, against a writer of its own that knows only the format."""

import struct
from pathlib import Path

import pytest
import torch

from mmseg_plugins.converters import read_caffemodel

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def varint(value: int) -> bytes:
    groups = []
    while True:
        value, group = value >> 7, value & 127
        groups.append(group | (128 if value else 0))
        if not value:
            return bytes(groups)


def field(number: int, content: bytes | int, wire: int = BYTES) -> bytes:
    tag = varint(number << 3 | wire)
    if isinstance(content, int):
        return tag + varint(content)
    return tag + (varint(len(content)) if wire == BYTES else b'') + content


def packed(values: torch.Tensor) -> bytes:
    kind = 'd' if values.dtype == torch.float64 else 'f'
    return struct.pack(f'<{values.numel()}{kind}', *values.flatten().tolist())


def blob(
    values: torch.Tensor, *, legacy: bool = False, unpacked: bool = False
) -> bytes:
    """A BlobProto; the legacy form pads the shape with ones from the left."""
    if legacy:
        sizes = [1] * (4 - values.ndim) + list(values.shape)
        content = b''.join(field(i, n, VARINT) for i, n in enumerate(sizes, 1))
    elif unpacked:
        dims = b''.join(field(1, size, VARINT) for size in values.shape)
        content = field(7, dims)
    else:
        content = field(7, field(1, b''.join(map(varint, values.shape))))
    double = values.dtype == torch.float64
    number, wire = (8, FIXED64) if double else (5, FIXED32)
    if not unpacked:
        return content + field(number, packed(values))
    return content + b''.join(field(number, packed(v), wire) for v in values.flatten())


def layer(name: str, *blobs: bytes) -> bytes:
    """A LayerParameter with fields that the reader must pass over."""
    content = field(1, name.encode()) + field(2, b'Convolution') + field(3, b'below')
    content += b''.join(field(7, content) for content in blobs)
    return field(100, content + field(10, 1, VARINT) + field(106, field(1, 64, VARINT)))


def old_layer(name: str, *blobs: bytes) -> bytes:
    """A V1LayerParameter, its blobs before its name."""
    content = b''.join(field(6, content) for content in blobs)
    content += field(7, struct.pack('<f', 2.0), FIXED32) + field(5, 4, VARINT)
    return field(2, content + field(4, name.encode()))


HEADER = field(1, b'a net') + field(5, 1, VARINT)


def save(path: Path, *parts: bytes) -> Path:
    path.write_bytes(b''.join(parts))
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'net.caffemodel'


@pytest.fixture
def weights():
    torch.manual_seed(0)
    shapes = {'conv1_1': (5, 3, 3, 3), 'fc6': (4, 20), 'score': (300, 4, 1, 1)}
    found = {}
    for name, shape in shapes.items():
        found[f'{name}.weight'] = torch.randn(shape)
        found[f'{name}.bias'] = torch.randn(shape[0])
    return found


def layers(weights: dict, make=layer, **form) -> list[bytes]:
    names = dict.fromkeys(key.rpartition('.')[0] for key in weights)
    return [
        make(n, *(blob(weights[f'{n}.{s}'], **form) for s in ('weight', 'bias')))
        for n in names
    ]


def assert_same(actual: dict, expected: dict) -> None:
    assert list(actual) == list(expected)
    for key, value in expected.items():
        assert actual[key].dtype == value.dtype
        assert torch.equal(actual[key], value), key


@pytest.mark.parametrize('unpacked', [False, True])
def test_the_current_format(path, weights, unpacked):
    save(path, HEADER, *layers(weights, unpacked=unpacked))
    assert_same(read_caffemodel(path), weights)


def test_the_old_format(path, weights):
    save(path, *layers(weights, old_layer, legacy=True))
    fc6 = weights['fc6.weight'][None, None]
    assert_same(read_caffemodel(path), weights | {'fc6.weight': fc6})


@pytest.mark.parametrize('unpacked', [False, True])
def test_double_precision(path, weights, unpacked):
    doubles = {key: value.double() for key, value in weights.items()}
    save(path, *layers(doubles, unpacked=unpacked))
    assert_same(read_caffemodel(path), doubles)


def test_layers_without_weights_and_unknown_fields_are_passed_over(path):
    values = torch.randn(2, 3)
    diff = field(6, packed(values)) + field(99, b'?') + field(98, b'8 bytes.', FIXED64)
    save(
        path, HEADER, layer('relu'), layer('scale', blob(values) + diff), layer('loss')
    )
    assert_same(read_caffemodel(path), {'scale.weight': values})


def test_a_third_blob_has_a_name(path):
    values = [torch.randn(3), torch.randn(3), torch.ones(1)]
    save(path, layer('bn', *map(blob, values)))
    names = ['bn.weight', 'bn.bias', 'bn.blob2']
    assert_same(read_caffemodel(path), dict(zip(names, values, strict=True)))


def test_a_scalar(path):
    save(path, layer('scale', field(7, b'') + field(5, packed(torch.tensor(2.0)))))
    assert_same(read_caffemodel(path), {'scale.weight': torch.tensor(2.0)})


def test_what_was_read_can_be_written_to(path):
    save(path, layer('scale', blob(torch.zeros(3))))
    read_caffemodel(path)['scale.weight'].add_(1)
    assert not read_caffemodel(path)['scale.weight'].any()


def test_every_file_cut_off_inside_a_layer_is_refused(path, weights):
    first, *_ = layers({k: v for k, v in weights.items() if 'conv' in k})
    whole = HEADER + first
    for length in range(len(HEADER) + 1, len(whole)):
        save(path, whole[:length])
        with pytest.raises(ValueError, match=r'net\.caffemodel is no whole.* byte \d+'):
            read_caffemodel(path)


@pytest.mark.parametrize(
    'wrong',
    [
        field(100, 3, VARINT),
        field(100, field(1, 3, VARINT)),
        field(100, field(7, 3, VARINT)),
        field(100, field(7, field(7, 3, VARINT))),
        field(100, field(7, field(7, field(1, b'1234', FIXED32)))),
        field(100, field(7, field(5, 3, VARINT))),
        field(100, field(7, field(1, b'1234'))),
        field(100, field(1, b'x'), 3),
        varint(0),
    ],
    ids=['layer', 'name', 'blob', 'shape', 'dim', 'data', 'num', 'group', 'number 0'],
)
def test_control_another_wire_type_is_refused(path, wrong):
    save(path, layer('conv1_1', blob(torch.zeros(3))), wrong)
    with pytest.raises(ValueError, match=r'net\.caffemodel is no whole.* byte \d+'):
        read_caffemodel(path)


def test_control_a_blob_of_another_size_is_refused(path):
    content = blob(torch.zeros(6)).replace(varint(6), varint(5), 1)
    with pytest.raises(ValueError, match=r'24 bytes, its shape is \(5,\)'):
        read_caffemodel(save(path, layer('conv1_1', content)))


def test_two_layers_of_one_name_are_refused(path):
    twice = [layer('conv1_1', blob(torch.zeros(3)))] * 2
    with pytest.raises(ValueError, match="second layer is called 'conv1_1'"):
        read_caffemodel(save(path, *twice))


@pytest.mark.parametrize('content', [b'', HEADER, layer('relu')])
def test_a_file_without_weights_is_refused(path, content):
    with pytest.raises(
        ValueError, match=r'net\.caffemodel holds no layer with weights'
    ):
        read_caffemodel(save(path, content))


@pytest.mark.parametrize('kind', ['torch', 'prototxt', 'zeros', 'page'])
def test_a_foreign_file_is_refused(path, kind):
    if kind == 'torch':
        torch.save({'conv1_1.weight': torch.zeros(9)}, path)
    else:
        text = {'prototxt': b'name: "FCN"\nlayer {\n', 'zeros': bytes(64)}
        save(path, text.get(kind, b'<!DOCTYPE html><html><body>404</body></html>'))
    with pytest.raises(ValueError, match=r'net\.caffemodel is no whole'):
        read_caffemodel(path)


def test_a_missing_file_is_named(path):
    with pytest.raises(FileNotFoundError, match=r'net\.caffemodel'):
        read_caffemodel(path)
