"""What every config must be; a new file is covered by being there."""

import ast
import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import DATASETS, HOOKS, MODELS, TRANSFORMS
from mmseg.structures import SegDataSample

ROOT = Path(__file__).parents[2] / 'configs'
BASES = sorted((ROOT / '_base_').rglob('*.py'))
EXPERIMENTS = sorted(p for p in ROOT.rglob('*.py') if p not in BASES)
# classifiers train by mmpretrain: tests/with_mmpretrain has what more they must be
SEGMENTORS = [p for p in EXPERIMENTS if not p.stem.startswith('pretrain_')]
# an experiment, its sibling, a base, the base of a variant, what all of a kind share
LONGEST_CHAIN = 5
FIELDS = ('Run', 'Result', 'Source', 'Differs')
# {network}_{backbone}_{gpus}xb{batch}-{schedule}_{dataset}-{crop, or whole images};
# a schedule is in iterations, 80k being 80 000, or in epochs, 80e
NAME = re.compile(
    r'[a-z0-9-]+_[a-z0-9-]+_\d+xb\d+-\d+[ke]?_[a-z0-9_-]+-(\d+x\d+|whole)'
)

every_experiment = pytest.mark.parametrize('path', EXPERIMENTS, ids=lambda p: p.stem)
every_segmentor = pytest.mark.parametrize('path', SEGMENTORS, ids=lambda p: p.stem)
every_file = pytest.mark.parametrize(
    'path', BASES + EXPERIMENTS, ids=lambda p: p.relative_to(ROOT).as_posix()
)


def load(path: Path) -> Config:
    init_default_scope('mmseg')
    return Config.fromfile(path)


def dicts_in(value: object) -> list[dict]:
    if isinstance(value, dict):
        return [value, *(d for v in value.values() for d in dicts_in(v))]
    if isinstance(value, list | tuple):
        return [d for v in value for d in dicts_in(v)]
    return []


def datasets_of(loader: dict) -> list[dict]:
    return loader.dataset.get('datasets', [loader.dataset])  # those of a ConcatDataset


@every_experiment
def test_file_name_follows_the_hosts_scheme(path):
    assert NAME.fullmatch(path.stem)


@every_experiment
def test_header_has_every_field(path):
    header = ast.get_docstring(ast.parse(path.read_text()))
    found = [line.partition(':')[0] for line in header.splitlines() if ':  ' in line]
    fields = [field for field in FIELDS if re.search(rf'^{field}: +\S', header, re.M)]
    assert fields == list(FIELDS), found
    assert '<this file>' in header


@every_experiment
def test_header_refers_to_experiments_that_are_there(path):
    header = ' '.join(ast.get_docstring(ast.parse(path.read_text())).split())
    ours = re.finditer(rf"(?<!mmseg's )(?<![\w-]){NAME.pattern}", header)
    assert {found[0] for found in ours} <= {path.stem for path in EXPERIMENTS}


@every_file
def test_file_is_plain_assignments(path):
    body = ast.parse(path.read_text()).body
    nodes = [node for statement in body for node in ast.walk(statement)]
    forbidden = (ast.BinOp, ast.For, ast.While, ast.If, ast.comprehension, ast.Import)
    assert not [node for node in nodes if isinstance(node, forbidden)]
    assert '{{' not in path.read_text()


def bases_of(path: Path) -> list[Path]:
    bases = Config._get_base_files(str(path))
    return [(path.parent / base).resolve() for base in bases]


INHERITS = {path: bases_of(path) for path in BASES + EXPERIMENTS}


def files_deep(path: Path, inherits: dict[Path, list[Path]]) -> int:
    return 1 + max((files_deep(base, inherits) for base in inherits[path]), default=0)


def broken_rule(path: Path, inherits: dict[Path, list[Path]]) -> str:
    """What is wrong with the files that a config inherits from, or nothing."""
    bases = inherits[path]
    if path in EXPERIMENTS and len(bases) == 1 and bases[0] in EXPERIMENTS:
        if bases[0].parent != path.parent:
            return 'an experiment of another folder'
        if set(inherits[bases[0]]) - set(BASES):
            return 'a sibling that inherits from a sibling'
    elif set(bases) - set(BASES):
        return 'neither bases of ours nor one sibling'
    return '' if files_deep(path, inherits) <= LONGEST_CHAIN else 'too long a chain'


@every_file
def test_a_config_inherits_from_bases_or_from_one_sibling(path):
    assert broken_rule(path, INHERITS) == ''


