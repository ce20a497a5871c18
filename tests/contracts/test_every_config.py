"""Rules for every config; a new file is tested because it is there."""

import ast
import copy
import functools
import json
import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.structures import PixelData
from mmseg.registry import DATASETS, HOOKS, MODELS, TRANSFORMS
from mmseg.structures import SegDataSample

ROOT = Path(__file__).parents[2] / 'configs'
BASES = sorted((ROOT / '_base_').rglob('*.py'))
EXPERIMENTS = sorted(path for path in ROOT.rglob('*.py') if path not in BASES)
# mmpretrain trains the classifiers: see tests/with_mmpretrain.
SEGMENTORS = [path for path in EXPERIMENTS if not path.stem.startswith('pretrain_')]
# Experiment -> sibling -> base, or experiment -> variant of a data set -> data set.
LONGEST_CHAIN = 3
# Experiment, sibling or variant of a data set, model, data set, schedule, runtime.
MOST_FILES = 6
# What a config may use as _base_.name: the crop size and parts of a data set.
FROM_BASES = {'crop_size', 'load_labels', 'tta_after_resize'}
FROM_BASES |= {'dataset_train', 'dataset_val', 'dataset_aug', 'class_weight'}
HEADER_FIELDS = ['Run', 'Result', 'Source', 'Differs']
# {network}_{backbone}_{gpus}xb{batch}-{schedule}_{data set}-{crop size, or whole};
# a schedule is a number of iterations (80k is 80 000) or of epochs (80e).
NAME = re.compile(
    r'[a-z0-9-]+_[a-z0-9-]+_\d+xb\d+-\d+[ke]?_[a-z0-9_-]+-(\d+x\d+|whole)'
)

every_experiment = pytest.mark.parametrize('path', EXPERIMENTS, ids=lambda p: p.stem)
every_segmentor = pytest.mark.parametrize('path', SEGMENTORS, ids=lambda p: p.stem)
every_file = pytest.mark.parametrize(
    'path', BASES + EXPERIMENTS, ids=lambda p: p.relative_to(ROOT).as_posix()
)


@functools.cache
def load(path: Path) -> Config:
    return Config.fromfile(path)


def header_of(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text()))


def dicts_in(value: object) -> list[dict]:
    if isinstance(value, dict):
        return [value, *(d for v in value.values() for d in dicts_in(v))]
    if isinstance(value, list | tuple):
        return [d for v in value for d in dicts_in(v)]
    return []


def loaders_of(cfg: Config) -> list[dict]:
    return [cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader]


def datasets_of(loader: dict) -> list[dict]:
    """Return the data sets of a loader; ConcatDataset has several."""
    return loader.dataset.get('datasets', [loader.dataset])


@pytest.mark.one_line
@every_experiment
def test_file_name_follows_the_scheme_of_mmseg(path):
    assert NAME.fullmatch(path.stem)


@pytest.mark.one_line
@every_experiment
def test_header_has_every_field(path):
    header = header_of(path)
    fields = re.findall(r'^(\w+): +\S', header, re.M)
    assert fields == HEADER_FIELDS
    assert '<this file>' in header


@pytest.mark.one_line
@every_experiment
def test_header_refers_to_existing_experiments(path):
    header = ' '.join(header_of(path).split())
    names = re.finditer(rf"(?<!mmseg's )(?<![\w-]){NAME.pattern}", header)
    assert {name[0] for name in names} <= {path.stem for path in EXPERIMENTS}


@pytest.mark.one_line
@every_file
def test_file_is_plain_assignments(path):
    nodes = list(ast.walk(ast.parse(path.read_text())))
    forbidden = (ast.BinOp, ast.For, ast.While, ast.If, ast.comprehension, ast.Import)
    assert not [node for node in nodes if isinstance(node, forbidden)]
    used = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    assert used <= FROM_BASES
    assert '{{' not in path.read_text()


def bases_of(path: Path) -> list[Path]:
    bases = Config._get_base_files(str(path))
    return [(path.parent / base).resolve() for base in bases]


def chains_of(path: Path) -> list[list[Path]]:
    """Return every chain of files that begins with this one."""
    chains = [chain for base in bases_of(path) for chain in chains_of(base)]
    return [[path, *chain] for chain in chains] or [[path]]


@pytest.mark.one_line
@every_file
def test_few_files_explain_a_config(path):
    bases = bases_of(path)
    if not set(bases) <= set(BASES):  # then one experiment of the same folder
        assert path in EXPERIMENTS
        assert len(bases) == 1
        assert bases[0] in EXPERIMENTS
        assert bases[0].parent == path.parent
    chains = chains_of(path)
    assert max(map(len, chains)) <= LONGEST_CHAIN
    assert len({file for chain in chains for file in chain}) <= MOST_FILES


