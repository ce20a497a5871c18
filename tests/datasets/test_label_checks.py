import io

import numpy as np
import pytest
from mmseg.datasets.transforms import LoadAnnotations
from PIL import Image

from mmseg_plugins.datasets.label_checks import LoadLabels
from mmseg_plugins.registry import TRANSFORMS

LABELS = np.array([[0, 1, 2, 255], [3, 10, 9, 8]], np.uint8)
ONE_CLASS = {old: 255 for old in range(11)} | {3: 0}
BINARY = dict.fromkeys(range(11), 0) | {1: 1}


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'frame.png'


def with_palette(labels):
    image = Image.fromarray(labels)
    image.putpalette([7 * value % 256 for value in range(768)])
    return image


def load(path, labels=None, label_map=None, reduce=False, size=None, **kwargs):
    """Write ``labels``, an array, an image or bytes, unless None; load the file."""
    if isinstance(labels, bytes):
        path.write_bytes(labels)
    elif labels is not None:
        image = Image.fromarray(labels) if isinstance(labels, np.ndarray) else labels
        image.save(path, 'TIFF' if image.mode == 'F' else 'PNG')
    results = dict(
        seg_map_path=str(path),
        label_map=label_map,
        reduce_zero_label=reduce,
        seg_fields=[],
    )
    if size:
        results['ori_shape'] = size
    return LoadLabels(**dict(num_classes=11) | kwargs)(results)


def test_an_image_with_a_palette_gives_its_indices(path):
    np.testing.assert_array_equal(
        load(path, with_palette(LABELS))['gt_seg_map'], LABELS
    )


@pytest.mark.parametrize(
    ('arguments', 'expected'),
    [
        (dict(reduce=True, num_classes=10), [[255, 0, 1, 255], [2, 9, 8, 7]]),
        (dict(label_map=ONE_CLASS, num_classes=1), [[255] * 4, [0, 255, 255, 255]]),
        (dict(size=(2, 4), ignore_index=255), LABELS.tolist()),
        (dict(label_map=BINARY, num_classes=1), [[0, 1, 0, 255], [0, 0, 0, 0]]),
        (dict(label_map=BINARY, num_classes=2), [[0, 1, 0, 255], [0, 0, 0, 0]]),
    ],
)
def test_right_labels_are_those_of_mmseg(path, arguments, expected):
    results = load(path, LABELS, **arguments)
    assert results['seg_fields'] == ['gt_seg_map']
    assert results['gt_seg_map'].tolist() == expected
    stock = LoadAnnotations()(dict(results, seg_fields=[]))['gt_seg_map']
    np.testing.assert_array_equal(results['gt_seg_map'], stock)


def test_results_without_annotation_pass():
    transform = TRANSFORMS.build(dict(type='mmseg_plugins.LoadLabels', num_classes=2))
    assert transform(dict(img_path='x.jpg')) == dict(img_path='x.jpg')


COLOURS = np.stack([LABELS, LABELS, 9 * LABELS], 2)
GREY = Image.fromarray(LABELS)
UINT16 = np.where(LABELS, LABELS, np.uint16(300))
MANY = np.arange(200, dtype=np.uint8)[None]
NPY = io.BytesIO()
np.save(NPY, LABELS)
TO_255 = 'set it to a class or to 255 in the file, or raise num_classes'
UINT8 = 'save integers from 0 to 255, also where a label_map follows'


