"""The .caffemodel reader, against a writer of its own that knows only the format."""

import struct
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mmseg_plugins.converters import read_caffemodel

pytestmark = pytest.mark.one_line

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


def packed(values: Tensor) -> bytes:
    kind = 'd' if values.dtype == torch.float64 else 'f'
    return struct.pack(f'<{values.numel()}{kind}', *values.flatten().tolist())


def blob(values: Tensor, *, old: bool = False, unpacked: bool = False) -> bytes:
    """A BlobProto; the old form pads the shape with ones from the left."""
    sizes = list(values.shape)
    if old:
        sizes = [1] * (4 - len(sizes)) + sizes
        content = b''.join(field(i, n, VARINT) for i, n in enumerate(sizes, 1))
    elif unpacked:
        content = field(7, b''.join(field(1, size, VARINT) for size in sizes))
    else:
        content = field(7, field(1, b''.join(map(varint, sizes))))
    number, wire = (8, FIXED64) if values.dtype == torch.float64 else (5, FIXED32)
    if not unpacked:
        return content + field(number, packed(values))
    return content + b''.join(field(number, packed(v), wire) for v in values.flatten())


def layer(name: str, *blobs: bytes) -> bytes:
    """A LayerParameter with fields that the reader must skip."""
    content = field(1, name.encode()) + field(2, b'Convolution') + field(3, b'below')
    content += b''.join(field(7, content) for content in blobs)
    return field(100, content + field(10, 1, VARINT) + field(106, field(1, 64, VARINT)))


def old_layer(name: str, *blobs: bytes) -> bytes:
    """A V1LayerParameter, its blobs before its name."""
    content = b''.join(field(6, content) for content in blobs)
    content += field(7, struct.pack('<f', 2.0), FIXED32) + field(5, 4, VARINT)
    return field(2, content + field(4, name.encode()))


HEADER = field(1, b'a net') + field(5, 1, VARINT)


def layers(weights: dict, make=layer, **form) -> list[bytes]:
    """Layers with a weight and perhaps a bias."""
    blobs: dict[str, list[bytes]] = {}
    for key, value in weights.items():
        blobs.setdefault(key.rpartition('.')[0], []).append(blob(value, **form))
    return [make(name, *content) for name, content in blobs.items()]


def save(path: Path, *parts: bytes) -> Path:
    path.write_bytes(b''.join(parts))
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'net.caffemodel'


@pytest.fixture
def weights():
    shapes = {'conv1_1': (5, 3, 3, 3), 'fc6': (4, 20), 'score': (300, 4, 1, 1)}
    return {
        f'{name}.{slot}': torch.randn(sizes)
        for name, shape in shapes.items()
        for slot, sizes in (('weight', shape), ('bias', shape[:1]))
    }


def assert_same(actual: dict, expected: dict) -> None:
    assert list(actual) == list(expected)
    for key, value in expected.items():
        assert actual[key].dtype == value.dtype
        assert torch.equal(actual[key], value), key


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize('unpacked', [False, True])
def test_the_current_format(path, weights, unpacked, dtype):
    weights = {key: value.to(dtype) for key, value in weights.items()}
    save(path, HEADER, *layers(weights, unpacked=unpacked))
    assert_same(read_caffemodel(path), weights)


def test_the_old_format(path, weights):
    save(path, *layers(weights, old_layer, old=True))
    weights['fc6.weight'] = weights['fc6.weight'][None, None]
    assert_same(read_caffemodel(path), weights)


def test_other_fields_and_other_numbers_of_blobs(path):
    values = [torch.randn(3), torch.randn(3), torch.ones(1)]
    extra = field(6, b'diff') + field(99, b'?') + field(98, b'8 bytes.', FIXED64)
    bn = layer('bn', blob(values[0]) + extra, *map(blob, values[1:]))
    scalar = layer('scalar', field(7, b'') + field(5, packed(torch.tensor(2.0))))
    save(path, HEADER, layer('relu'), bn, scalar, layer('loss'))
    names = ['bn.weight', 'bn.bias', 'bn.blob2', 'scalar.weight']
    expected = dict(zip(names, [*values, torch.tensor(2.0)], strict=True))
    read = read_caffemodel(path)
    assert_same(read, expected)
    read['bn.weight'].add_(1)  # it is no view of the file
    assert_same(read_caffemodel(path), expected)


INCOMPLETE = r'net\.caffemodel is not a complete \.caffemodel with weights: download'


def test_every_file_cut_off_inside_a_layer_is_refused(path, weights):
    whole = HEADER + layers(weights)[0]
    for length in range(len(HEADER) + 1, len(whole)):
        with pytest.raises(ValueError, match=INCOMPLETE):
            read_caffemodel(save(path, whole[:length]))


#: Fields that are not what the format has in their place.
WRONG = {
    'layer': field(100, 3, VARINT),
    'name': field(100, field(1, 3, VARINT)),
    'blob': field(100, field(7, 3, VARINT)),
    'shape': field(100, field(7, field(7, 3, VARINT))),
    'dim': field(100, field(7, field(7, field(1, b'1234', FIXED32)))),
    'data': field(100, field(7, field(5, 3, VARINT))),
    'num': field(100, field(7, field(1, b'1234'))),
    'group': field(100, field(1, b'x'), 3),
    'number 0': field(0, b''),
    'second layer of the name': layer('conv1_1', blob(torch.zeros(3))),
    'size': layer('b', field(7, field(1, varint(5))) + field(5, bytes(24))),
    'axes': layer('b', field(7, field(1, varint(1) * 33)) + field(5, bytes(4))),
}


@pytest.mark.parametrize('wrong', WRONG.values(), ids=WRONG)
def test_a_wrong_field_is_refused(path, wrong):
    right = layer('conv1_1', blob(torch.zeros(3)))
    read_caffemodel(save(path, right))  # control
    with pytest.raises(ValueError, match=INCOMPLETE):
        read_caffemodel(save(path, right, wrong))


@pytest.mark.parametrize(
    'content', [b'', HEADER, layer('relu'), b'name: "FCN"\n', bytes(64), b'<!DOCTYPE>']
)
def test_a_file_of_another_kind_is_refused(path, content):
    with pytest.raises(FileNotFoundError, match=r'net\.caffemodel'):
        read_caffemodel(path)
    with pytest.raises(ValueError, match=INCOMPLETE):
        read_caffemodel(save(path, content))
