"""PresenceHead: its equations, and what it does beside stock heads."""

import pytest
import torch
from mmengine.config import ConfigDict
from mmseg.registry import MODELS
from torch import Tensor
from torch.nn import functional

from mmseg_plugins.decode_heads import PresenceHead
from tests.decode_heads.comparison import make_samples
from tests.reference.encnet import classes_in, encode, se_loss

COMMON = dict(in_channels=64, in_index=3, num_classes=5, norm_cfg=dict(type='BN'))
PRESENCE = dict(COMMON, type='mmseg_plugins.PresenceHead', channels=8, num_codes=4)
FCN = dict(COMMON, type='FCNHead', channels=8, num_convs=1)


def make_segmentor() -> torch.nn.Module:
    """Make a ResNet with a stock head and two auxiliary heads."""
    torch.manual_seed(0)
    cfg = dict(
        type='EncoderDecoder',
        backbone=dict(
            type='ResNet', depth=18, base_channels=8, norm_cfg=dict(type='BN')
        ),
        decode_head=FCN,
        auxiliary_head=[dict(FCN, in_channels=32, in_index=2), PRESENCE],
    )
    return MODELS.build(ConfigDict(cfg)).train()


def make_head(**kwargs) -> PresenceHead:
    torch.manual_seed(0)
    arguments = dict(in_channels=6, channels=8, num_codes=4, num_classes=5)
    head = PresenceHead(**{**arguments, **kwargs}).double().eval()
    # With the initial scales each pixel belongs to one codeword.
    head.encoding[0].scale.data.div_(4)
    torch.nn.init.normal_(head.conv_seg.weight)
    return head


def restated(head: PresenceHead, x: Tensor, first_code: int = 0) -> Tensor:
    """Return presence logits (N, K) by the paper's equations, in evaluation."""
    weights = head.state_dict()
    kernel, bias = weights['project.conv.weight'], weights['project.conv.bias']
    projected = functional.conv2d(x, kernel, bias).relu()
    codewords, scale = weights['encoding.0.codewords'], weights['encoding.0.scale']
    codes = encode(projected.flatten(2), codewords, -scale)
    mean, variance = (weights[f'encoding.1.running_{k}'] for k in ('mean', 'var'))
    codes = functional.batch_norm(codes, mean, variance).relu()[:, first_code:]
    kernel, bias = weights['conv_seg.weight'], weights['conv_seg.bias']
    return functional.linear(codes.mean(1), kernel[:, :, 0, 0], bias)


@torch.no_grad()
def test_logits_equal_the_plain_restatement():
    head, x = make_head(), torch.randn(2, 6, 9, 7).double()
    logits = head([x])
    expected = restated(head, x)[..., None, None]
    torch.testing.assert_close(logits, expected, rtol=1e-10, atol=1e-10)
    without_one_code = restated(head, x, first_code=1)[..., None, None]  # control
    assert (logits - without_one_code).abs().max() > 1e-2


def test_its_loss_is_the_se_loss_and_trains_the_backbone():
    model, images = make_segmentor(), torch.randn(2, 3, 49, 65)
    labels = torch.randint(0, 5, (2, 49, 65))
    labels[0] %= 2
    labels[:, :9] = 255
    losses = model(images, make_samples(labels), mode='loss')
    assert [key for key in losses if 'aux_1' in key] == ['aux_1.loss_se']
    with torch.no_grad():
        logits = model.auxiliary_head[1](model.extract_feat(images)).flatten(1)
    expected = 0.2 * se_loss(logits, classes_in(labels, 5, 255))
    assert losses['aux_1.loss_se'].item() == pytest.approx(expected)
    losses['aux_1.loss_se'].backward()
    assert all(p.grad is not None for p in model.backbone.parameters())
    assert model.backbone.conv1.weight.grad.any()
    assert model.decode_head.conv_seg.weight.grad is None


@pytest.mark.parametrize('num_classes', [1, 2])
def test_labels_0_and_1_have_two_logits_or_one_without_advice(num_classes, recwarn):
    head = make_head(num_classes=num_classes)
    logits = head([torch.randn(2, 6, 9, 7).double()])
    assert logits.shape == (2, num_classes, 1, 1)
    assert not [w for w in recwarn if 'binary' in str(w.message)]
    labels = torch.tensor([[[0, 0]], [[0, 1]]])
    presence = [row[-num_classes:] for row in [[1, 0], [1, 1]]]
    losses = head.loss_by_feat(logits, make_samples(labels))
    expected = se_loss(logits.detach().flatten(1), presence)
    assert losses['loss_se'].item() == pytest.approx(0.2 * expected)


def test_as_a_decode_head_it_refuses_to_predict():
    levels = [torch.randn(1, 6, 9, 7).double()]
    with pytest.raises(ValueError, match='use it as auxiliary_head'):
        make_head().predict(levels, [dict(img_shape=(18, 14))], None)
