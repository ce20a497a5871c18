"""The pipelines of every config fit one another and the loaders.

A config that changes a pipeline or a size must change all that depends on it: mmengine
replaces lists as a whole, and a loader keeps the pipeline of the file that defined it.
"""

from pathlib import Path

import pytest

from tests.contracts.test_every_config import ROOT, SEGMENTORS, datasets_of, load

DATASETS = [
    path
    for path in sorted((ROOT / '_base_/datasets').glob('*.py'))
    if path.stem != 'imagenet_224x224'  # for classifiers
]
LABEL_STEPS = ('mmseg_plugins.LoadLabels', 'LoadAnnotations')
every_config = pytest.mark.parametrize(
    'path', DATASETS + SEGMENTORS, ids=lambda path: path.stem
)


def label_steps(pipeline: list[dict]) -> list[dict]:
    return [step for step in pipeline if step.type in LABEL_STEPS]


@every_config
def test_loaders_use_the_pipelines_of_the_config(path: Path):
    cfg = load(path)
    for split in ('train', 'val', 'test'):
        pipeline = cfg.train_pipeline if split == 'train' else cfg.test_pipeline
        for dataset in datasets_of(cfg[f'{split}_dataloader']):
            assert dataset.pipeline == pipeline, split


@every_config
def test_pipelines_load_labels_alike_and_test_them_at_their_own_size(path: Path):
    cfg = load(path)
    load_labels = label_steps(cfg.test_pipeline)
    assert len(load_labels) == 1
    assert label_steps(cfg.tta_pipeline[1].transforms[2]) == load_labels
    if cfg.train_pipeline[1].type != 'mmseg_plugins.LoadSyntheticScene':
        assert label_steps(cfg.train_pipeline) == load_labels
    after_labels = cfg.test_pipeline[cfg.test_pipeline.index(load_labels[0]) :]
    assert 'Resize' not in [step.type for step in after_labels]


@every_config
def test_multi_scale_test_includes_the_size_of_the_plain_test(path: Path):
    cfg = load(path)
    plain = [step for step in cfg.test_pipeline if step.type == 'Resize']
    # Views with scale_factor count from the size of the image.
    views = [step for step in cfg.tta_pipeline[1].transforms[0] if 'scale' in step]
    assert not views or plain[0] in views
