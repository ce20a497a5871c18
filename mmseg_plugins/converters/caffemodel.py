"""Weights of Caffe's ``.caffemodel`` files, read without Caffe and without protobuf.

Field numbers: BVLC/caffe, src/caffe/proto/caffe.proto. A protobuf message is a list of
fields: a varint of 8 * number + wire type, then the content.
"""

import math
import mmap
import os
from collections import defaultdict

import torch
from torch import Tensor

Fields = dict[int, list]

#: The fields of layers in NetParameter, and of name and blobs in such a layer.
_LAYER, _OLD_LAYER = (100, 1, 7), (2, 4, 6)
_OLD_SHAPE = (1, 2, 3, 4)  # num, channels, height, width
_FLOATS, _SHAPE, _DOUBLES = 5, 7, 8
_MAX_AXES = 32  # Caffe's kMaxBlobAxes
_VARINT, _BYTES = 0, 2
_FIXED_LENGTHS = {1: 8, 5: 4}  # bytes of the other wire types


def read_caffemodel(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Read the weights of a ``.caffemodel`` file, in the current or the old format.

    Returns:
        The blobs of each layer: ``<layer>.weight``, ``<layer>.bias``, and perhaps
        ``<layer>.blob2``. Shapes are Caffe's, but a bias of 1 x 1 x 1 x N becomes (N,).

    Raises:
        ValueError: If the file is not a ``.caffemodel``, or is incomplete.
    """
    weights: dict[str, Tensor] = {}
    try:
        with open(path, 'rb') as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        net = _read_fields(memoryview(content))
        for layers, name, blobs in (_LAYER, _OLD_LAYER):
            for layer in map(_read_fields, net[layers]):
                text = b''.join(layer[name]).decode(errors='backslashreplace')
                _add_blobs(text, [*map(_read_blob, layer[blobs])], weights)
        if not weights:
            raise ValueError('no layer with weights')
    except (TypeError, ValueError) as error:  # TypeError: bytes instead of an integer
        raise ValueError(
            f'{path} is not a complete .caffemodel with weights: download it again, '
            'or upgrade a file from before 2014 with upgrade_net_proto_binary'
        ) from error
    return weights


def _add_blobs(layer: str, blobs: list[Tensor], weights: dict[str, Tensor]) -> None:
    for slot, blob in zip(('weight', 'bias', 'blob2'), blobs, strict=False):
        key = f'{layer}.{slot}'
        if key in weights:
            raise ValueError(f'two layers have the name {layer!r}')
        is_old_bias = slot == 'bias' and blob.shape[:3] == (1, 1, 1)
        weights[key] = blob.flatten() if is_old_bias else blob


def _read_blob(content: memoryview) -> Tensor:
    blob = _read_fields(content)
    shape: list[int] = []
    for message in blob[_SHAPE]:
        for dims in _read_fields(message)[1]:
            shape += [dims] if isinstance(dims, int) else _unpack(dims)
    if any(blob[number] for number in _OLD_SHAPE):
        shape = [max(blob[number], default=0) for number in _OLD_SHAPE]
    dtype = torch.float32 if blob[_FLOATS] else torch.float64
    data = bytearray().join(blob[_FLOATS] or blob[_DOUBLES])
    if len(shape) > _MAX_AXES or math.prod(shape) * dtype.itemsize != len(data):
        raise ValueError(f'a blob of {len(data)} bytes and {len(shape)} axes')
    return torch.frombuffer(data, dtype=dtype).view(shape)


def _read_fields(message: memoryview) -> Fields:
    """Return the contents of each field number: integers, or bytes."""
    fields: Fields = defaultdict(list)
    start = 0
    while start < len(message):
        tag, start = _read_varint(message, start)
        number, wire = divmod(tag, 8)
        if wire == _VARINT:
            value, start = _read_varint(message, start)
            fields[number].append(value)
            continue
        length = _FIXED_LENGTHS.get(wire, -1)
        if wire == _BYTES:
            length, start = _read_varint(message, start)
        if not number or not 0 <= length <= len(message) - start:
            raise ValueError(f'field {number} of wire type {wire} is cut off')
        fields[number].append(message[start : start + length])
        start += length
    return fields


def _read_varint(message: memoryview, start: int) -> tuple[int, int]:
    """Return an integer, and the position after it."""
    value = 0
    for position, byte in enumerate(message[start : start + 10]):
        value |= (byte & 0x7F) << 7 * position
        if byte < 0x80:
            return value, start + position + 1
    raise ValueError('an integer is cut off')


def _unpack(packed: memoryview) -> list[int]:
    values, start = [], 0
    while start < len(packed):
        value, start = _read_varint(packed, start)
        values.append(value)
    return values
