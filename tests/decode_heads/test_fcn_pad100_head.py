"""FCNPad100Head: equal to the authors' network, and where its logits lie."""

import pytest
import reference.fcn
import torch
from comparison import make_samples, relative_difference
from fcn_nets import SIZES, Net, random_image
from reference.fcn import CROPS, authors_fcn
from torch import Tensor
from torch.nn import functional

from mmseg_plugins.backbones import FCNVGG
from mmseg_plugins.decode_heads import FCNPad100Head, FCNSkipHead

every_upsampling = pytest.mark.parametrize('upsample', ['bilinear', 'learned'])


@every_upsampling
@pytest.mark.parametrize(
    ('stride', 'scales'),
    # Larger scales than the authors', under which a wrong skip would not show.
    [(32, ()), (16, (1.0,)), (8, (1.0, 1.0)), (8, (0.5, 0.7))],
)
@pytest.mark.parametrize('size', SIZES)
def test_prediction_and_loss_equal_the_authors(upsample, stride, scales, size):
    net = Net(stride, pad100=True, upsample=upsample, skip_scales=scales)
    image, labels = random_image(size), torch.randint(0, 5, (2, *size))
    expected = authors_fcn(image, net.paper_weights(), stride, scales[::-1])
    assert relative_difference(net(image), expected) < 1e-10
    losses = net.decode_head.loss(net.backbone(image), make_samples(labels), None)
    expected_loss = net.decode_head.loss_decode(expected, labels)
    torch.testing.assert_close(losses['loss_ce'], expected_loss, rtol=1e-10, atol=0)


def difference_from_authors(stride: int, *swapped: str) -> float:
    """Compare with the authors' network, two of whose kernels may be swapped."""
    net, image = Net(stride, pad100=True, upsample='learned'), random_image((97, 131))
    weights = net.paper_weights()
    kernels = [weights[name] for name in reversed(swapped)]
    weights |= dict(zip(swapped, kernels, strict=True))
    expected = authors_fcn(image, weights, stride)
    actual = net(image)[..., : expected.shape[2], : expected.shape[3]]
    return relative_difference(actual, expected)


def floor_pool(x: Tensor) -> Tensor:
    return functional.max_pool2d(x, 2)


@pytest.mark.parametrize(
    ('part', 'replacement'),
    [('ceil_pool', floor_pool), ('relu', lambda x: x)],
    ids=['floor pools', 'no ReLU'],
)
def test_control_another_backbone_differs(part, replacement, monkeypatch):
    monkeypatch.setattr(reference.fcn, part, replacement)
    assert difference_from_authors(8) > 0.1


@pytest.mark.parametrize(
    ('stride', 'crop'), [(8, 'pool4'), (8, 'pool3'), (8, 8), (16, 16), (32, 32)]
)
def test_control_a_crop_off_by_one_differs(stride, crop, monkeypatch):
    monkeypatch.setitem(CROPS, crop, CROPS[crop] + 1)
    assert difference_from_authors(stride) > 0.1


def test_control_swapped_deconvolutions_differ():
    assert difference_from_authors(8, 'upscore2', 'upscore_pool4') > 0.1


@pytest.mark.parametrize(
    ('strides', 'centre', 'offsets'),
    [
        ([8, 16, 32], 12.5, {16: 5, 8: 9, 1: 31}),
        ([16, 32], 12.5, {16: 5, 1: 27}),
        ([32], 12.5, {1: 19}),
        ([32], 13, {1: 18}),  # FCN-AlexNet
    ],
)
def test_crop_offsets_are_the_authors(strides, centre, offsets):
    levels = dict(in_channels=[1] * len(strides), in_index=list(range(len(strides))))
    head = FCNPad100Head(**levels, num_classes=5, strides=strides, centre=centre)
    assert head.offsets == offsets


@every_upsampling
@pytest.mark.parametrize(
    ('level', 'score', 'cell', 'pixel'),
    [
        (0, 'score_pool3', 20, 8 * 20 - 95.5),
        (1, 'score_pool4', 10, 16 * 10 - 91.5),
        (2, 'conv_seg', 3, 32 * 3 + 12.5),
    ],
)
def test_one_cell_of_a_level_is_seen_at_its_pixel(level, score, cell, pixel, upsample):
    levels = dict(in_channels=[1] * 3, in_index=[0, 1, 2])
    head = FCNPad100Head(**levels, num_classes=2, upsample=upsample)
    head.init_weights()
    torch.nn.init.ones_(head.get_submodule(score).weight)
    # The sizes for an image of 250 pixels.
    maps = [torch.zeros(1, 1, size, size) for size in (56, 28, 8)]
    maps[level][0, 0, cell] = 1
    with torch.no_grad():
        logits = head(maps)
        prediction = head.predict_by_feat(logits, [dict(img_shape=(250, 250))])
    for scores, stride, first in [(logits, 8, -23.5), (prediction, 1, 0)]:
        rows = scores[0, 1].sum(1)
        centre = (rows * (stride * torch.arange(len(rows)) + first)).sum() / rows.sum()
        assert centre.item() == pytest.approx(pixel)


@pytest.mark.parametrize(('pad', 'make_head'), [(1, FCNSkipHead), (100, FCNPad100Head)])
def test_fcn_8s_has_the_papers_number_of_parameters(pad, make_head):
    with torch.device('meta'):
        backbone = FCNVGG(pad=pad)
        levels = dict(in_channels=[256, 512, 4096], in_index=[0, 1, 2])
        head = make_head(**levels, num_classes=21)
    parameters = [*backbone.parameters(), *head.parameters()]
    assert sum(p.numel() for p in parameters) == 134_362_751
