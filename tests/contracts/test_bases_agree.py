"""The bases of one data set agree, save in how they train and in the images' sizes.

mmengine refuses two bases that define one key, so each base holds its data set whole:
folders, labels, loaders, evaluators. These tests keep the copies alike.
"""

import copy
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mmengine.config import Config

ROOT = Path(__file__).parents[2] / 'configs/_base_/datasets'
OWN = ('crop_size', 'mean', 'train_pipeline')
OWN_IN_TRAINING = ('batch_size', 'num_workers', 'drop_last', 'sampler')
LABELS = 'mmseg_plugins.LoadLabels'


def load(path: Path) -> dict:
    return Config.fromfile(path).to_dict()


def families() -> dict[str, list[Path]]:
    """The bases of each data set that has several."""
    found = defaultdict(list)
    for path in sorted(ROOT.glob('*.py')):
        found[load(path)['dataset_type']].append(path)
    return {name: paths for name, paths in found.items() if len(paths) > 1}


FAMILIES = families()
every_family = pytest.mark.parametrize('paths', FAMILIES.values(), ids=FAMILIES)


def leaves(value: object, name: str = '') -> Iterator[tuple[str, object]]:
    """Yield what stands in a config by its dotted name, without steps that resize."""
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list | tuple):
        sizes = [v for v in value if isinstance(v, dict) and v.get('type') == 'Resize']
        items = enumerate(v for v in value if v not in sizes)
    else:
        yield name, value
        return
    for key, inner in items:
        yield from leaves(inner, f'{name}.{key}')


def shared(cfg: dict) -> dict[str, object]:
    """What all bases of a data set must have alike."""
    cfg = {key: value for key, value in cfg.items() if key not in OWN}
    loader = cfg['train_dataloader']
    cfg['train_dataloader'] = {
        key: value for key, value in loader.items() if key not in OWN_IN_TRAINING
    }
    # which pipeline a loader has is held by the test of pipelines below
    return {name: v for name, v in leaves(cfg) if '.pipeline.' not in name}


def differences(one: dict, other: dict) -> list[str]:
    one, other = shared(one), shared(other)
    return [
        f'{name}: {one.get(name)} or {other.get(name)}'
        for name in sorted(one.keys() | other.keys())
        if one.get(name) != other.get(name)
    ]


def label_steps(pipeline: list[dict]) -> list[dict]:
    return [step for step in pipeline if step['type'] == LABELS]


@every_family
def test_bases_of_a_data_set_agree(paths):
    first, *others = (load(path) for path in paths)
    for path, other in zip(paths[1:], others, strict=True):
        assert differences(first, other) == [], f'{paths[0].name}, {path.name}'


@every_family
def test_loaders_have_the_pipelines_of_their_file(paths):
    for cfg in map(load, paths):
        for split, pipeline in (('train', 'train'), ('val', 'test'), ('test', 'test')):
            dataset = cfg[f'{split}_dataloader']['dataset']
            for part in dataset.get('datasets', [dataset]):  # those of a ConcatDataset
                assert part['pipeline'] == cfg[f'{pipeline}_pipeline']


@every_family
def test_labels_are_read_alike_and_scored_at_their_own_size(paths):
    for cfg in map(load, paths):
        test = cfg['test_pipeline']
        assert len(label_steps(test)) == 1
        assert label_steps(cfg['train_pipeline']) == label_steps(test)
        assert label_steps(cfg['tta_pipeline'][1]['transforms'][2]) == label_steps(test)
        types = [step['type'] for step in test]
        assert 'Resize' not in types[types.index(LABELS) :]


def edit(*keys: object, value: object) -> Callable[[dict], None]:
    """Make a function that puts a value into a config."""

    def apply(cfg: dict) -> None:
        for key in keys[:-1]:
            cfg = cfg[key]
        cfg[keys[-1]] = value

    return apply


DRIFTS = {
    'a folder': edit('data_root', value='data/elsewhere'),
    'a split': edit(
        *('val_dataloader', 'dataset', 'data_prefix', 'img_path'), value='images/test'
    ),
    'the training images': edit(
        *('train_dataloader', 'dataset', 'data_prefix', 'img_path'), value='images'
    ),
    'the labels': edit('test_pipeline', 2, 'num_classes', value=12),
    'a batch of the evaluation': edit('val_dataloader', 'batch_size', value=2),
    'an evaluator': edit('test_evaluator', 'iou_metrics', value=['mDice']),
    'a flip': edit('tta_pipeline', 1, 'transforms', 1, value=[]),
    'one key more': edit('train_dataloader', 'pin_memory', value=True),
}


@pytest.mark.parametrize('drift', DRIFTS.values(), ids=DRIFTS)
def test_control_a_copy_that_drifts_is_found(drift):
    base = load(ROOT / 'camvid_360x480.py')
    drifted = copy.deepcopy(base)
    drift(drifted)
    assert differences(base, drifted) != []


OWN_CHANGES = {
    'batch': edit('train_dataloader', 'batch_size', value=7),
    'sampler': edit('train_dataloader', 'sampler', value=dict(type='DefaultSampler')),
    'augmentation': edit('train_pipeline', value=[]),
    'size at test': edit('test_pipeline', 1, 'scale', value=(96, 64)),
}


@pytest.mark.parametrize('change', OWN_CHANGES.values(), ids=OWN_CHANGES)
def test_a_base_may_train_in_its_own_way(change):
    base = load(ROOT / 'camvid_360x480.py')
    changed = copy.deepcopy(base)
    change(changed)
    assert differences(base, changed) == []
