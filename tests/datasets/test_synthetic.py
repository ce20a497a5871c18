from pathlib import Path

import numpy as np
import pytest
from mmengine import fileio
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmseg.registry import DATASETS

from mmseg_plugins.datasets.scenes import CLASSES, PALETTE, render_scene
from mmseg_plugins.datasets.synthetic import SyntheticSceneDataset

SIZE = (48, 64)
LOAD = [dict(type='mmseg_plugins.LoadSyntheticScene')]
PACK = [*LOAD, dict(type='PackSegInputs')]
HOST_LOAD = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
CONFIG = Path(__file__).parents[2] / 'configs/_base_/datasets/synthetic_scenes.py'


@pytest.fixture(autouse=True)
def _scope():
    with DefaultScope.overwrite_default_scope('mmseg'):
        yield


def make(num_scenes=4, pipeline=LOAD, **kwargs):
    kwargs = dict(size=SIZE, first_seed=10) | kwargs
    return SyntheticSceneDataset(num_scenes, pipeline=pipeline, **kwargs)


@pytest.mark.parametrize('metainfo', [None, dict(classes=('sky', 'person', 'car'))])
def test_entry_is_the_scene_of_its_seed(metainfo):
    dataset = make(metainfo=metainfo)
    entry, (image, labels) = dataset[2], render_scene(12, SIZE)
    np.testing.assert_array_equal(entry['img'], image)
    if metainfo is None:
        np.testing.assert_array_equal(entry['gt_seg_map'], labels)
        assert dataset.metainfo['classes'] == CLASSES
        assert dataset.metainfo['palette'] == PALETTE
    assert entry['img_shape'] == entry['ori_shape'] == SIZE
    assert entry['reduce_zero_label'] is False
    stock = make(metainfo=metainfo, pipeline=HOST_LOAD)[2]
    for key in ('img', 'gt_seg_map', 'img_shape', 'ori_shape', 'seg_fields'):
        np.testing.assert_array_equal(entry[key], stock[key], err_msg=key)


def test_workers_load_the_scenes_of_their_indices():
    loader = Runner.build_dataloader(
        dict(
            batch_size=2,
            num_workers=2,
            dataset=make(6, PACK),
            sampler=dict(type='DefaultSampler', shuffle=False),
        )
    )
    batches = list(loader)
    images = [image for batch in batches for image in batch['inputs']]
    samples = [sample for batch in batches for sample in batch['data_samples']]
    for seed, image, sample in zip(range(10, 16), images, samples, strict=True):
        expected, labels = render_scene(seed, SIZE)
        np.testing.assert_array_equal(image.numpy(), expected.transpose(2, 0, 1))
        np.testing.assert_array_equal(sample.gt_sem_seg.data[0].numpy(), labels)
        assert sample.img_path.endswith(f'scene_{seed:06d}.png')


def test_wrong_address_is_answered_with_the_right_form():
    with pytest.raises(FileNotFoundError, match=r'scene://192x256/scene_000000\.png'):
        fileio.get('scene://64x64/other_000001.png')


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(num_scenes=0), 'num_scenes=0: '),
        (dict(first_seed=-1), 'seed=-1: must be an integer'),
        (dict(size=(16, 64)), 'size=.*: must be two integers'),
        (dict(reduce_zero_label=True), 'reduce_zero_label=True: use False'),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**arguments)


def test_config_trains_and_validates_on_other_scenes():
    config = Config.fromfile(CONFIG)
    loaders = config.train_dataloader, config.val_dataloader
    datasets = [DATASETS.build(loader.dataset) for loader in loaders]
    train_seeds, val_seeds = (
        {entry['scene_seed'] for entry in dataset.load_data_list()}
        for dataset in datasets
    )
    assert (len(train_seeds), len(val_seeds)) == (4000, 40)
    assert not train_seeds & val_seeds
    assert datasets[0][0]['inputs'].shape == (3, 192, 256)
    assert datasets[0][0]['data_samples'].gt_sem_seg.shape == (192, 256)
