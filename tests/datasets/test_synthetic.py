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
from mmseg.registry import DATASETS, TRANSFORMS

from mmseg_plugins.datasets.scenes import CLASSES, PALETTE, Label, render_scene
from mmseg_plugins.datasets.synthetic import LoadSyntheticScene, SyntheticSceneDataset

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


def batches(num_workers):
    loader = Runner.build_dataloader(
        dict(
            batch_size=2,
            num_workers=num_workers,
            dataset=make(6, PACK),
            sampler=dict(type='DefaultSampler', shuffle=False),
        )
    )
    return list(loader)


def fields(batch):
    """The bytes of all images and labels of a batch, and the names."""
    samples = batch['data_samples']
    return [
        *(image.numpy().tobytes() for image in batch['inputs']),
        *(sample.gt_sem_seg.data.numpy().tobytes() for sample in samples),
        *(sample.img_path for sample in samples),
    ]


def test_entry_is_the_scene_of_its_seed():
    image, labels = render_scene(12, SIZE)
    entry = make()[2]
    np.testing.assert_array_equal(entry['img'], image)
    np.testing.assert_array_equal(entry['gt_seg_map'], labels)


def test_entry_has_what_the_host_asks_for():
    entry = make()[0]
    assert entry['img_shape'] == entry['ori_shape'] == SIZE
    assert entry['seg_fields'] == ['gt_seg_map']
    assert entry['reduce_zero_label'] is False


def test_loading_twice_leaves_the_entry_unchanged():
    dataset = make(serialize_data=False)
    first, second = dataset[0], dataset[0]
    assert first['seg_fields'] == second['seg_fields'] == ['gt_seg_map']


def test_metainfo_has_the_classes_and_the_palette():
    metainfo = make().metainfo
    assert (metainfo['classes'], metainfo['palette']) == (CLASSES, PALETTE)


def test_type_builds_from_the_hosts_registries():
    dataset = DATASETS.build(
        dict(type='mmseg_plugins.SyntheticSceneDataset', num_scenes=3, pipeline=LOAD)
    )
    assert len(dataset) == 3
    assert dataset[0]['img'].shape == (192, 256, 3)


def test_transform_builds_from_the_hosts_registry():
    assert isinstance(TRANSFORMS.build(LOAD[0]), LoadSyntheticScene)


@pytest.mark.parametrize('num_workers', [0, 2])
def test_workers_load_the_scenes_of_their_indices(num_workers):
    images = [image for batch in batches(num_workers) for image in batch['inputs']]
    for seed, image in zip(range(10, 16), images, strict=True):
        expected = render_scene(seed, SIZE)[0].transpose(2, 0, 1)
        np.testing.assert_array_equal(image.numpy(), expected)


def test_number_of_workers_changes_no_sample():
    assert list(map(fields, batches(0))) == list(map(fields, batches(2)))


@pytest.mark.parametrize('serialize_data', [True, False])
@pytest.mark.parametrize('lazy_init', [True, False])
def test_dataset_works_lazy_and_serialized(serialize_data, lazy_init):
    dataset = make(serialize_data=serialize_data, lazy_init=lazy_init)
    dataset.full_init()
    assert [dataset[i]['scene_seed'] for i in range(len(dataset))] == [10, 11, 12, 13]


@pytest.mark.parametrize(('indices', 'seeds'), [(2, [10, 11]), ([3, 0], [13, 10])])
def test_indices_choose_scenes(indices, seeds):
    dataset = make(indices=indices)
    assert [dataset[i]['scene_seed'] for i in range(len(dataset))] == seeds


def test_subset_of_classes_maps_the_labels():
    labels = make(metainfo=dict(classes=('car', 'road')))[0]['gt_seg_map']
    whole = render_scene(10, SIZE)[1]
    expected = np.full(SIZE, 255, np.uint8)
    expected[whole == Label.CAR] = 0
    expected[whole == Label.ROAD] = 1
    np.testing.assert_array_equal(labels, expected)


def test_subset_of_classes_takes_its_colours():
    metainfo = make(metainfo=dict(classes=('car', 'road'))).metainfo
    assert metainfo['palette'] == [PALETTE[Label.CAR], PALETTE[Label.ROAD]]


@pytest.mark.parametrize('metainfo', [None, dict(classes=('sky', 'person', 'car'))])
def test_hosts_loading_steps_load_the_same(metainfo):
    ours = make(metainfo=metainfo)[1]
    host = make(metainfo=metainfo, pipeline=HOST_LOAD)[1]
    for key in ('img', 'gt_seg_map', 'img_shape', 'ori_shape', 'seg_fields'):
        np.testing.assert_array_equal(ours[key], host[key], err_msg=key)


def test_name_of_a_scene_is_readable():
    path = make().get_data_info(2)['img_path']
    assert os.path.basename(path) == 'scene_000012.png'


def test_drawing_hook_can_read_the_image_behind_a_name():
    coded = fileio.get(make().get_data_info(2)['img_path'])
    image = cv2.imdecode(np.frombuffer(coded, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(image, render_scene(12, SIZE)[0])


@pytest.mark.parametrize('name', ['scene://1.png', 'scene://64x64/other_000001.png'])
def test_wrong_name_is_told_the_right_form(name):
    with pytest.raises(FileNotFoundError, match=r'scene://192x256/scene_000000\.png'):
        fileio.get(name)


def test_nothing_is_written_to_disk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make(pipeline=PACK)[0]
    make(pipeline=HOST_LOAD)[0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('num_scenes', [0, -1, 2.0, None])
def test_num_scenes_must_be_positive(num_scenes):
    with pytest.raises(ValueError, match=f'num_scenes is {num_scenes!r}'):
        make(num_scenes)


def test_first_seed_must_not_be_negative():
    with pytest.raises(ValueError, match='seed is -1'):
        make(first_seed=-1)


def test_size_must_not_be_small():
    with pytest.raises(ValueError, match='whole numbers from 32 up'):
        make(size=(16, 64))


def test_reduce_zero_label_is_refused():
    with pytest.raises(ValueError, match='reduce_zero_label is True'):
        make(reduce_zero_label=True)


def test_config_holds_out_seeds_that_no_training_scene_has():
    config = Config.fromfile(CONFIG)
    train, held_out = (
        {
            entry['scene_seed']
            for entry in DATASETS.build(loader.dataset).load_data_list()
        }
        for loader in (config.train_dataloader, config.val_dataloader)
    )
    assert (len(train), len(held_out)) == (4000, 40)
    assert not train & held_out


def test_config_loads_and_packs_a_training_sample():
    config = Config.fromfile(CONFIG)
    sample = DATASETS.build(config.train_dataloader.dataset)[0]
    assert sample['inputs'].shape == (3, 192, 256)
    assert sample['data_samples'].gt_sem_seg.shape == (192, 256)


def test_config_augments_a_test_scene_and_keeps_its_labels():
    config = Config.fromfile(CONFIG)
    entry = make(size=(192, 256)).get_data_info(0)
    views = Compose(config.tta_pipeline)(entry)
    labels = render_scene(10)[1]
    assert len(views['inputs']) == 6
    for sample in views['data_samples']:
        np.testing.assert_array_equal(sample.gt_sem_seg.data[0].numpy(), labels)
