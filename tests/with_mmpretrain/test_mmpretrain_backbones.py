"""Our heads on backbones of mmpretrain, and its weights in our VGG."""

import pytest
import torch
from mmseg.registry import MODELS

pytest.importorskip('mmpretrain', reason='needs mmpretrain: make test-mmpretrain')

CONVNEXT = dict(
    type='mmpretrain.ConvNeXt',
    arch=dict(depths=[1, 1, 1, 1], channels=[8, 12, 16, 24]),
    out_indices=(0, 1, 2, 3),
    gap_before_final_norm=False,
)
LEVELS = dict(in_channels=[8, 12, 16, 24], in_index=[0, 1, 2, 3], num_classes=5)
HEADS = {  # ConvNeXt rounds the sizes of its levels down
    'FCNSkipHead': dict(strides=[4, 8, 16, 32]),
    'DFAHead': dict(num_low=2, channels=8),
    'EncHead': dict(num_codes=4, add_lateral=True, channels=8, use_se_loss=False),
}


@pytest.mark.parametrize('name', HEADS)
def test_a_head_on_convnext_trains_every_parameter(name):
    head = dict(LEVELS, type=f'mmseg_plugins.{name}', **HEADS[name])
    model = MODELS.build(
        dict(type='mmseg.EncoderDecoder', backbone=CONVNEXT, decode_head=head)
    )
    logits = model.train()(torch.randn(2, 3, 70, 98))
    assert logits.shape[:2] == (2, 5)
    logits.square().mean().backward()
    assert [k for k, p in model.named_parameters() if p.grad is None] == []


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
