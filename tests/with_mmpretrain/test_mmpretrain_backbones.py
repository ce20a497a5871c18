"""Weights of mmpretrain's VGG in ours, and configs with its other backbones."""

import pytest
import torch
from mmseg.registry import MODELS

from tests.contracts.test_every_config import (
    SEGMENTORS,
    load,
    needs_mmpretrain,
    train_one_step,
)

pytest.importorskip('mmpretrain', reason='needs mmpretrain: make test-mmpretrain')
PATHS = [path for path in SEGMENTORS if needs_mmpretrain(path)]


@pytest.mark.parametrize('norm_cfg', [None, dict(type='BN')], ids=['plain', 'bn'])
def test_the_vgg_of_mmpretrain_in_ours_gives_its_numbers(norm_cfg, tmp_path):
    torch.manual_seed(0)
    common, file = dict(depth=11, norm_cfg=norm_cfg), str(tmp_path / 'vgg11.pth')
    vgg = MODELS.build(dict(common, type='mmpretrain.VGG', out_indices=(3,)))
    vgg.eval()  # returns None
    torch.save(vgg.state_dict(), file)
    ours = MODELS.build(
        dict(
            common,
            type='mmseg_plugins.FCNVGG',
            fc_channels=8,
            out_indices=(3, 4),
            init_cfg=dict(type='Pretrained', checkpoint=file),
        )
    ).eval()
    ours.init_weights()
    image = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        torch.testing.assert_close(ours(image)[0], vgg(image)[0])


@pytest.mark.parametrize('path', PATHS, ids=lambda path: path.stem)
def test_one_training_step_of_a_recipe(path):
    train_one_step(load(path))
