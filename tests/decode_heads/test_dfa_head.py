"""DFAHead against the plain restatement, and the whole of DFANet."""

import copy

import onnxruntime
import pytest
import reference.dfanet
import torch
from mmcv.cnn import fuse_conv_bn
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from reference.bilinear import aligned_matrix
from reference.dfanet import Network, randomise
from torch import nn
from torch.fx.experimental import _config as symbolic
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.flop_counter import FlopCounterMode

from mmseg_plugins.decode_heads import DFAHead

WIDTHS = {'A': (48, 192), 'B': (32, 128)}
SIZES = [(720, 960), (360, 480), (713, 713), (33, 47), (17, 16)]
BN = dict(type='BN')


def make_head(
    num_low: int = 3, num_high: int = 3, num_classes: int = 5, **kwargs: object
) -> DFAHead:
    torch.manual_seed(0)
    count = num_low + num_high
    head = DFAHead(
        in_channels=[4] * num_low + [6] * num_high,
        in_index=list(range(count)),
        num_low=num_low,
        num_classes=num_classes,
        **kwargs,
    )
    randomise(head)
    return head.eval()


def make_levels(num_low: int = 3, num_high: int = 3) -> list[torch.Tensor]:
    torch.manual_seed(1)
    sizes = [(4, 2**k) for k in range(num_low)]
    sizes += [(6, 4 * 2**k) for k in range(num_high)]
    return [
        torch.randn(4, width, -(-33 // stride), -(-47 // stride), dtype=torch.float64)
        for width, stride in sizes
    ]


def plain(head: DFAHead, levels: list[torch.Tensor]) -> torch.Tensor:
    weights = {k: v.clone() for k, v in head.state_dict().items()}
    return Network(weights, head.training).head(levels, head.num_low)


@pytest.mark.parametrize('training', [False, True])
@pytest.mark.parametrize(
    'num_classes', [5, 64, 70]
)  # less, as many, more than channels
@pytest.mark.parametrize(
    ('num_low', 'num_high'), [(3, 3), (0, 3), (3, 0), (1, 0), (0, 1), (2, 1), (4, 4)]
)
def test_logits_equal_the_plain_restatement(num_low, num_high, num_classes, training):
    head = make_head(num_low, num_high, num_classes).train(training)
    levels = make_levels(num_low, num_high)
    expected = plain(head, levels)
    with torch.no_grad():
        actual = head(levels)
    torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-10)


def test_corners_are_aligned_if_asked_for(monkeypatch):
    head, aligned = make_head(), make_head(align_corners=True)
    levels = make_levels()
    monkeypatch.setattr(reference.dfanet, 'bilinear_matrix', aligned_matrix)
    expected = plain(head, levels)
    with torch.no_grad():
        torch.testing.assert_close(aligned(levels), expected, rtol=0, atol=1e-10)
        assert (head(levels) - expected).abs().max() > 0.01


@pytest.mark.parametrize('part', ['fusion', 'low_convs.2', 'high_convs.0'])
def test_control_a_part_left_out_differs(part):
    head, levels = make_head(), make_levels()
    expected = plain(head, levels)
    nn.init.zeros_(head.get_submodule(part).conv.weight)
    with torch.no_grad():
        assert (head(levels) - expected).abs().max() > 0.01


@pytest.mark.parametrize('num_classes', [5, 70])
@pytest.mark.parametrize(('num_low', 'num_high'), [(3, 3), (0, 3), (3, 0)])
def test_every_convolution_gets_a_gradient(num_low, num_high, num_classes):
    head = make_head(num_low, num_high, num_classes).train()
    labels = torch.randint(0, num_classes, (1, 33, 47))
    sample = SegDataSample(gt_sem_seg=PixelData(data=labels))
    levels = make_levels(num_low, num_high)
    head.loss(levels, [sample] * 4, None)['loss_ce'].backward()
    assert all(p.grad.any() for p in head.parameters())


@pytest.mark.parametrize('num_classes', [5, 70])
def test_dropout_drops_channels_while_training_only(num_classes):
    head, levels = make_head(num_classes=num_classes, dropout_ratio=1.0), make_levels()
    with torch.no_grad():
        torch.testing.assert_close(head(levels), plain(head, levels))
        bias = head.conv_seg.bias[:, None, None]
        logits = head.train()(levels)
    torch.testing.assert_close(logits, bias.expand_as(logits))


def make_segmentor(arch: str = 'A', **backbone: object) -> nn.Module:
    """DFANet with 19 classes, from image to logits."""
    torch.manual_seed(0)
    low, high = WIDTHS[arch]
    cfg = dict(
        type='mmseg.EncoderDecoder',
        backbone=dict(type='mmseg_plugins.DFANet', arch=arch, **backbone),
        decode_head=dict(
            type='mmseg_plugins.DFAHead',
            in_channels=[low] * 3 + [high] * 3,
            in_index=list(range(6)),
            num_classes=19,
        ),
        test_cfg=dict(mode='whole'),
    )
    net = MODELS.build(cfg)
    randomise(net)
    return net.float().eval()


class ImageToLogits(nn.Module):
    """What a deployed model does: prediction without the host's data structures."""

    def __init__(self, segmentor: nn.Module) -> None:
        super().__init__()
        self.segmentor = segmentor

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.segmentor.encode_decode(image, [dict(img_shape=image.shape[2:])])


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ('arch', 'parameters', 'of_head', 'with_norm', 'macs'),
    [
        ('A', 1_842_843, 52_307, 1_843_419, 3_290_706_944),
        ('B', 1_109_115, 36_947, 1_109_499, 1_869_707_264),
    ],
)
def test_parameters_and_multiply_adds(arch, parameters, of_head, with_norm, macs):
    with torch.device('meta'):
        net = make_segmentor(arch)
        assert count(net) == parameters
        assert count(net.decode_head) == of_head
        assert count(make_segmentor(arch, attention_norm_cfg=BN)) == with_norm
        with FlopCounterMode(display=False) as counter:
            net.decode_head(net.backbone(torch.empty(1, 3, 1024, 1024)))
    # Classes before the upsampling: of the cells of the high levels too.
    earlier = (64**2 + 32**2 + 16**2) * 64 * 19
    assert counter.get_total_flops() == 2 * (macs + earlier)


