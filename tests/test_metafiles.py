"""The metafiles list every experiment, so that the host finds it by its name."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from mmengine.hub import get_config, get_model
from mmseg.apis import MMSegInferencer
from mmseg.models import EncoderDecoder

import mmseg_plugins  # noqa: F401

ROOT = Path(__file__).parents[1]
SMALL = 'fcn-8s_vgg13-slim_1xb8-400_scenes-192x256'
DATASETS = {  # as a config's name has them, and as a metafile has them
    'ade20k': 'ADE20K',
    'camvid': 'CamVid',
    'camvid-trainval': 'CamVid',
    'cityscapes': 'Cityscapes',
    'imagenet': 'ImageNet-1k',
    'pascal-context-59': 'Pascal Context 59',
    'scenes': 'Embedded scenes',
    'voc12aug': 'Pascal VOC 2012 + Aug',
}


def expected_entry(path: Path) -> dict:
    """Return what name, place and header of an experiment say."""
    dataset = DATASETS[re.sub(r'.*_|-\d+x\d+$|-whole$', '', path.stem)]
    entry = {
        'Name': path.stem,
        'Config': path.relative_to(ROOT).as_posix(),
        'Metadata': {'Training Data': dataset},
        'Weights': None,  # mmengine's inferencers need the key
    }
    measured = re.search(r'^Result: +mIoU ([\d.]+)', path.read_text(), re.M)
    if measured:
        metrics = {'mIoU': float(measured[1])}
        task = 'Semantic Segmentation'
        entry['Results'] = {'Task': task, 'Dataset': dataset, 'Metrics': metrics}
    return entry


def test_metafiles_list_every_experiment_and_no_other():
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text())
    assert index['Import'] == [
        path.relative_to(ROOT).as_posix()
        for path in sorted(ROOT.glob('configs/*/metafile.yml'))
    ]
    files = [yaml.safe_load((ROOT / name).read_text()) for name in index['Import']]
    collections = {c['Name'] for file in files for c in file.get('Collections', [])}
    entries = [entry for file in files for entry in file['Models']]
    assert {entry.pop('In Collection') for entry in entries} == collections
    experiments = sorted(ROOT.glob('configs/[a-z]*/*.py'))
    assert entries == [expected_entry(path) for path in experiments]


def test_the_hub_finds_a_network():
    cfg = get_config(f'mmseg_plugins::fcn/{SMALL}.py')
    assert Path(cfg.filename).samefile(ROOT / 'configs' / 'fcn' / f'{SMALL}.py')
    assert isinstance(get_model(f'mmseg_plugins::fcn/{SMALL}.py'), EncoderDecoder)


def test_an_inferencer_finds_a_network_and_says_that_weights_are_missing():
    with pytest.warns(UserWarning, match='Checkpoint is not loaded'):
        inferencer = MMSegInferencer(SMALL, scope='mmseg_plugins')
    result = inferencer(np.zeros((32, 48, 3), np.uint8))
    assert result['predictions'].shape == (32, 48)
