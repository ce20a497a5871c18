"""CheckpointCheckHook refuses what mmengine would load without an error."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.runner import BaseLoop
from mmseg.models.backbones import ResNet
from torch import nn

from mmseg_plugins.backbones import SPNetResNet
from mmseg_plugins.hooks import CheckpointCheckHook


class Training(BaseLoop):
    def __init__(self) -> None:
        """Skip the data loader."""

    def run(self) -> None:
        """Do nothing."""


def make_model() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3))


def check(weights: dict, training: bool) -> None:
    runner = SimpleNamespace(
        model=make_model(),
        _load_from='file.pth',
        _train_loop=Training() if training else dict(max_iters=1),
    )
    hook = CheckpointCheckHook()
    hook.after_load_checkpoint(runner, dict(state_dict=weights))
    if training:
        hook.before_train(runner)
    hook.before_val(runner)
    hook.before_test(runner)


@pytest.mark.parametrize('prefix', ['', 'module.'])
@pytest.mark.parametrize('left_out', ['', '1.num_batches_tracked'])
def test_a_checkpoint_of_the_model_passes(prefix, left_out):
    weights = make_model().state_dict()
    weights.pop(left_out, None)
    check({prefix + key: value for key, value in weights.items()}, training=False)


def test_a_checkpoint_of_another_model_is_refused():
    message = r'file\.pth has no weight .* 0\.weight, .*stem'
    with pytest.raises(ValueError, match=message):
        check({'stem.weight': torch.zeros(1)}, training=True)


@pytest.mark.parametrize(
    ('change', 'key'),
    [({'0.weight': torch.zeros(5, 3, 1, 1)}, '0.weight'), ({}, '0.bias')],
)
def test_a_part_of_the_model_may_start_a_training_only(change, key):
    weights = make_model().state_dict()
    del weights[key]
    weights |= change
    check(weights, training=True)
    with pytest.raises(ValueError, match=rf'1 of 6 weights .* first is {key}'):
        check(weights, training=False)


def test_weights_of_a_larger_model_are_refused_in_a_test():
    weights = make_model().state_dict() | {'auxiliary_head.weight': torch.zeros(1)}
    check(weights, training=False)
    weights['score.weight'] = torch.zeros(1)
    check(weights, training=True)
    with pytest.raises(ValueError, match=r'1 weights of the file .* score\.weight'):
        check(weights, training=False)


def test_a_new_spm_in_a_frozen_stage_is_refused_and_the_fix_trains_it():
    slim = dict(base_channels=4, stem_channels=4, frozen_stages=4)
    plugin = dict(cfg=dict(type='mmseg_plugins.StripPooling'), position='after_conv2')
    stock = ResNet(50, plugins=[plugin], **slim)
    with pytest.raises(ValueError, match=r'layer1\.0\.spm is frozen.*SPNetResNet'):
        CheckpointCheckHook().before_train(SimpleNamespace(model=stock))
    nn.init.ones_(stock.layer1[0].spm.gate.weight)  # as after loading a checkpoint
    with pytest.raises(ValueError, match=r'layer1\.1\.spm'):
        CheckpointCheckHook().before_train(SimpleNamespace(model=stock))
    spm_blocks = ('all',) * 4
    fixed = SPNetResNet(50, spm_blocks=spm_blocks, norm_cfg=dict(type='BN'), **slim)
    CheckpointCheckHook().before_train(SimpleNamespace(model=fixed))
