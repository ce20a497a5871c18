import os
import shutil
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


@pytest.fixture
def root(tmp_path):
    """Three splits of two images in which all pixels are road."""
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
    return CamVidDataset(data_root=str(root), **dict(data_prefix=prefix) | kwargs)


def test_images_and_annotations_are_paired_and_sorted(root):
    pairs = [(entry['img_path'], entry['seg_map_path']) for entry in make(root)]
    folders = root / 'images' / 'train', root / 'annotations' / 'train'
    assert pairs == [
        (str(folders[0] / f'{name}.jpg'), str(folders[1] / f'{name}.png'))
        for name in ('a', 'b')
    ]
    assert 'seg_map_path' not in make(root, data_prefix=dict(img_path='images/val'))[0]


def test_classes_and_colours(root):
    metainfo = make(root).metainfo
    assert len(metainfo['classes']) == len(set(map(tuple, metainfo['palette']))) == 11
    subset = make(root, metainfo=dict(classes=('Road', 'Car'))).metainfo
    assert subset['palette'] == [[128, 64, 128], [64, 0, 128]]


@pytest.mark.parametrize('split', ['train', 'val', 'test'])
def test_config_reads_each_split(root, split):
    cfg = Config.fromfile(CONFIG)[f'{split}_dataloader'].dataset
    with DefaultScope.overwrite_default_scope('mmseg'):
        dataset = DATASETS.build(dict(cfg, data_root=str(root)))
    assert dataset[0]['data_samples'].gt_sem_seg.data.unique().tolist() == [3]
    for name, folder in (('img_path', 'images'), ('seg_map_path', 'annotations')):
        assert Path(dataset.data_prefix[name]) == root / folder / split


@pytest.mark.parametrize('path', ['.', 'images/val', 'annotations/val'])
def test_missing_folder_is_named(root, path):
    shutil.rmtree(root / path)
    with pytest.raises(FileNotFoundError, match=rf'=.*{root / path} does not exist'):
        make(root, 'val')


def test_incomplete_split_is_refused(root):
    with pytest.raises(ValueError, match=r'img_suffix=\.png: .*images/train has no'):
        make(root, img_suffix='.png')
    (root / 'images' / 'train' / 'a.jpg').write_bytes(b'')
    with pytest.raises(ValueError, match=r'images/train/a\.jpg is empty'):
        make(root)
    (root / 'annotations' / 'train' / 'b.png').unlink()
    with pytest.raises(FileNotFoundError, match=r'1 of 2 images .*train/b\.jpg needs'):
        make(root)


@pytest.mark.skipif(
    not CAMVID.is_dir(),
    reason=f'CamVid is not at {CAMVID}: set CAMVID_ROOT to its folder',
)
def test_camvid_has_the_usual_split_and_the_known_class_shares():
    sizes = [len(make(CAMVID, split)) for split in ('train', 'val', 'test')]
    assert sizes == [367, 101, 233]
    counts = sum(
        np.bincount(np.array(Image.open(frame['seg_map_path'])).ravel(), minlength=256)
        for frame in make(CAMVID)
    )
    assert np.flatnonzero(counts).tolist() == [*range(11), 255]
    shares = 100 * counts[:11] / counts[:11].sum()
    np.testing.assert_allclose(shares, TRAIN_SHARES, rtol=0, atol=0.1)
    shares[[3, 4]] = shares[[4, 3]]  # control: exchanged classes do not fit
    assert np.abs(shares - TRAIN_SHARES).max() > 0.1