@pytest.mark.parametrize('arch', WIDTHS)
def test_fused_and_channels_last_equal_plain(arch):
    net = ImageToLogits(make_segmentor(arch))
    image = torch.randn(1, 3, 97, 130)
    turned = image.contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        expected = net(image)
        tolerance = 1e-5 * expected.abs().max().item()
        fused = fuse_conv_bn(copy.deepcopy(net))
        assert not any(isinstance(m, _BatchNorm) for m in fused.modules())
        for changed in (net, fused):
            torch.testing.assert_close(changed(image), expected, rtol=0, atol=tolerance)
            changed = changed.to(memory_format=torch.channels_last)
            torch.testing.assert_close(
                changed(turned), expected, rtol=0, atol=tolerance
            )


DYNAMIC = ({2: torch.export.Dim.AUTO, 3: torch.export.Dim.AUTO},)
EXAMPLE = (torch.randn(1, 3, 128, 192),)


@pytest.mark.slow
def test_exported_program_and_onnx_model_equal_eager_at_any_size(tmp_path):
    net, file = ImageToLogits(make_segmentor()), tmp_path / 'net.onnx'
    # Else the program would refuse sizes at which a level is a single cell.
    with symbolic.patch(backed_size_oblivious=True):
        program = torch.export.export(net, EXAMPLE, dynamic_shapes=DYNAMIC)
    torch.onnx.export(program, f=file, dynamo=True, verbose=False)
    module, session = program.module(), onnxruntime.InferenceSession(file)
    for size in SIZES:
        image = torch.randn(1, 3, *size)
        with torch.no_grad():
            expected = net(image)
            assert expected.shape == (1, 19, *size)
            torch.testing.assert_close(module(image), expected, rtol=0, atol=0)
        actual = session.run(None, {session.get_inputs()[0].name: image.numpy()})[0]
        tolerance = 1e-5 * expected.abs().max().item()
        torch.testing.assert_close(
            torch.from_numpy(actual), expected, rtol=0, atol=tolerance
        )
