"""Weights out of Caffe's ``.caffemodel`` files, without Caffe and without protobuf.

Field numbers: BVLC/caffe, src/caffe/proto/caffe.proto. The wire format: a message is a
row of fields, each a varint of 8 * number + wire type, then the content.
"""

import math
import os
from collections.abc import Iterator
from io import BufferedReader

import torch
from torch import Tensor

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED_LENGTH = {_FIXED64: 8, _FIXED32: 4}
#: NetParameter's fields of layers -> the fields of name and blobs in such a layer.
_LAYERS = {100: (1, 7), 2: (4, 6)}  # LayerParameter, V1LayerParameter
_LEGACY_SHAPE = {1: 0, 2: 1, 3: 2, 4: 3}  # num, channels, height, width
_SHAPE, _DATA, _DOUBLE_DATA = 7, 5, 8
_DIM = 1
_SLOTS = ('weight', 'bias')


def read_caffemodel(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Read the weights of a ``.caffemodel`` file, of the current or the old format.

    The file is streamed: the memory it takes is that of the weights.

    Args:
        path: Of the file.

    Returns:
        ``<layer>.weight`` and ``<layer>.bias``, a layer's first and second blob, in the
        file's order; a third, as batch norms have, is ``<layer>.blob2``. Shapes are
        Caffe's, but for biases of 1 x 1 x 1 x N, which become (N,).

    Raises:
        ValueError: If the file is cut off or no ``.caffemodel``.
    """
    weights: dict[str, Tensor] = {}
    with open(path, 'rb') as file:
        try:
            for number, wire, length in _fields(file, os.fstat(file.fileno()).st_size):
                if number in _LAYERS:
                    end = _end_of(file, number, wire, length)
                    _read_layer(file, end, *_LAYERS[number], weights)
        except ValueError as error:
            raise ValueError(
                f'{path} is no whole .caffemodel, at {error}: download it again, or '
                'give the file that the net was saved to as binary protobuf'
            ) from error
    if not weights:
        raise ValueError(
            f'{path} holds no layer with weights: give the .caffemodel, not the '
            'prototxt; upgrade a file of before 2014 with upgrade_net_proto_binary'
        )
    return weights


def _read_layer(
    file: BufferedReader, end: int, name_field: int, blob_field: int, weights: dict
) -> None:
    name, blobs = '', []
    for number, wire, length in _fields(file, end):
        if number == name_field:
            stop = _end_of(file, number, wire, length)
            name = file.read(stop - file.tell()).decode(errors='backslashreplace')
        elif number == blob_field:
            blobs.append(_read_blob(file, _end_of(file, number, wire, length)))
    for index, blob in enumerate(blobs):
        key = f'{name}.{_SLOTS[index] if index < len(_SLOTS) else f"blob{index}"}'
        if key in weights:
            raise ValueError(f'byte {end}: a second layer is called {name!r}')
        legacy_vector = blob.ndim == 4 and blob.shape[:3] == (1, 1, 1)
        weights[key] = blob.flatten() if index and legacy_vector else blob


def _read_blob(file: BufferedReader, end: int) -> Tensor:
    shape: list[int] = []
    legacy_shape: list[int] = []
    data, dtype = bytearray(), torch.float32
    for number, wire, value in _fields(file, end):
        if number in _LEGACY_SHAPE:
            legacy_shape = legacy_shape or [0] * 4
            legacy_shape[_LEGACY_SHAPE[number]] = _expect(file, wire, _VARINT, value)
        elif number == _SHAPE:
            shape += _read_dims(file, _end_of(file, number, wire, value))
        elif number in (_DATA, _DOUBLE_DATA):
            single = number == _DATA
            dtype = torch.float32 if single else torch.float64
            if wire != _BYTES:  # one number per field: not packed
                _expect(file, wire, _FIXED32 if single else _FIXED64, value)
            chunk = bytearray(value)
            file.readinto(chunk)
            if data:
                data += chunk
            else:  # all of a packed blob: weights are too large to hold twice
                data = chunk
    shape = legacy_shape or shape
    if not data or math.prod(shape) * dtype.itemsize != len(data):
        raise ValueError(
            f'byte {end}: a blob has {len(data)} bytes, its shape is {tuple(shape)}, '
            f'its type {dtype}'
        )
    return torch.frombuffer(data, dtype=dtype).view(shape)


def _read_dims(file: BufferedReader, end: int) -> list[int]:
    dims = []
    for number, wire, value in _fields(file, end):
        if number == _DIM and wire == _BYTES:
            stop = file.tell() + value
            while file.tell() < stop:
                dims.append(_read_varint(file, stop))
        elif number == _DIM:
            dims.append(_expect(file, wire, _VARINT, value))
    return dims


def _fields(file: BufferedReader, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield (number, wire type, value or length) with the file at the content."""
    while (start := file.tell()) < end:
        number, wire = divmod(_read_varint(file, end), 8)
        if not number or wire not in (_VARINT, _BYTES, *_FIXED_LENGTH):
            raise ValueError(f'byte {start}: field {number} of wire type {wire}')
        if wire == _VARINT:
            value, length = _read_varint(file, end), 0
        else:
            value = length = _FIXED_LENGTH.get(wire) or _read_varint(file, end)
        after = file.tell() + length
        if after > end:
            raise ValueError(
                f'byte {start}: {length} bytes are announced, {end - file.tell()} left'
            )
        yield number, wire, value
        file.seek(after)


def _read_varint(file: BufferedReader, end: int) -> int:
    value, start = 0, file.tell()
    for position in range(start, min(end, start + 10)):
        byte = file.read(1)[0]
        value |= (byte & 0x7F) << 7 * (position - start)
        if byte < 0x80:
            return value
    raise ValueError(f'byte {start}: a number does not end')


def _end_of(file: BufferedReader, number: int, wire: int, length: int) -> int:
    return file.tell() + _expect(file, wire, _BYTES, length)


def _expect(file: BufferedReader, wire: int, expected: int, value: int) -> int:
    if wire != expected:
        raise ValueError(f'byte {file.tell()}: wire type {wire} instead of {expected}')
    return value