ONE, TWO, THREE = [p for p in EXPERIMENTS if p.stem.startswith('fcn-8s_vgg16')][:3]
NEITHER = 'neither bases of ours nor one sibling'
WRONG = [
    (NEITHER, {BASES[0]: [ONE]}),
    (NEITHER, {ONE: [TWO, THREE]}),
    (NEITHER, {ONE: [TWO, BASES[0]]}),
    (NEITHER, {ONE: [ROOT / 'mmseg::_base_/default_runtime.py']}),
    ('an experiment of another folder', {ONE: [EXPERIMENTS[0]]}),
    ('a sibling that inherits from a sibling', {ONE: [TWO], TWO: [THREE]}),
    ('too long a chain', {BASES[n]: BASES[n + 1 : n + 2] for n in range(5)}),
]


@pytest.mark.parametrize(('rule', 'change'), WRONG)
def test_control_a_wrong_base_is_found(rule, change):
    none = {path: [] for path in BASES + EXPERIMENTS}
    assert broken_rule(next(iter(change)), none | change) == rule


@every_segmentor
def test_package_is_imported_by_the_config(path):
    cfg = load(path)
    assert cfg.custom_imports == dict(
        imports=['mmseg_plugins'], allow_failed_imports=False
    )
    assert cfg.default_scope == 'mmseg'


@every_segmentor
def test_every_type_outside_the_model_resolves(path):
    cfg = load(path)
    loaders = [cfg[f'{split}_dataloader'] for split in ('train', 'val', 'test')]
    for loader in loaders:
        assert DATASETS.get(loader.dataset.type) is not None
        for dataset in datasets_of(loader):
            assert DATASETS.get(dataset.type) is not None
            for step in dataset.pipeline:
                assert TRANSFORMS.get(step.type) is not None, step.type
    for hook in [*cfg.custom_hooks, *cfg.default_hooks.values()]:
        assert HOOKS.get(hook.type) is not None, hook.type


@every_segmentor
def test_losses_leave_ignored_pixels_out_of_the_mean(path):
    losses = [
        d for d in dicts_in(load(path).model) if 'CrossEntropyLoss' in d.get('type', '')
    ]
    assert losses
    assert all(loss.avg_non_ignore for loss in losses)


@every_segmentor
def test_align_corners_is_written_out(path):
    heads = [
        d for d in dicts_in(load(path).model) if d.get('type', '').endswith('Head')
    ]
    assert heads
    assert all('align_corners' in head for head in heads)


@every_segmentor
def test_no_checkpoint_is_lost_when_a_training_is_killed_while_saving(path):
    checkpoint = load(path).default_hooks.checkpoint
    assert checkpoint.get('max_keep_ckpts', -1) != 1


@every_segmentor
def test_number_of_classes_fits_the_dataset(path):
    cfg = load(path)
    loaders = [cfg[f'{split}_dataloader'] for split in ('train', 'val', 'test')]
    datasets = [d for loader in loaders for d in datasets_of(loader)]
    classes = {len(DATASETS.get(d.type).METAINFO['classes']) for d in datasets}
    heads = [d for d in dicts_in(cfg.model) if 'num_classes' in d]
    assert {head.num_classes for head in heads} == classes


def needs_mmpretrain(path: Path) -> bool:
    return 'mmpretrain.' in path.read_text()


@every_segmentor
def test_one_training_step(path):
    if needs_mmpretrain(path):
        pytest.importorskip(
            'mmpretrain', reason='needs mmpretrain: make test-mmpretrain'
        )
    train_one_step(load(path))


def train_one_step(cfg: Config) -> None:
    for d in dicts_in(cfg.model):  # no download: the step shows that gradients flow
        if d.get('type') == 'Pretrained':
            d.pop('checkpoint')
            d.pop('prefix', None)
            d.type = 'Normal'
    if 'size_divisor' not in cfg.model.data_preprocessor:  # the host takes one of both
        cfg.model.data_preprocessor.size = (64, 96)
    num_classes = cfg.model.decode_head.num_classes
    torch.manual_seed(0)
    model = MODELS.build(cfg.model).train()
    samples = [
        SegDataSample(
            gt_sem_seg=PixelData(data=torch.randint(0, num_classes, (1, 64, 96)))
        )
        for _ in range(2)
    ]
    images = [torch.randint(0, 256, (3, 64, 96), dtype=torch.uint8) for _ in range(2)]
    data = model.data_preprocessor(dict(inputs=images, data_samples=samples), True)
    losses = model(**data, mode='loss')
    loss, _ = model.parse_losses(losses)
    loss.backward()
    assert loss.isfinite()
    without = [
        k for k, p in model.named_parameters() if p.requires_grad and p.grad is None
    ]
    assert without == []
