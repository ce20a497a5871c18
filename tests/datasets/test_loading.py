import numpy as np
import pytest
from mmcv.transforms import LoadImageFromFile
from mmengine.dataset import Compose
from mmseg.datasets.transforms import LoadAnnotations
from PIL import Image

from mmseg_plugins.datasets.loading import LoadLabels
from mmseg_plugins.registry import TRANSFORMS

LABELS = np.array([[0, 1, 2, 255], [3, 10, 9, 8]], np.uint8)


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'frame.png'


def load(path, labels=None, num_classes=11, label_map=None, reduce=False, **kwargs):
    if labels is not None:
        Image.fromarray(labels).save(path)
    results = dict(
        seg_map_path=str(path),
        label_map=label_map,
        reduce_zero_label=reduce,
        seg_fields=[],
        **kwargs,
    )
    return LoadLabels(num_classes=num_classes)(results)


def test_labels_are_those_of_the_host(path):
    loaded = load(path, LABELS)
    host = LoadAnnotations()(dict(loaded, seg_fields=[]))
    np.testing.assert_array_equal(loaded['gt_seg_map'], host['gt_seg_map'])


def test_field_is_listed_once(path):
    assert load(path, LABELS)['seg_fields'] == ['gt_seg_map']


def test_a_palette_png_gives_its_indices(path):
    image = Image.fromarray(LABELS)
    image.putpalette(range(256))
    image.save(path)
    np.testing.assert_array_equal(load(path)['gt_seg_map'], LABELS)


def test_builds_by_its_scoped_name():
    transform = TRANSFORMS.build(dict(type='mmseg_plugins.LoadLabels', num_classes=2))
    assert isinstance(transform, LoadLabels)


def test_input_without_annotation_passes():
    assert LoadLabels(num_classes=11)(dict(img_path='x.jpg')) == dict(img_path='x.jpg')


def test_no_classes_is_refused():
    with pytest.raises(ValueError, match='at least 1, got 0'):
        LoadLabels(num_classes=0)


@pytest.mark.parametrize('size', [0, 20, 60], ids=['empty', 'header', 'truncated'])
def test_broken_file_is_named(path, size):
    noise = np.random.default_rng(0).integers(0, 11, (40, 40), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError, match=r'frame\.png cannot be decoded'):
        load(path)


def test_broken_file_is_named_with_opencv_too(path):
    path.write_bytes(b'not an image')
    transform = LoadLabels(num_classes=11, imdecode_backend='cv2')
    with pytest.raises(ValueError, match=r'frame\.png cannot be decoded'):
        transform(dict(seg_map_path=str(path)))


def test_missing_file_is_named(path):
    with pytest.raises(ValueError, match=r'frame\.png cannot be decoded'):
        load(path)


def test_label_of_no_class_is_named(path):
    with pytest.raises(ValueError, match=r'frame\.png holds label 9, 10, .*classes=9'):
        load(path, LABELS, num_classes=9)


def test_number_of_labels_shown_is_bounded(path):
    with pytest.raises(ValueError, match=r'label 11, .*, 18, \.\.\., which'):
        load(path, np.arange(200, dtype=np.uint8)[None].repeat(2, 0))


def test_sixteen_bit_label_is_not_wrapped(path):
    with pytest.raises(ValueError, match='holds label 256'):
        load(path, LABELS.astype(np.uint16) + np.uint16(256) * (LABELS == 0))


def test_the_host_alone_wraps_it(path):
    """Control: without the check, 256 is class 0."""
    Image.fromarray(np.full((2, 4), 256, np.uint16)).save(path)
    results = dict(seg_map_path=str(path), reduce_zero_label=False, seg_fields=[])
    assert not LoadAnnotations()(results)['gt_seg_map'].any()


def test_another_ignore_index(path):
    transform = LoadLabels(num_classes=11, ignore_index=200)
    Image.fromarray(LABELS).save(path)
    results = dict(seg_map_path=str(path), reduce_zero_label=False, seg_fields=[])
    with pytest.raises(ValueError, match='holds label 255'):
        transform(results)


def test_colours_are_refused(path):
    with pytest.raises(ValueError, match=r'frame\.png has 3 channels.*camvid\.py'):
        load(path, np.zeros((2, 4, 3), np.uint8))


def test_another_size_than_the_image_is_refused(path):
    with pytest.raises(ValueError, match=r'png is 2 x 4, but its image is 6 x 8'):
        load(path, LABELS, ori_shape=(6, 8))


def test_a_resized_image_is_no_other_size(path):
    loaded = load(path, LABELS, ori_shape=(2, 4), img_shape=(4, 8))
    assert loaded['gt_seg_map'].shape == (2, 4)


def test_label_map_is_applied_before_the_check(path):
    label_map = {old: 255 for old in range(11)} | {3: 0}
    labels = load(path, LABELS, num_classes=1, label_map=label_map)['gt_seg_map']
    assert np.flatnonzero(labels == 0).tolist() == [4]


def test_label_outside_the_label_map_is_named(path):
    with pytest.raises(ValueError, match='holds label 40'):
        load(path, LABELS * 0 + 40, label_map={old: 0 for old in range(11)})


def test_reduce_zero_label_is_applied_before_the_check(path):
    labels = load(path, LABELS, num_classes=10, reduce=True)['gt_seg_map']
    assert labels.tolist() == [[255, 0, 1, 255], [2, 9, 8, 7]]


def test_reduced_label_is_named_as_stored(path):
    with pytest.raises(ValueError, match='holds label 10, which'):
        load(path, LABELS, num_classes=9, reduce=True)


def test_host_names_a_corrupt_jpeg(tmp_path):
    (tmp_path / 'bad.jpg').write_bytes(b'not an image')
    with pytest.raises(AssertionError, match=r'failed to load image: .*bad\.jpg'):
        Compose([LoadImageFromFile()])(dict(img_path=str(tmp_path / 'bad.jpg')))