@every_segmentor
def test_config_imports_the_package(path):
    cfg = load(path)
    assert cfg.custom_imports == dict(
        imports=[
            'mmseg_plugins',
            'mmseg_plugins.safe_loading',
            'mmseg_plugins.timm_weights',
        ],
        allow_failed_imports=False,
    )
    assert cfg.default_scope == 'mmseg'


@every_segmentor
def test_every_type_outside_the_model_resolves(path):
    cfg = load(path)
    for loader in loaders_of(cfg):
        assert DATASETS.get(loader.dataset.type) is not None
        for dataset in datasets_of(loader):
            assert DATASETS.get(dataset.type) is not None
            for step in dataset.pipeline:
                assert TRANSFORMS.get(step.type) is not None, step.type
    for hook in [*cfg.custom_hooks, *cfg.default_hooks.values()]:
        assert HOOKS.get(hook.type) is not None, hook.type


@every_segmentor
def test_losses_and_heads_are_explicit(path):
    parts = dicts_in(load(path).model)
    losses = [part for part in parts if 'CrossEntropy' in part.get('type', '')]
    heads = [part for part in parts if part.get('type', '').endswith('Head')]
    assert losses
    assert heads
    # mmseg's default divides by all pixels, ignored ones too; its OHEM does not.
    assert all(
        loss.type == 'OhemCrossEntropy' or loss.avg_non_ignore for loss in losses
    )
    assert all('align_corners' in head for head in heads)


@every_segmentor
def test_a_training_killed_while_saving_leaves_a_checkpoint(path):
    checkpoint = load(path).default_hooks.checkpoint
    assert checkpoint.get('max_keep_ckpts', -1) != 1


@every_segmentor
def test_the_best_checkpoint_is_kept(path):
    assert load(path).default_hooks.checkpoint.save_best == 'mIoU'


@every_segmentor
def test_heads_have_the_number_of_classes_of_the_dataset(path):
    cfg = load(path)
    datasets = [d for loader in loaders_of(cfg) for d in datasets_of(loader)]
    metas = [d.get('metainfo') or DATASETS.get(d.type).METAINFO for d in datasets]
    classes = {len(meta['classes']) for meta in metas}
    heads = [part for part in dicts_in(cfg.model) if 'num_classes' in part]
    assert {head.num_classes for head in heads} == classes


def needs_mmpretrain(path: Path) -> bool:
    model = str(load(path).model)
    return 'mmpretrain.' in model or 'TIMMBackbone' in model


@pytest.mark.one_line
@every_segmentor
def test_one_training_step(path):
    if needs_mmpretrain(path):
        pytest.importorskip(
            'mmpretrain', reason='needs mmpretrain: make test-mmpretrain'
        )
    train_one_step(load(path))


def train_one_step(cfg: Config) -> None:
    can_be_unused = cfg.get('find_unused_parameters', False)
    cfg = copy.deepcopy(cfg.model)
    for part in dicts_in(cfg):
        if part.get('type') == 'Pretrained':  # no download; the values do not matter
            part.pop('checkpoint')
            part.pop('prefix', None)
            part.type = 'Normal'
        if re.search('FCNVGG|FCNAlexNet', part.get('type', '')):
            part.setdefault('fc_channels', 4096)
        # Data sets differ in their number of classes, which another test compares.
        if 'num_classes' in part and 'class_weight' not in str(cfg):
            part.num_classes = 5
    cfg.test_cfg = dict(mode='whole')
    if 'size_divisor' not in cfg.data_preprocessor:  # mmseg takes one of the two
        cfg.data_preprocessor.size = (64, 96)
    # Each layer of 4096 channels takes longer than all others.
    text = json.dumps(cfg, sort_keys=True).replace('4096', '64')
    train_once(text, can_be_unused)


@functools.cache  # many configs train one network on several data sets
def train_once(model_cfg: str, can_be_unused: bool) -> None:
    cfg = ConfigDict(json.loads(model_cfg))
    num_classes = cfg.decode_head.num_classes
    torch.manual_seed(0)
    model = MODELS.build(cfg).train()
    labels = [torch.randint(0, num_classes, (1, 64, 96)) for _ in range(2)]
    samples = [SegDataSample(gt_sem_seg=PixelData(data=label)) for label in labels]
    shape = (len(cfg.data_preprocessor.mean), 64, 96)
    images = [torch.randint(0, 256, shape, dtype=torch.uint8) for _ in range(2)]
    data = model.data_preprocessor(dict(inputs=images, data_samples=samples), True)
    loss, _ = model.parse_losses(model(**data, mode='loss'))
    loss.backward()
    assert loss.isfinite()
    without_gradient = [
        name
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and parameter.grad is None
    ]
    assert can_be_unused or without_gradient == []
