"""FCNSkipHead on backbones of the host: a training step, a prediction."""

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

BN = dict(type='BN')
HRNET = dict(
    stage1=dict(
        num_modules=1,
        num_branches=1,
        block='BOTTLENECK',
        num_blocks=(1,),
        num_channels=(8,),
    ),
    stage2=dict(
        num_modules=1,
        num_branches=2,
        block='BASIC',
        num_blocks=(1, 1),
        num_channels=(4, 8),
    ),
    stage3=dict(
        num_modules=1,
        num_branches=3,
        block='BASIC',
        num_blocks=(1, 1, 1),
        num_channels=(4, 8, 16),
    ),
    stage4=dict(
        num_modules=1,
        num_branches=4,
        block='BASIC',
        num_blocks=(1, 1, 1, 1),
        num_channels=(4, 8, 16, 32),
    ),
)
BACKBONES = {  # name: (backbone, channels, indices, strides)
    'ResNet-50': (
        dict(type='ResNet', depth=50, base_channels=4, norm_cfg=BN),
        [16, 32, 64, 128],
        [0, 1, 2, 3],
        [4, 8, 16, 32],
    ),
    'MobileNetV2': (
        dict(type='MobileNetV2', out_indices=(1, 2, 4, 6), norm_cfg=BN),
        [24, 32, 96, 320],
        [0, 1, 2, 3],
        [4, 8, 16, 32],
    ),
    'HRNet': (
        dict(type='HRNet', extra=HRNET, norm_cfg=BN, norm_eval=False),
        [4, 8, 16, 32],
        [0, 1, 2, 3],
        [4, 8, 16, 32],
    ),
    'Swin': (
        dict(
            type='SwinTransformer',
            embed_dims=12,
            depths=(1, 1, 1, 1),
            num_heads=(1, 2, 3, 6),
        ),
        [24, 48, 96],
        [1, 2, 3],
        [8, 16, 32],
    ),
    'MiT': (
        dict(
            type='MixVisionTransformer',
            embed_dims=4,
            num_layers=[1, 1, 1, 1],
            num_heads=[1, 2, 4, 8],
        ),
        [4, 8, 16, 32],
        [0, 1, 2, 3],
        [4, 8, 16, 32],
    ),
}


def make_segmentor(name: str, align: str) -> torch.nn.Module:
    backbone, channels, index, strides = BACKBONES[name]
    torch.manual_seed(0)
    return MODELS.build(
        ConfigDict(
            type='EncoderDecoder',
            backbone=backbone,
            decode_head=dict(
                type='mmseg_plugins.FCNSkipHead',
                in_channels=channels,
                in_index=index,
                strides=strides,
                align=align,
                num_classes=5,
            ),
            test_cfg=dict(mode='slide', crop_size=(64, 64), stride=(40, 40)),
        )
    )


@pytest.mark.parametrize('align', ['exact', 'resize'])
@pytest.mark.parametrize('name', BACKBONES)
def test_a_stock_backbone_trains_a_step_and_predicts(name, align):
    model = make_segmentor(name, align).train()
    labels = torch.randint(0, 5, (1, 75, 107))
    samples = [SegDataSample(gt_sem_seg=PixelData(data=labels)) for _ in range(2)]
    losses = model(torch.randn(2, 3, 75, 107), samples, mode='loss')
    losses['decode.loss_ce'].backward()
    assert model.decode_head.conv_seg.weight.grad.abs().sum() > 0
    with torch.no_grad():
        (result,) = model.eval()(torch.randn(1, 3, 75, 107), mode='predict')
    assert result.pred_sem_seg.shape == (75, 107)


def test_levels_of_other_strides_than_told_are_refused():
    model = make_segmentor('ResNet-50', 'exact')
    model.backbone.layer4[0].conv2.stride = (1, 1)
    model.backbone.layer4[0].downsample[0].stride = (1, 1)
    with pytest.raises(
        ValueError, match=r'decode_head.strides=\(4, 8, 16, 32\) do not fit'
    ):
        model(torch.randn(1, 3, 64, 64))


@pytest.mark.parametrize(('index', 'found'), [([0, 1, 2, 2], 64), ([0, 1, 2, 4], 'no')])
def test_levels_of_other_channels_than_told_are_refused(index, found):
    model = make_segmentor('ResNet-50', 'exact')
    model.decode_head.in_index = index
    words = f'output {index[-1]} .* has {found} channels.* says 128'
    with pytest.raises(ValueError, match=words):
        model(torch.randn(1, 3, 64, 64))
