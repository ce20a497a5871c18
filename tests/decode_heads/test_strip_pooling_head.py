"""StripPoolingHead and the whole SPNet: the authors' form, size, and inputs."""

import pytest
import torch
from mmseg.models.backbones import ResNet
from mmseg.registry import MODELS
from reference.spnet import SPNet
from torch.utils.flop_counter import FlopCounterMode

from mmseg_plugins.decode_heads import StripPoolingHead
from mmseg_plugins.layers import MixedPooling

BN = dict(type='BN')
CE = dict(type='mmseg.CrossEntropyLoss', avg_non_ignore=True)
MAPS = [(13, 7), (97, 61), (60, 60), (64, 64), (1, 5)]


def make_head(**kwargs) -> StripPoolingHead:
    torch.manual_seed(0)
    slim = dict(in_channels=6, reduce_channels=8, channels=8, num_classes=5)
    head = StripPoolingHead(**{**slim, **kwargs}, norm_cfg=BN, dropout_ratio=0.0)
    return randomise(head)


def randomise(module: torch.nn.Module) -> torch.nn.Module:
    for key, tensor in module.state_dict().items():
        if tensor.dim() == 1:
            torch.nn.init.uniform_(tensor, 0.5, 1.5)
        elif key.endswith('conv_seg.weight'):
            torch.nn.init.normal_(tensor)
    return module.double()


def make_network(depth: int, slim: bool = True, **head) -> torch.nn.Module:
    """SPNet with the authors' auxiliary head, 150 classes at full width."""
    width = 2 if slim else 64
    narrow = dict(reduce_channels=8, channels=8) if slim else {}
    common = dict(num_classes=5 if slim else 150, norm_cfg=BN, loss_decode=CE)
    cfg = dict(
        type='mmseg.EncoderDecoder',
        backbone=dict(
            type='mmseg_plugins.SPNetResNet',
            depth=depth,
            base_channels=width,
            stem_channels=2 * width,
            norm_cfg=BN,
        ),
        decode_head=dict(
            type='mmseg_plugins.StripPoolingHead',
            in_channels=32 * width,
            in_index=3,
            dropout_ratio=0.0,
            **{**narrow, **common, **head},
        ),
        auxiliary_head=dict(
            type='mmseg.FCNHead',
            in_channels=16 * width,
            in_index=2,
            channels=4 * width,
            num_convs=1,
            concat_input=False,
            align_corners=True,
            **common,
        ),
    )
    torch.manual_seed(0)
    return MODELS.build(cfg)


def parts_of(state: dict, prefix: str) -> dict:
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


def run_reference(state: dict, x: torch.Tensor, depth: int, train: bool, spoilt: str):
    backbone = SPNet(parts_of(state, 'backbone.'), train, spoilt)
    head = SPNet(parts_of(state, 'decode_head.'), train, spoilt)
    return head.head(backbone.backbone(x, depth)[3], (20, 12), 2)


def differences(depth: int, size: tuple[int, int], train: bool, spoilt: str = ''):
    """Compare logits and, in train mode, gradients, by the largest of them all."""
    net = randomise(make_network(depth)).train(train)
    rows, columns = size
    torch.manual_seed(1)
    # the smallest image with such a map in the height, the largest in the width
    x = torch.randn(2, 3, 8 * rows - 7, 8 * columns, dtype=torch.float64)
    state = {k: v.detach().clone() for k, v in net.state_dict().items()}
    names = [n for n, _ in net.named_parameters() if not n.startswith('auxiliary')]
    tensors = [state[name].requires_grad_() for name in names]
    with torch.set_grad_enabled(train):
        actual = net.decode_head(net.backbone(x))
        expected = run_reference(state, x, depth, train, spoilt)
    assert actual.shape[2:] == size
    result = ((actual - expected).abs().max() / expected.abs().max()).item()
    if not train:
        return result, result
    weight = torch.randn(actual.shape, dtype=torch.float64)
    found = torch.autograd.grad(actual, [net.get_parameter(n) for n in names], weight)
    wanted = torch.autograd.grad(expected, tensors, weight)
    scale = max(gradient.abs().max() for gradient in wanted)
    gap = max((a - b).abs().max() for a, b in zip(found, wanted, strict=True))
    return result, (gap / scale).item()


@pytest.mark.parametrize('depth', [50, 101])
@pytest.mark.parametrize('size', MAPS)
@pytest.mark.parametrize('train', [True, False])
def test_the_network_equals_the_authors_form(depth, size, train):
    result, gradient = differences(depth, size, train)
    assert result < (1e-10 if train else 1e-12)
    assert gradient < 1e-10


@pytest.mark.parametrize(
    'spoilt',
    [
        'swapped strips',
        'half-pixel corners',
        'other pools',
        'no ReLU after the sum',
        'no multi-grid',
    ],
)
def test_control_a_spoilt_network_differs(spoilt):
    for train in (True, False):
        assert min(differences(50, MAPS[0], train, spoilt)) > 1e-4


@pytest.mark.parametrize('num_modules', [0, 1, 3])
def test_the_number_of_modules(num_modules):
    head = make_head(num_modules=num_modules).eval()
    assert sum(isinstance(m, MixedPooling) for m in head.modules()) == num_modules
    x = torch.randn(2, 6, 13, 7, dtype=torch.float64)
    with torch.no_grad():
        expected = SPNet(head.state_dict(), False).head(x, (20, 12), num_modules)
        torch.testing.assert_close(head([x]), expected, rtol=0, atol=1e-12)


def test_align_corners_reaches_the_modules():
    assert make_head().mpms[0].align_corners
    assert not make_head(align_corners=False).mpms[1].align_corners


def test_any_backbone_will_do():
    backbone = ResNet(18, base_channels=4, stem_channels=4, norm_cfg=BN)
    head = make_head(in_channels=16, in_index=2, pool_sizes=(6, 3, 2)).float()
    logits = head(backbone(torch.randn(2, 3, 97, 65)))
    assert logits.shape == (2, 5, 7, 5)


@pytest.mark.parametrize(
    ('depth', 'parameters', 'with_aux', 'without'),
    [(50, 47_838_124, 172.54, 162.72), (101, 66_830_252, 250.12, 240.30)],
)
def test_parameters_and_multiply_adds_are_the_authors(
    depth, parameters, with_aux, without
):
    with torch.device('meta'):
        net = make_network(depth, slim=False).eval()
        x = torch.empty(1, 3, 512, 512)
    assert sum(p.numel() for p in net.parameters()) == parameters
    with FlopCounterMode(display=False) as counter:
        net.encode_decode(x, [dict(img_shape=(512, 512))])
    assert round(counter.get_total_flops() / 2e9, 2) == without
    with FlopCounterMode(display=False) as counter:
        levels = net.extract_feat(x)
        net.decode_head(levels)
        net.auxiliary_head(levels)
    assert round(counter.get_total_flops() / 2e9, 2) == with_aux


@pytest.mark.parametrize('size', [(17, 17), (17, 40), (33, 18)])
def test_a_batch_of_one_trains_from_17_pixels_a_side_on(size):
    net = make_network(50).train()
    logits = net.decode_head(net.backbone(torch.randn(1, 3, *size)))
    logits.square().mean().backward()
    assert logits.isfinite().all()


@pytest.mark.parametrize('size', [(1, 1), (1, 9), (16, 16)])
def test_any_image_is_evaluated(size):
    net = make_network(50).eval()
    with torch.no_grad():
        logits = net.encode_decode(torch.randn(1, 3, *size), [dict(img_shape=size)])
    assert logits.shape == (1, 5, *size)
    assert logits.isfinite().all()
