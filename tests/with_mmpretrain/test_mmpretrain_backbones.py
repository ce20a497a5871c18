"""Our heads on mmpretrain's backbones, and its weights in ours."""

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
COMMON = dict(
    in_channels=[8, 12, 16, 24], in_index=[0, 1, 2, 3], num_classes=5, channels=8
)
HEADS = {
    'FCNSkipHead': dict(strides=[4, 8, 16, 32], align='resize'),
    'DFAHead': dict(num_low=2),
    'EncHead': dict(num_codes=4, add_lateral=True),
}


@pytest.mark.parametrize(('name', 'own'), HEADS.items(), ids=HEADS)
def test_a_head_on_convnext(name, own):
    head = dict(COMMON, type=f'mmseg_plugins.{name}', align_corners=False, **own)
    if name == 'FCNSkipHead':
        del head['channels']
    model = MODELS.build(
        dict(type='mmseg.EncoderDecoder', backbone=CONVNEXT, decode_head=head)
    )
    logits = model.train()(torch.randn(2, 3, 70, 98))
    assert logits.shape[:2] == (2, 5)
    logits.square().mean().backward()
    unused = [k for k, p in model.named_parameters() if p.grad is None]
    assert [k for k in unused if not k.startswith('decode_head.se_layer')] == []


@pytest.mark.parametrize('norm_cfg', [None, dict(type='BN')], ids=['plain', 'bn'])
def test_mmpretrains_vgg_in_ours_gives_its_numbers(norm_cfg, tmp_path):
    torch.manual_seed(0)
    theirs = MODELS.build(
        dict(type='mmpretrain.VGG', depth=11, norm_cfg=norm_cfg, out_indices=(3,))
    )
    theirs.eval()
    torch.save(theirs.state_dict(), tmp_path / 'vgg11.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'vgg11.pth'))
    ours = MODELS.build(
        dict(
            type='mmseg_plugins.FCNVGG',
            depth=11,
            norm_cfg=norm_cfg,
            fc_channels=8,
            out_indices=(3, 4),
            init_cfg=init_cfg,
        )
    ).eval()
    ours.init_weights()
    image = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        (expected,), (found, _) = theirs(image), ours(image)
    torch.testing.assert_close(found, expected)
