"""FCNSkipHead against the paper, and its own promises."""

import pytest
import reference.fcn
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from reference.fcn import fcn

from mmseg_plugins.backbones import FCNVGG
from mmseg_plugins.converters.vgg import VGG_STAGES
from mmseg_plugins.decode_heads import FCNSkipHead
from mmseg_plugins.layers import crop

IN_CHANNELS, STRIDES = [8, 16, 10], [8, 16, 32]
SIZES = [(33, 47), (50, 121), (64, 96), (1, 1)]


def make_net(stride: int) -> tuple[FCNVGG, FCNSkipHead]:
    """FCN-32s, 16s or 8s with random weights everywhere, in float64."""
    torch.manual_seed(stride)
    first = STRIDES.index(stride)
    backbone = FCNVGG(base_channels=2, fc_channels=10)
    head = FCNSkipHead(
        in_channels=IN_CHANNELS[first:],
        in_index=list(range(first, 3)),
        strides=STRIDES[first:],
        num_classes=5,
    )
    net = torch.nn.ModuleList([backbone, head]).double().eval()
    for parameter in net.parameters():  # scores of all levels of about one size
        torch.nn.init.normal_(parameter, std=(2 / parameter[0].numel()) ** 0.5)
    return backbone, head


def paper_weights(backbone: FCNVGG, head: FCNSkipHead) -> dict:
    weights = {
        name: (layer.conv.weight, layer.conv.bias)
        for name, layer in backbone.named_children()
        if name != 'dropout'
    }
    weights['score_fr'] = (head.conv_seg.weight, head.conv_seg.bias)
    for name, layer in head.named_children():
        if name.startswith('score_pool'):
            weights[name] = (layer.weight, layer.bias)
    return weights


def logits(backbone: FCNVGG, head: FCNSkipHead, image: torch.Tensor) -> torch.Tensor:
    metas = [dict(img_shape=image.shape[2:])] * len(image)
    return head.predict(backbone(image), metas, None)


def relative_difference(a: torch.Tensor, b: torch.Tensor) -> float:
    return ((a - b).abs().max() / b.abs().max()).item()


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('stride', STRIDES)
def test_logits_equal_the_plain_restatement(stride, size):
    backbone, head = make_net(stride)
    image = torch.randn(2, 3, *size, dtype=torch.float64)
    expected = fcn(image, paper_weights(backbone, head), VGG_STAGES[16], stride)
    with torch.no_grad():
        assert relative_difference(logits(backbone, head, image), expected) < 1e-12


def pool_padded_before(x: torch.Tensor) -> torch.Tensor:
    """Keep an odd first row and column alone, not the last."""
    return torch.nn.functional.max_pool2d(x.flip(2, 3), 2, ceil_mode=True).flip(2, 3)


def aligned_matrix(length: int, factor: int) -> torch.Tensor:
    identity = torch.eye(length, dtype=torch.float64)[None]
    return torch.nn.functional.interpolate(
        identity, scale_factor=float(factor), mode='linear', align_corners=True
    )[0].T


@pytest.mark.parametrize(
    ('part', 'spoilt'),
    [
        pytest.param('ceil_pool', pool_padded_before, id='pools padded before'),
        pytest.param('bilinear_matrix', aligned_matrix, id='corners aligned'),
        pytest.param('relu', torch.abs, id='another rectifier'),
    ],
)
def test_control_a_spoilt_restatement_differs(part, spoilt, monkeypatch):
    backbone, head = make_net(8)
    image = torch.randn(2, 3, 95, 127, dtype=torch.float64)
    monkeypatch.setattr(reference.fcn, part, spoilt)
    expected = fcn(image, paper_weights(backbone, head), VGG_STAGES[16], 8)
    with torch.no_grad():
        ours = crop(logits(backbone, head, image), expected.shape[2:])
    assert relative_difference(ours, expected) > 1e-2


def test_control_swapped_channels_of_a_score_differ():
    backbone, head = make_net(8)
    image = torch.randn(2, 3, 64, 96, dtype=torch.float64)
    weights = paper_weights(backbone, head)
    kernel, bias = weights['score_pool4']
    weights['score_pool4'] = (kernel.flip(0), bias)
    expected = fcn(image, weights, VGG_STAGES[16], 8)
    with torch.no_grad():
        assert relative_difference(logits(backbone, head, image), expected) > 0.1


def test_parameter_count_of_fcn_8s_is_the_papers():
    backbone = FCNVGG()
    head = FCNSkipHead(in_channels=[256, 512, 4096], in_index=[0, 1, 2], num_classes=21)
    count = sum(p.numel() for p in [*backbone.parameters(), *head.parameters()])
    assert count == 134_362_751


def test_scores_start_at_zero():
    _, head = make_net(8)
    head.init_weights()
    assert all(not p.any() for p in head.parameters())


def test_a_finer_net_takes_over_a_coarser_one():
    coarse, fine = make_net(16)[1], make_net(8)[1]
    report = fine.load_state_dict(coarse.state_dict(), strict=False)
    assert report.missing_keys == ['score_pool3.weight', 'score_pool3.bias']
    assert report.unexpected_keys == []
    assert torch.equal(fine.score_pool4.weight, coarse.score_pool4.weight)
    assert torch.equal(fine.conv_seg.bias, coarse.conv_seg.bias)


def test_gradient_reaches_zero_scores_at_the_first_step():
    backbone, head = make_net(8)
    head.init_weights()
    image = torch.randn(1, 3, 40, 40, dtype=torch.float64)
    sample = SegDataSample(gt_sem_seg=PixelData(data=torch.ones(1, 40, 40).long()))
    losses = head.loss(backbone(image), [sample], None)
    losses['loss_ce'].backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


def test_a_slide_window_is_cut_to_its_own_size():
    backbone, head = make_net(8)
    window = torch.randn(1, 3, 30, 41, dtype=torch.float64)
    metas = [dict(img_shape=window.shape[2:], pad_shape=(100, 100))]
    with torch.no_grad():
        assert head.predict(backbone(window), metas, None).shape[2:] == (30, 41)


def test_strides_that_the_backbone_does_not_have_are_refused():
    head = FCNSkipHead(
        in_channels=[4, 4], in_index=[0, 1], strides=[16, 32], num_classes=5
    )
    levels = [torch.zeros(1, 4, 8, 8), torch.zeros(1, 4, 2, 2)]
    with pytest.raises(ValueError, match='cannot cut a map of 4 x 4 cells to 8 x 8'):
        head(levels)
