"""FCNSkipHead: equal to the paper, or a plain resize where it cannot be exact."""

import pytest
import reference.fcn
import torch
from cases import NETWORKS
from comparison import make_samples, relative_difference
from fcn_nets import SIZES, STRIDES, Net, random_image
from mmengine.config import ConfigDict
from mmengine.runner import load_checkpoint, save_checkpoint
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from reference.bilinear import aligned_matrix
from reference.fcn import fcn
from torch import Tensor
from torch.nn import functional

from mmseg_plugins.decode_heads import FCNSkipHead

VGG16 = (2, 2, 3, 3, 3)
IMAGE = (97, 131)
BN = dict(type='BN')


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
    monkeypatch.setattr(reference.fcn, 'bilinear_matrix', aligned_matrix)
    expected = fcn(image, net.paper_weights(), VGG16, 8)
    assert relative_difference(net(image), expected) > 0.1


def test_skip_scales_scale_the_skips():
    # Larger than the authors', whose skips would hardly show.
    net, image = Net(8, skip_scales=(0.7, 0.5)), random_image(IMAGE)
    weights = net.paper_weights()
    for name, scale in [('score_pool3', 0.7), ('score_pool4', 0.5)]:
        kernel, bias = weights[name]
        weights[name] = (kernel * scale, bias)
    assert relative_difference(net(image), fcn(image, weights, VGG16, 8)) < 1e-12


def resized_logits(
    head: FCNSkipHead, levels: list[Tensor], size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Return logits and prediction with mmseg's resize in place of exact upsampling."""
    *skips, coarsest = levels
    score = head.conv_seg(coarsest)
    for name, skip in zip(['score_pool4', 'score_pool3'], skips[::-1], strict=True):
        skip = head.get_submodule(name)(skip)
        score = skip + resize(
            score, skip.shape[2:], None, 'bilinear', head.align_corners
        )
    return score, resize(score, size, None, 'bilinear', head.align_corners)


@torch.no_grad()
def differences_from_resize(head: FCNSkipHead, levels: list[Tensor]) -> list[float]:
    """Compare logits and prediction."""
    metas = [dict(img_shape=IMAGE)] * 2
    actual = head(levels), head.predict(levels, metas, None)
    expected = resized_logits(head, levels, IMAGE)
    assert actual[0].shape[2:] == levels[0].shape[2:]
    return list(map(relative_difference, actual, expected))


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


def test_aligned_corners_are_always_resized():
    net = Net(8, align_corners=True)
    levels = net.backbone(random_image(IMAGE))
    assert max(differences_from_resize(net.decode_head, levels)) < 1e-12


def test_control_exact_logits_differ_from_resized_ones():
    net = Net(8)
    levels = net.backbone(random_image(IMAGE))
    assert min(differences_from_resize(net.decode_head, levels)) > 0.01


@pytest.mark.parametrize('stride', STRIDES)
def test_an_odd_image_has_the_logits_of_the_padded_image(stride):
    net, image = Net(stride), random_image((545, 577))[:1]
    padded = functional.pad(image, (0, -577 % 32, 0, -545 % 32))
    expected = net(padded)[..., :545, :577]
    # Half the receptive field of fc7, and three of its cells for the upsampling.
    margin = 404 // 2 + 48
    inside = (..., slice(margin, 545 - margin), slice(margin, 577 - margin))
    assert (net(image) - expected)[inside].abs().max() < 1e-12
    if stride == 8:  # control
        with torch.no_grad():
            levels = net.backbone(image)
            _, resized = resized_logits(net.decode_head, levels, (545, 577))
        assert (resized - expected)[inside].abs().max() > 1e-3


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


@pytest.mark.parametrize('upsample', ['bilinear', 'learned'])
def test_logits_of_stride_1_are_not_upsampled(upsample):
    levels = dict(in_channels=[3, 4], in_index=[0, 1], strides=[1, 2])
    head = FCNSkipHead(**levels, num_classes=5, upsample=upsample)
    maps = [torch.randn(1, 3, 9, 7), torch.randn(1, 4, 5, 4)]
    with torch.no_grad():
        prediction = head.predict(maps, [dict(img_shape=(9, 7))], None)
        torch.testing.assert_close(prediction, head(maps))


def test_scores_start_at_zero_and_get_a_gradient():
    net = Net(8)
    net.decode_head.init_weights()
    assert not any(parameter.any() for parameter in net.decode_head.parameters())
    levels = net.backbone(random_image((40, 40)))
    samples = make_samples(torch.ones(2, 40, 40).long())
    net.decode_head.loss(levels, samples, None)['loss_ce'].backward()
    for name, parameter in net.decode_head.named_parameters():
        assert parameter.grad.any(), name


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


def build_segmentor(**cfg: object) -> torch.nn.Module:
    windows = dict(mode='slide', crop_size=(64, 64), stride=(40, 40))
    return MODELS.build(ConfigDict(cfg, test_cfg=windows))


def train_and_predict(model: torch.nn.Module) -> dict:
    """Check a prediction and return the losses."""
    images, labels = torch.randn(2, 3, 75, 107), torch.randint(0, 5, (2, 75, 107))
    with torch.no_grad():
        (prediction,) = model.eval()(images[:1], mode='predict')
    assert prediction.pred_sem_seg.shape == (75, 107)
    return model.train()(images, make_samples(labels), mode='loss')


def test_it_is_the_first_head_of_a_cascade():
    sizes = dict(in_channels=16, in_index=0, channels=8, ocr_channels=4, num_classes=5)
    model = build_segmentor(
        type='CascadeEncoderDecoder',
        num_stages=2,
        backbone=NETWORKS['fcn-8s']['backbone'],
        decode_head=[
            NETWORKS['fcn-8s']['decode_head'],
            dict(sizes, type='OCRHead', norm_cfg=BN),
        ],
    )
    losses = train_and_predict(model)
    assert {'decode_0.loss_ce', 'decode_1.loss_ce'} <= losses.keys()


BACKBONES = {  # arguments, and channels of the levels of strides 4 to 32
    'ResNet': (dict(depth=50, base_channels=4, norm_cfg=BN), [16, 32, 64, 128]),
    'MobileNetV2': (dict(out_indices=(1, 2, 4, 6), norm_cfg=BN), [24, 32, 96, 320]),
    'MixVisionTransformer': (
        dict(embed_dims=4, num_layers=[1] * 4, num_heads=[1, 2, 4, 8]),
        [4, 8, 16, 32],
    ),
}


@pytest.mark.parametrize('name', BACKBONES)
def test_backbones_of_mmseg_train_a_step_and_predict_in_windows(name):
    arguments, channels = BACKBONES[name]
    levels = dict(in_channels=channels, in_index=[0, 1, 2, 3], strides=[4, *STRIDES])
    model = build_segmentor(
        type='EncoderDecoder',
        backbone=dict(arguments, type=name),
        decode_head=dict(levels, type='mmseg_plugins.FCNSkipHead', num_classes=5),
    )
    train_and_predict(model)['decode.loss_ce'].backward()
    assert model.decode_head.conv_seg.weight.grad.any()
