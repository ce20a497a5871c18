"""ImageNet pre-training as a user runs it, and a DFANet that starts from it."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

pytest.importorskip('mmpretrain', reason='needs mmpretrain: make test-mmpretrain')

from mmpretrain.registry import DATASETS, HOOKS, METRICS, MODELS, TRANSFORMS
from mmseg.registry import MODELS as SEGMENTORS

ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / 'configs').rglob('pretrain_*.py'))
every_config = pytest.mark.parametrize('path', CONFIGS, ids=lambda p: p.stem)
SPLITS = ('train', 'val')
COLOURS = dict(grass=(40, 160, 60), sky=(220, 170, 90), wall=(60, 80, 150))


@pytest.fixture(autouse=True)
def _scope_of_mmpretrain(_scope_of_the_host):
    init_default_scope('mmpretrain')


@every_config
def test_every_type_outside_the_model_is_registered(path):
    cfg = Config.fromfile(path)
    for split in ('train', 'val', 'test'):
        dataset = cfg[f'{split}_dataloader'].dataset
        assert DATASETS.get(dataset.type) is not None
        assert all(TRANSFORMS.get(step.type) is not None for step in dataset.pipeline)
    assert METRICS.get(cfg.val_evaluator.type) is not None
    assert all(HOOKS.get(hook.type) is not None for hook in cfg.default_hooks.values())
    assert 'mmseg_plugins.safe_loading' in cfg.custom_imports.imports
    assert not cfg.custom_imports.allow_failed_imports
    assert cfg.default_hooks.checkpoint.max_keep_ckpts != 1


@every_config
def test_every_parameter_gets_a_gradient(path):
    cfg = Config.fromfile(path)
    model = MODELS.build(cfg.model).train()
    assert cfg.model.head.num_classes == cfg.model.data_preprocessor.num_classes
    images, labels = torch.randn(2, 3, 224, 224), torch.tensor([3, 999])
    (level,) = model.backbone(images)  # the map that the FC attention of DFANet takes
    assert level.shape == (2, model.head.in_channels, 14, 14)
    model.head.loss_module(model(images), labels).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def fill(folder: Path, images_per_class: int) -> None:
    """Write one folder per class; its images are one colour with noise."""
    generator = np.random.default_rng(images_per_class)
    for name, colour in COLOURS.items():
        (folder / name).mkdir(parents=True)
        for index in range(images_per_class):
            noise = generator.integers(-40, 40, (48, 56, 3))
            image = np.clip(noise + colour, 0, 255).astype(np.uint8)
            cv2.imwrite(str(folder / name / f'{index}.png'), image)


def run(tool: str, *arguments: object) -> str:
    command = [sys.executable, str(ROOT / 'tools' / tool), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout + done.stderr


@pytest.fixture(scope='module')
def trained(tmp_path_factory) -> Path:
    """The checkpoint of a training of two epochs on a small image folder."""
    folder = tmp_path_factory.mktemp('images')
    fill(folder / 'train', 8)
    fill(folder / 'val', 2)
    (config,) = (path for path in CONFIGS if 'xception-a' in path.stem)
    options = [
        'train_cfg.max_epochs=2',
        'train_dataloader.batch_size=6',
        'train_dataloader.num_workers=0',
        'train_dataloader.persistent_workers=False',
        'val_dataloader.num_workers=0',
        'val_dataloader.persistent_workers=False',
        *(f'{split}_dataloader.dataset.data_root={folder}' for split in SPLITS),
        'train_dataloader.dataset.pipeline.2.scale=64',
        'default_hooks.logger.interval=1',
        'randomness.seed=0',
    ]
    work_dir = ['--work-dir', folder / 'out']
    output = run('train.py', config, *work_dir, '--cfg-options', *options)
    assert 'accuracy/top1' in output
    return folder / 'out' / 'epoch_2.pth'


def weights_in(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path, weights_only=False)['state_dict']


@pytest.fixture(scope='module')
def converted(trained) -> Path:
    target = trained.with_name('xception_a.pth')
    output = run('convert.py', 'dfanet', trained, target)
    assert 'keeps its own values of subnets.0.fca.conv' in output
    return target


def dfanet_config(**backbone: object) -> Config:
    init_default_scope('mmseg')
    name = 'dfanet_xception-a_1xb8-400_scenes-192x256.py'
    cfg = Config.fromfile(ROOT / 'configs/dfanet' / name)
    cfg.model.backbone.update(backbone)
    return cfg


def test_a_dfanet_starts_from_the_classifier_by_init_cfg(trained, converted):
    init_cfg = dict(type='Pretrained', checkpoint=str(converted), prefix='backbone.')
    model = SEGMENTORS.build(dfanet_config(init_cfg=init_cfg).model)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    model.init_weights()
    source, state = weights_in(trained), model.state_dict()
    for i in range(3):
        fca = f'backbone.subnets.{i}.fca.fc.'
        assert torch.equal(state[f'{fca}weight'], source['head.fc.weight'])
        assert torch.equal(state[f'{fca}bias'], source['head.fc.bias'])
    for key in (key for key in source if key.startswith('backbone.')):
        own_key = key.replace('backbone.subnet.', 'backbone.subnets.0.')
        assert torch.equal(state[own_key], source[key]), key
    new = 'backbone.subnets.2.enc2.0.conv1.depthwise_conv.conv.weight'
    assert torch.equal(state[new], before[new])
    logits = model.train()(torch.randn(2, 3, 96, 128))
    logits.square().mean().backward()
    assert logits.isfinite().all()


def state_after_load_from(checkpoint: Path, work_dir: Path) -> dict:
    """Begin a training with ``load_from``, up to its first step."""
    cfg = dfanet_config()
    cfg.load_from, cfg.work_dir = str(checkpoint), str(work_dir)
    runner = Runner.from_cfg(cfg)
    assert runner.train_loop is not None  # this property builds the loop
    runner.load_or_resume()
    return runner.model.state_dict()


def test_a_dfanet_starts_from_the_classifier_by_load_from(trained, converted, tmp_path):
    state, expected = state_after_load_from(converted, tmp_path), weights_in(converted)
    assert len(expected) > 900
    assert all(torch.equal(state[key], value) for key, value in expected.items())
    unconverted = state_after_load_from(trained, tmp_path)  # control
    key = 'backbone.subnets.0.fca.fc.weight'
    assert not torch.equal(unconverted[key], expected[key])
