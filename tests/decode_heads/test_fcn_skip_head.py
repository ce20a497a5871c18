"""FCNSkipHead: equal to the paper, or a plain resize where it cannot be exact."""

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.runner import load_checkpoint, save_checkpoint
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from torch import Tensor

import tests.reference.fcn
from mmseg_plugins.decode_heads import FCNSkipHead
from tests.contracts.cases import NETWORKS
from tests.decode_heads.comparison import make_samples, relative_difference
from tests.decode_heads.fcn_nets import SIZES, STRIDES, Net, random_image
from tests.reference.bilinear import aligned_matrix
from tests.reference.fcn import fcn

VGG16 = (2, 2, 3, 3, 3)
IMAGE = (97, 131)


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('stride', STRIDES)
def test_prediction_and_loss_equal_the_plain_restatement(stride, size):
    net, image = Net(stride), random_image(size)
    expected = fcn(image, net.paper_weights(), VGG16, stride)
    assert relative_difference(net(image), expected) < 1e-12
    labels = torch.randint(0, 5, (2, *size))
    losses = net.decode_head.loss(net.backbone(image), make_samples(labels), None)
    expected_loss = net.decode_head.loss_decode(expected, labels)
    torch.testing.assert_close(losses['loss_ce'], expected_loss, rtol=1e-12, atol=0)


def test_control_aligned_corners_differ(monkeypatch):
    net, image = Net(8), random_image(IMAGE)
    monkeypatch.setattr(tests.reference.fcn, 'bilinear_matrix', aligned_matrix)
    expected = fcn(image, net.paper_weights(), VGG16, 8)
    assert relative_difference(net(image), expected) > 0.1


@torch.no_grad()
def differences_from_resize(head: FCNSkipHead, levels: list[Tensor]) -> list[float]:
    """Compare logits and prediction with those that mmseg's resize gives."""
    metas = [dict(img_shape=IMAGE)] * 2
    logits, prediction = head(levels), head.predict(levels, metas, None)
    options = (None, 'bilinear', head.align_corners)
    score = head.conv_seg(levels[2])
    for score_layer, level in zip(
        (head.score_pool4, head.score_pool3), levels[1::-1], strict=True
    ):
        score = score_layer(level) + resize(score, level.shape[2:], *options)
    expected = score, resize(score, IMAGE, *options)
    return list(map(relative_difference, (logits, prediction), expected))


LEVEL_SIZES = {
    'rounded down': [(12, 16), (6, 8), (3, 4)],
    'strides of 4, 8 and 16': [(24, 32), (12, 16), (6, 8)],
    'strides of 8, 8 and 8': [(12, 16)] * 3,
    'coarse to fine': [(3, 4), (6, 9), (13, 19)],
    'single cells': [(1, 1)] * 3,
}


@pytest.mark.parametrize('case', LEVEL_SIZES)
def test_levels_of_other_sizes_are_resized(case):
    levels = [
        torch.randn(2, width, *size, dtype=torch.float64)
        for width, size in zip([8, 16, 10], LEVEL_SIZES[case], strict=True)
    ]
    assert max(differences_from_resize(Net(8).decode_head, levels)) < 1e-12


@pytest.mark.parametrize('align_corners', [True, False])
def test_levels_of_ceiling_sizes_are_resized_only_with_aligned_corners(align_corners):
    net = Net(8, align_corners=align_corners)
    levels = net.backbone(random_image(IMAGE))
    differences = differences_from_resize(net.decode_head, levels)
    if align_corners:
        assert max(differences) < 1e-12
    else:  # control
        assert min(differences) > 0.01


@torch.no_grad()
def test_levels_of_one_stride_add_their_scores():
    options = dict(num_classes=5, strides=[7, 14, 14], align_corners=False)
    head = FCNSkipHead(in_channels=[2, 3, 4], in_index=[0, 1, 2], **options).double()
    assert {'score_stride7.weight', 'conv_seg.weight'} <= head.state_dict().keys()
    levels = [torch.randn(2, c, 28 // c, 42 // c).double() for c in (2, 4, 4)]
    levels[1] = levels[1][:, :3]
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter)
    first, second = head.conv_seg.weight.split([3, 4], 1)
    coarse = torch.nn.functional.conv2d(levels[1], first, head.conv_seg.bias)
    coarse += torch.nn.functional.conv2d(levels[2], second)
    skip = head.score_stride7(levels[0])
    expected = skip + resize(coarse, skip.shape[2:], None, 'bilinear', False)
    torch.testing.assert_close(head(levels), expected)


def test_learned_upsampling_starts_as_bilinear():
    net, image = Net(8), random_image((224, 224))
    expected, bilinear = net(image), net.decode_head
    levels = dict(in_channels=[8, 16, 10], in_index=[0, 1, 2])
    net.decode_head = FCNSkipHead(**levels, num_classes=5, upsample='learned').double()
    keys = net.decode_head.load_state_dict(bilinear.state_dict(), strict=False)
    assert {*keys.missing_keys} == {
        'upscore8.weight',
        'upscore_pool4.weight',
        'upscore_pool5.weight',
    }
    # The bilinear form repeats the border, the learned one sees zeros there.
    inside = (..., slice(32, -32), slice(32, -32))
    assert (net(image) - expected)[inside].abs().max() < 1e-12


@pytest.mark.parametrize(('stride', 'new'), [(16, 'score_pool4'), (8, 'score_pool3')])
def test_a_finer_net_starts_from_a_coarser_one_by_load_from(stride, new, tmp_path):
    net, coarser = Net(stride), Net(2 * stride).state_dict()
    net.decode_head.init_weights()
    save_checkpoint(dict(state_dict=coarser), str(tmp_path / 'coarser.pth'))
    load_checkpoint(net, str(tmp_path / 'coarser.pth'), strict=False)
    state = net.state_dict()
    assert all(torch.equal(state[key], value) for key, value in coarser.items())
    added = {f'decode_head.{new}.weight', f'decode_head.{new}.bias'}
    assert state.keys() - coarser.keys() == added
    assert not any(state[key].any() for key in added)


def test_it_is_the_first_head_of_a_cascade_in_slide_inference():
    sizes = dict(in_channels=16, in_index=0, channels=8, ocr_channels=4, num_classes=5)
    cfg = dict(
        type='CascadeEncoderDecoder',
        num_stages=2,
        backbone=NETWORKS['fcn-8s']['backbone'],
        decode_head=[
            NETWORKS['fcn-8s']['decode_head'],
            dict(sizes, type='OCRHead', norm_cfg=dict(type='BN')),
        ],
        test_cfg=dict(mode='slide', crop_size=(64, 64), stride=(40, 40)),
    )
    model = MODELS.build(ConfigDict(cfg)).eval()
    images, labels = torch.randn(2, 3, 75, 107), torch.randint(0, 5, (2, 75, 107))
    with torch.no_grad():
        (prediction,) = model(images[:1], mode='predict')
    assert prediction.pred_sem_seg.shape == (75, 107)
    losses = model.train()(images, make_samples(labels), mode='loss')
    assert {'decode_0.loss_ce', 'decode_1.loss_ce'} <= losses.keys()
