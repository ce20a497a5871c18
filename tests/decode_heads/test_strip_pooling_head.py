"""StripPoolingHead and the whole of SPNet: the authors' form, size and cost."""

import pytest
import torch
from cases import NETWORKS
from mmseg.models.backbones import ResNet
from mmseg.models.decode_heads import FCNHead
from mmseg.registry import MODELS
from reference.spnet import SPNet
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from mmseg_plugins.backbones import SPNetResNet
from mmseg_plugins.decode_heads import StripPoolingHead
from mmseg_plugins.layers import MixedPooling

BN = dict(type='BN')
MAPS = [(13, 7), (97, 61), (60, 60), (64, 64), (1, 5)]
DEVIATIONS = [
    'swapped strips',
    'half-pixel corners',
    'other pools',
    'no ReLU after the sum',
    'no multi-grid',
]


def make_head(**kwargs) -> StripPoolingHead:
    torch.manual_seed(0)
    slim = dict(in_channels=6, reduce_channels=8, channels=8, num_classes=5)
    head = StripPoolingHead(**{**slim, **kwargs}, norm_cfg=BN, dropout_ratio=0.0)
    return randomise(head)


def randomise(module: nn.Module) -> nn.Module:
    for key, tensor in module.state_dict().items():
        if tensor.dim() == 1:
            nn.init.uniform_(tensor, 0.5, 1.5)
        elif key.endswith('conv_seg.weight'):
            nn.init.normal_(tensor)
    return module.double()


def make_network(depth: int) -> nn.Module:
    torch.manual_seed(0)
    slim = dict(depth=depth, base_channels=2, stem_channels=4)
    backbone = dict(NETWORKS['spnet']['backbone'], **slim)
    head = dict(NETWORKS['spnet']['decode_head'], in_channels=64, dropout_ratio=0.0)
    cfg = dict(type='mmseg.EncoderDecoder', backbone=backbone, decode_head=head)
    return randomise(MODELS.build(cfg))


def restated(weights: dict, x: Tensor, depth: int, train: bool, deviation: str):
    parts = [
        {k.removeprefix(part): v for k, v in weights.items() if k.startswith(part)}
        for part in ('backbone.', 'decode_head.')
    ]
    backbone, head = (SPNet(part, train, deviation) for part in parts)
    return head.head(backbone.backbone(x, depth)[3], (20, 12), 2)


def differences(depth: int, size: tuple[int, int], train: bool, deviation: str = ''):
    """Compare logits and, in training, gradients, relative to the largest of all."""
    net = make_network(depth).train(train)
    torch.manual_seed(1)
    # The smallest image with a map of that height, the largest of that width.
    height, width = 8 * size[0] - 7, 8 * size[1]
    x = torch.randn(2, 3, height, width, dtype=torch.float64)
    weights = {key: value.detach().clone() for key, value in net.state_dict().items()}
    names, parameters = zip(*net.named_parameters(), strict=True)
    tensors = [weights[name].requires_grad_() for name in names]
    with torch.set_grad_enabled(train):
        actual = net.decode_head(net.backbone(x))
        expected = restated(weights, x, depth, train, deviation)
    assert actual.shape[2:] == size
    difference = ((actual - expected).abs().max() / expected.abs().max()).item()
    if not train:
        return difference, difference
    factor = torch.randn(actual.shape, dtype=torch.float64)
    gradients = torch.autograd.grad(actual, parameters, factor)
    references = torch.autograd.grad(expected, tensors, factor)
    largest = max(gradient.abs().max() for gradient in references)
    pairs = zip(gradients, references, strict=True)
    return difference, (max((a - b).abs().max() for a, b in pairs) / largest).item()


@pytest.mark.parametrize('depth', [50, 101])
@pytest.mark.parametrize('size', MAPS)
@pytest.mark.parametrize('train', [True, False])
def test_the_network_equals_the_authors_form(depth, size, train):
    logits, gradients = differences(depth, size, train)
    assert logits < (1e-10 if train else 1e-12)
    assert gradients < 1e-10


@pytest.mark.parametrize('deviation', DEVIATIONS)
def test_control_a_network_with_a_mistake_differs(deviation):
    for train in (True, False):
        assert min(differences(50, MAPS[0], train, deviation)) > 1e-4


@pytest.mark.parametrize('num_modules', [0, 1, 3])
def test_num_modules_is_the_number_of_mixed_poolings(num_modules):
    head = make_head(num_modules=num_modules).eval()
    assert sum(isinstance(m, MixedPooling) for m in head.modules()) == num_modules
    x = torch.randn(2, 6, 13, 7, dtype=torch.float64)
    with torch.no_grad():
        expected = SPNet(head.state_dict(), False).head(x, (20, 12), num_modules)
        torch.testing.assert_close(head([x]), expected, rtol=0, atol=1e-12)


def test_align_corners_reaches_the_mixed_poolings():
    assert make_head().mpms[0].align_corners
    assert not make_head(align_corners=False).mpms[1].align_corners


def test_concatenated_levels_of_any_backbone():
    backbone = ResNet(18, base_channels=4, stem_channels=4, norm_cfg=BN)
    levels = dict(in_channels=[16, 32], in_index=[2, 3])
    head = make_head(**levels, input_transform='resize_concat', pool_sizes=(6, 3, 2))
    logits = head.float()(backbone(torch.randn(2, 3, 97, 65)))
    assert logits.shape == (2, 5, 7, 5)


@pytest.mark.parametrize(
    ('depth', 'with_auxiliary', 'without'),
    [(50, 172.54, 162.72), (101, 250.12, 240.30)],
)
def test_giga_multiply_adds_are_the_authors(depth, with_auxiliary, without):
    common = dict(num_classes=150, norm_cfg=BN)
    kwargs = dict(in_channels=1024, in_index=2, num_convs=1, concat_input=False)
    with torch.device('meta'), FlopCounterMode(display=False) as counter:
        levels = SPNetResNet(depth, norm_cfg=BN).eval()(torch.empty(1, 3, 512, 512))
        StripPoolingHead(in_channels=2048, in_index=3, **common).eval()(levels)
        assert round(counter.get_total_flops() / 2e9, 2) == without
        FCNHead(channels=256, **kwargs, **common).eval()(levels)
    assert round(counter.get_total_flops() / 2e9, 2) == with_auxiliary
