import numpy as np
import pytest
from mmseg.datasets.transforms import LoadAnnotations
from PIL import Image

from mmseg_plugins.datasets.label_checks import LoadLabels
from mmseg_plugins.registry import TRANSFORMS

LABELS = np.array([[0, 1, 2, 255], [3, 10, 9, 8]], np.uint8)
ONE_CLASS = {old: 255 for old in range(11)} | {3: 0}


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'frame.png'


def load(path, labels=None, label_map=None, reduce=False, size=None, **kwargs):
    """Write ``labels`` unless they are None, and load the file."""
    if labels is not None:
        Image.fromarray(labels).save(path)
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
    image = Image.fromarray(LABELS)
    image.putpalette(range(256))
    image.save(path)
    np.testing.assert_array_equal(load(path)['gt_seg_map'], LABELS)


@pytest.mark.parametrize(
    ('arguments', 'expected'),
    [
        (dict(reduce=True, num_classes=10), [[255, 0, 1, 255], [2, 9, 8, 7]]),
        (dict(label_map=ONE_CLASS, num_classes=1), [[255] * 4, [0, 255, 255, 255]]),
        (dict(size=(2, 4), ignore_index=255), LABELS.tolist()),
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


@pytest.mark.parametrize(
    ('labels', 'arguments', 'message'),
    [
        (LABELS, dict(num_classes=9), r'label 9, 10: must be below num_classes=9 or'),
        (LABELS, dict(ignore_index=200), r'label 255: .* ignore_index=200'),
        (np.where(LABELS, LABELS, np.uint16(256)), {}, r'label 256: '),
        (np.arange(200, dtype=np.uint8)[None], {}, r'label 11, .*, 18, \.\.\.: '),
        (np.zeros((2, 4, 3), np.uint8), {}, r'has 3 channels.*camvid\.py'),
        (LABELS, dict(size=(6, 8)), r'\(2, 4\), but its image has \(6, 8\)'),
        (None, {}, r'cannot be decoded'),
    ],
)
def test_wrong_files_are_named(path, labels, arguments, message):
    with pytest.raises(ValueError, match=rf'frame\.png .*{message}'):
        load(path, labels, **arguments)


@pytest.mark.parametrize('backend', ['pillow', 'cv2'])
def test_truncated_file_is_named(path, backend):
    Image.fromarray(np.eye(40, dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ValueError, match=r'frame\.png cannot be decoded'):
        load(path, imdecode_backend=backend)


def test_num_classes_must_be_positive():
    with pytest.raises(ValueError, match='num_classes=0: must be at least 1'):
        LoadLabels(num_classes=0)