@pytest.mark.parametrize(
    ('stored', 'arguments', 'message', 'fixed', 'changes'),
    [
        # What is wrong, the message, and the file and the arguments after its advice.
        (
            LABELS,
            dict(num_classes=9),
            f'label 9, 10: must be 0 to 8 or ignore_index=255; {TO_255}',
            np.where(LABELS > 8, 255, LABELS),
            {},
        ),
        (LABELS, dict(num_classes=9), TO_255, LABELS, dict(num_classes=11)),
        (LABELS, dict(num_classes=1), 'label 2, .*: must be 0 to 1', LABELS % 2, {}),
        (
            LABELS,
            dict(ignore_index=200),
            'label 255: .* ignore_index=200; set it to a class or to 200 in the file',
            np.where(LABELS == 255, 200, LABELS),
            {},
        ),
        (MANY, {}, r'label 11, .*, 18, \.\.\.: must be 0', LABELS, {}),
        (UINT16, {}, f'label 300: .* uint8; {UINT8}', LABELS, {}),
        (UINT16, dict(label_map={300: 0}), UINT8, LABELS, dict(label_map=None)),
        (LABELS + np.float32(0.7), {}, rf'label 0\.7, .*{UINT8}', LABELS, {}),
        (COLOURS, {}, r'3 channels.*camvid\.py', LABELS, {}),
        (GREY.convert('RGB'), {}, '3 channels.*save the first channel', LABELS, {}),
        (GREY.convert('RGBA'), {}, '4 channels.*save the first channel', LABELS, {}),
        (GREY.convert('LA'), {}, '2 channels.*save the first channel', LABELS, {}),
        (
            with_palette(LABELS),
            dict(imdecode_backend='cv2'),
            "3 channels.*imdecode_backend='cv2' .* set 'pillow'",
            with_palette(LABELS),
            dict(imdecode_backend='pillow'),
        ),
        (
            GREY.resize((8, 6), Image.Resampling.NEAREST),
            dict(size=(2, 4)),
            r'\(6, 8\), but its image has \(2, 4\): .*resize labels by nearest',
            GREY.resize((8, 6), 0).resize((4, 2), Image.Resampling.NEAREST),
            {},
        ),
        (NPY.getvalue(), {}, 'cannot be decoded.* save its array as a PNG', LABELS, {}),
        (None, {}, 'cannot be decoded: it is missing.*restore the file', LABELS, {}),
    ],
)
def test_a_wrong_file_is_named_and_the_advice_works(
    path, stored, arguments, message, fixed, changes
):
    with pytest.raises(ValueError, match=rf'frame\.png .*{message}'):
        load(path, stored, **arguments)
    labels = load(path, fixed, **arguments | changes)['gt_seg_map']
    np.testing.assert_array_equal(labels, np.asarray(fixed))


@pytest.mark.parametrize(('ignore_index', 'advice'), [(255, 255), (200, 201)])
def test_advice_for_labels_that_are_reduced(path, ignore_index, advice):
    labels = np.array([[1, 10], [2, advice]], np.uint8)
    arguments = dict(reduce=True, num_classes=9, ignore_index=ignore_index)
    message = f'label 10: must be 0 to 8 or .* after reduce_zero_label; .* to {advice} '
    with pytest.raises(ValueError, match=message):
        load(path, labels, **arguments)
    labels[0, 1] = advice
    labels = load(path, labels, **arguments)['gt_seg_map']
    assert labels.tolist() == [[0, ignore_index], [1, ignore_index]]


@pytest.mark.parametrize('backend', ['pillow', 'cv2'])
def test_truncated_file_is_named(path, backend):
    Image.fromarray(np.eye(40, dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ValueError, match=r'frame\.png cannot be decoded'):
        load(path, imdecode_backend=backend)


def test_num_classes_must_be_positive():
    with pytest.raises(ValueError, match='num_classes=0: must be at least 1'):
        LoadLabels(num_classes=0)


def test_the_number_of_classes_of_the_results_counts(path):
    Image.fromarray(LABELS).save(path)
    results = dict(seg_map_path=str(path), reduce_zero_label=False, seg_fields=[])
    with pytest.raises(ValueError, match='num_classes=None: give LoadLabels'):
        LoadLabels()(dict(results))
    with pytest.raises(ValueError, match='label 8, 9, 10: must be 0 to 7'):
        LoadLabels(num_classes=11)(dict(results, num_classes=8, label_map=None))
    loaded = LoadLabels()(dict(results, num_classes=11, label_map=None))
    np.testing.assert_array_equal(loaded['gt_seg_map'], LABELS)


def test_a_jpeg_is_named_as_the_cause(tmp_path):
    mask = Image.fromarray(np.tile(LABELS, (4, 4)))
    mask.save(tmp_path / 'a.jpg')
    with pytest.raises(ValueError, match=r'a\.jpg holds .*save masks as PNG'):
        load(tmp_path / 'a.jpg')
    mask.save(tmp_path / 'a.png')
    load(tmp_path / 'a.png')
