import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine import fileio
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmseg.registry import DATASETS

from mmseg_plugins.datasets.scenes import CLASSES, PALETTE, Label, render_scene
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


def seeds(dataset):
    return [dataset[i]['scene_seed'] for i in range(len(dataset))]


@pytest.mark.parametrize('metainfo', [None, dict(classes=('sky', 'person', 'car'))])
def test_entry_is_the_scene_of_its_seed(metainfo):
    entry = make(metainfo=metainfo)[2]
    image, labels = render_scene(12, SIZE)
    np.testing.assert_array_equal(entry['img'], image)
    if metainfo is None:
        np.testing.assert_array_equal(entry['gt_seg_map'], labels)
    assert entry['img_shape'] == entry['ori_shape'] == SIZE
    assert entry['reduce_zero_label'] is False
    stock = make(metainfo=metainfo, pipeline=HOST_LOAD)[2]
    for key in ('img', 'gt_seg_map', 'img_shape', 'ori_shape', 'seg_fields'):
        np.testing.assert_array_equal(entry[key], stock[key], err_msg=key)


def test_a_subset_of_the_classes_can_be_chosen():
    metainfo = make().metainfo
    assert (metainfo['classes'], metainfo['palette']) == (CLASSES, PALETTE)
    subset = make(metainfo=dict(classes=('car', 'road')))
    assert subset.metainfo['palette'] == [PALETTE[Label.CAR], PALETTE[Label.ROAD]]
    labels = render_scene(10, SIZE)[1]
    expected = np.full(SIZE, 255, np.uint8)
    expected[labels == Label.CAR] = 0
    expected[labels == Label.ROAD] = 1
    np.testing.assert_array_equal(subset[0]['gt_seg_map'], expected)


@pytest.mark.parametrize('num_workers', [0, 2])
def test_workers_load_the_scenes_of_their_indices(num_workers):
    loader = Runner.build_dataloader(
        dict(
            batch_size=2,
            num_workers=num_workers,
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


@pytest.mark.parametrize('serialize_data', [True, False])
@pytest.mark.parametrize('lazy_init', [True, False])
def test_dataset_works_lazy_and_serialized(serialize_data, lazy_init):
    dataset = make(serialize_data=serialize_data, lazy_init=lazy_init)
    dataset.full_init()
    assert seeds(dataset) == [10, 11, 12, 13]
    assert dataset[0]['seg_fields'] == ['gt_seg_map']  # loading left no trace


def test_files_of_scenes_can_be_read_though_none_is_on_disk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = make().get_data_info(2)['img_path']
    assert os.path.basename(path) == 'scene_000012.png'
    image = cv2.imdecode(np.frombuffer(fileio.get(path), np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(image, render_scene(12, SIZE)[0])
    make(pipeline=PACK)[0]
    make(pipeline=HOST_LOAD)[0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('path', ['scene://1.png', 'scene://64x64/other_000001.png'])
def test_wrong_address_is_answered_with_the_right_form(path):
    with pytest.raises(FileNotFoundError, match=r'scene://192x256/scene_000000\.png'):
        fileio.get(path)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        *((dict(num_scenes=n), f'num_scenes={n!r}: ') for n in (0, -1, 2.0, None)),
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
    train, val = (
        DATASETS.build(loader.dataset)
        for loader in (config.train_dataloader, config.val_dataloader)
    )
    train_seeds, val_seeds = (
        {entry['scene_seed'] for entry in dataset.load_data_list()}
        for dataset in (train, val)
    )
    assert (len(train_seeds), len(val_seeds)) == (4000, 40)
    assert not train_seeds & val_seeds
    assert train[0]['inputs'].shape == (3, 192, 256)
    assert train[0]['data_samples'].gt_sem_seg.shape == (192, 256)


def test_config_augments_a_test_scene_and_keeps_its_labels():
    config = Config.fromfile(CONFIG)
    entry = make(size=(192, 256)).get_data_info(0)
    views = Compose(config.tta_pipeline)(entry)
    labels = render_scene(10)[1]
    assert len(views['inputs']) == 6
    for sample in views['data_samples']:
        np.testing.assert_array_equal(sample.gt_sem_seg.data[0].numpy(), labels)
