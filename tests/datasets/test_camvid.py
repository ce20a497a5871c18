import os
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope
from PIL import Image

from mmseg_plugins.datasets.camvid import CamVidDataset
from mmseg_plugins.registry import DATASETS

REPOSITORY = Path(__file__).parents[2]
CAMVID = Path(os.environ.get('CAMVID_ROOT', REPOSITORY / 'data' / 'camvid'))
CONFIG = REPOSITORY / 'configs' / '_base_' / 'datasets' / 'camvid_360x480.py'
TRAIN_SHARES = (17.5, 24.2, 1.0, 33.0, 4.7, 10.1, 1.2, 1.2, 6.1, 0.7, 0.3)

needs_camvid = pytest.mark.skipif(
    not CAMVID.is_dir(),
    reason=f'CamVid is not at {CAMVID}: set CAMVID_ROOT to its folder',
)


@pytest.fixture
def root(tmp_path):
    for split in ('train', 'val', 'test'):
        images, labels = tmp_path / 'images' / split, tmp_path / 'annotations' / split
        images.mkdir(parents=True)
        labels.mkdir(parents=True)
        for name in ('b', 'a'):
            Image.new('RGB', (8, 6)).save(images / f'{name}.jpg')
            Image.fromarray(np.full((6, 8), 3, np.uint8)).save(labels / f'{name}.png')
    return tmp_path


def make(root, split='train', **kwargs):
    prefix = dict(img_path=f'images/{split}', seg_map_path=f'annotations/{split}')
    return CamVidDataset(data_root=str(root), data_prefix=prefix, **kwargs)


def test_frames_are_paired_and_sorted(root):
    pairs = [
        (Path(frame['img_path']).name, Path(frame['seg_map_path']).name)
        for frame in make(root)
    ]
    assert pairs == [('a.jpg', 'a.png'), ('b.jpg', 'b.png')]


def test_eleven_classes_each_with_a_colour_of_its_own():
    colors = {tuple(color) for color in CamVidDataset.METAINFO['palette']}
    assert len(CamVidDataset.METAINFO['classes']) == len(colors) == 11


def test_a_subset_of_the_classes_can_be_chosen(root):
    dataset = make(root, metainfo=dict(classes=('Road', 'Car')))
    assert dataset.metainfo['palette'] == [[128, 64, 128], [64, 0, 128]]


def test_missing_data_root_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'data root .*nowhere does not exist'):
        make(tmp_path / 'nowhere')


@pytest.mark.parametrize('kind', ['images', 'annotations'])
def test_missing_folder_is_named(root, kind):
    (root / kind / 'val').rename(root / 'away')
    with pytest.raises(FileNotFoundError, match=rf'{kind}/val does not exist'):
        make(root, 'val')


def test_no_image_of_that_suffix_is_an_error(root):
    with pytest.raises(ValueError, match=r'no image \*\.png in .*images/train'):
        make(root, img_suffix='.png')


def test_image_without_annotation_is_named_and_counted(root):
    (root / 'annotations' / 'train' / 'b.png').unlink()
    with pytest.raises(FileNotFoundError, match=r'1 of 2 images .*train/b\.jpg'):
        make(root)


def test_image_of_no_bytes_is_named(root):
    (root / 'images' / 'train' / 'b.jpg').write_bytes(b'')
    with pytest.raises(ValueError, match=r'images/train/b\.jpg is empty'):
        make(root)


def test_annotations_may_be_left_out(root):
    prefix = dict(img_path='images/val')
    dataset = CamVidDataset(data_root=str(root), data_prefix=prefix)
    assert 'seg_map_path' not in dataset[0]


def test_a_list_file_chooses_frames(root):
    (root / 'few.txt').write_text('b\n')
    assert [Path(f['img_path']).stem for f in make(root, ann_file='few.txt')] == ['b']


@pytest.mark.parametrize('split', ['train', 'val', 'test'])
def test_config_reads_each_split(root, split):
    cfg = Config.fromfile(CONFIG)[f'{split}_dataloader'].dataset
    with DefaultScope.overwrite_default_scope('mmseg'):
        sample = DATASETS.build(dict(cfg, data_root=str(root)))[0]
    assert sample['data_samples'].gt_sem_seg.data.unique().tolist() == [3]


@pytest.mark.parametrize('split', ['train', 'val', 'test'])
def test_config_reads_the_split_it_says(split):
    prefix = Config.fromfile(CONFIG)[f'{split}_dataloader'].dataset.data_prefix
    assert prefix == dict(
        img_path=f'images/{split}', seg_map_path=f'annotations/{split}'
    )


@needs_camvid
@pytest.mark.parametrize(
    ('split', 'count'), [('train', 367), ('val', 101), ('test', 233)]
)
def test_camvid_has_the_usual_split(split, count):
    assert len(make(CAMVID, split)) == count


@pytest.fixture(scope='module')
def train_counts():
    """Pixels of each stored value over the train split."""
    return sum(
        np.bincount(np.array(Image.open(frame['seg_map_path'])).ravel(), minlength=256)
        for frame in make(CAMVID)
    )


@needs_camvid
def test_camvid_holds_the_eleven_classes_and_void_only(train_counts):
    assert np.flatnonzero(train_counts).tolist() == [*range(11), 255]


@needs_camvid
def test_camvid_class_shares(train_counts):
    shares = 100 * train_counts[:11] / train_counts[:11].sum()
    np.testing.assert_allclose(shares, TRAIN_SHARES, rtol=0, atol=0.1)


@needs_camvid
def test_camvid_class_shares_tell_classes_apart(train_counts):
    """Control: with two classes exchanged the shares must not fit."""
    counts = train_counts[[0, 1, 2, 4, 3, 5, 6, 7, 8, 9, 10]]
    assert np.abs(100 * counts / counts.sum() - TRAIN_SHARES).max() > 0.1
