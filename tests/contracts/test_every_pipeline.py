"""The pipelines of every config fit one another and its loaders.

A config inherits a list whole, and a loader keeps the list of the file that wrote it: a
config that changes a pipeline, or a size, must change all that depend on it.
"""

import copy
import functools
from collections.abc import Callable
from pathlib import Path

import pytest
from mmengine.config import Config
from test_every_config import ROOT, SEGMENTORS, datasets_of

DATASETS = sorted((ROOT / '_base_/datasets').glob('*.py'))
OTHERS = ('loaders', 'imagenet_224x224')  # no data set, and one of classifiers
CONFIGS = [path for path in DATASETS if path.stem not in OTHERS] + SEGMENTORS
LABELS = ('mmseg_plugins.LoadLabels', 'LoadAnnotations')
every_config = pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)


@functools.cache
def load(path: Path) -> Config:
    return Config.fromfile(path)


def label_steps(pipeline: list[dict]) -> list[dict]:
    return [step for step in pipeline if step.type in LABELS]


def strange_loaders(cfg: Config) -> list[str]:
    """The splits whose loader has another pipeline than the config."""
    pipelines = dict(
        train=cfg.train_pipeline, val=cfg.test_pipeline, test=cfg.test_pipeline
    )
    return [
        split
        for split, pipeline in pipelines.items()
        for dataset in datasets_of(cfg[f'{split}_dataloader'])
        if dataset.pipeline != pipeline
    ]


def labels_are_read_alike(cfg: Config) -> bool:
    views = cfg.tta_pipeline[1].transforms
    found = [label_steps(pipeline) for pipeline in (cfg.test_pipeline, views[2])]
    if cfg.train_pipeline[0].type != 'mmseg_plugins.LoadSyntheticScene':
        found.append(label_steps(cfg.train_pipeline))
    return len(found[0]) == 1 and all(steps == found[0] for steps in found)


def labels_keep_their_size(cfg: Config) -> bool:
    types = [step.type for step in cfg.test_pipeline]
    loaded = next(i for i, name in enumerate(types) if name in LABELS)
    return 'Resize' not in types[loaded:]


def one_view_has_the_size_of_the_test(cfg: Config) -> bool:
    """Among the views at given sizes; scale factors count from the image itself."""
    resizes = [step for step in cfg.test_pipeline if step.type == 'Resize']
    sizes = [step for step in cfg.tta_pipeline[1].transforms[0] if 'scale' in step]
    return not sizes or resizes[0] in sizes


@every_config
def test_loaders_have_the_pipelines_of_their_config(path):
    assert strange_loaders(load(path)) == []


@every_config
def test_labels_are_read_alike_and_scored_at_their_own_size(path):
    assert labels_are_read_alike(load(path))
    assert labels_keep_their_size(load(path))


@every_config
def test_a_test_at_several_sizes_has_the_size_of_the_plain_test(path):
    assert one_view_has_the_size_of_the_test(load(path))


def edit(*keys: object, value: object) -> Callable[[Config], None]:
    """Make a function that puts a value into a config."""

    def apply(cfg: Config) -> None:
        for key in keys[:-1]:
            cfg = cfg[key]
        cfg[keys[-1]] = value

    return apply


LOADED = 'mmseg_plugins.LoadLabels'
SWAPPED = [dict(type=LOADED), dict(type='Resize', scale=(8, 8))]
MISFITS = [
    (strange_loaders, [], edit('train_pipeline', value=[])),
    (strange_loaders, [], edit('test_pipeline', value=[])),
    (strange_loaders, [], edit('val_dataloader', 'dataset', 'pipeline', value=[])),
    (labels_are_read_alike, True, edit('test_pipeline', 2, 'num_classes', value=12)),
    (labels_are_read_alike, True, edit('train_pipeline', 1, 'num_classes', value=12)),
    (labels_are_read_alike, True, edit('tta_pipeline', 1, 'transforms', 2, value=[])),
    (labels_keep_their_size, True, edit('test_pipeline', value=SWAPPED)),
    (
        one_view_has_the_size_of_the_test,
        True,
        edit('test_pipeline', 1, 'scale', value=(8, 8)),
    ),
]


@pytest.mark.parametrize(('check', 'good', 'change'), MISFITS)
def test_control_a_misfit_is_found(check, good, change):
    cfg = load(ROOT / '_base_/datasets/ade20k-blur_480x480.py')
    assert check(cfg) == good
    changed = copy.deepcopy(cfg)
    change(changed)
    assert check(changed) != good
