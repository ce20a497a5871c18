"""StripPoolingHead and the whole of SPNet against the authors' form."""

import pytest
import torch
from mmseg.registry import MODELS
from torch import nn

from mmseg_plugins.decode_heads import StripPoolingHead
from tests.contracts.cases import NETWORKS
from tests.decode_heads.comparison import (
    copy_weights,
    relative_difference,
    relative_differences,
)
from tests.reference.spnet import SPNet

MAPS = [(13, 7), (97, 61), (60, 60), (64, 64), (1, 5)]
DEVIATIONS = [
    'swapped strips',
    'half-pixel corners',
    'other pools',
    'no ReLU after the sum',
    'no multi-grid',
]


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


def differences(
    depth: int, size: tuple[int, int], train: bool, deviation: str = ''
) -> tuple[float, float]:
    """Compare logits and, in training, gradients with those of the authors' form."""
    net = make_network(depth).train(train)
    torch.manual_seed(1)
    # The smallest image with a map of that height, the largest of that width.
    x = torch.randn(2, 3, 8 * size[0] - 7, 8 * size[1], dtype=torch.float64)
    weights, trained = copy_weights(net)
    backbone, head = (
        SPNet(weights, train, deviation, f'{part}.')
        for part in ('backbone', 'decode_head')
    )
    with torch.set_grad_enabled(train):
        actual = net.decode_head(net.backbone(x))
        expected = head.head(backbone.backbone(x, depth)[3], (20, 12), 2)
    assert actual.shape[2:] == size
    if train:
        return relative_differences(actual, expected, net.parameters(), trained)
    return relative_difference(actual, expected), 0.0


@pytest.mark.one_line
@pytest.mark.parametrize('depth', [50, 101])
@pytest.mark.parametrize('size', MAPS)
@pytest.mark.parametrize('train', [True, False])
def test_the_network_equals_the_authors_form(depth, size, train):
    logits, gradients = differences(depth, size, train)
    assert logits < (1e-10 if train else 1e-12)
    assert gradients < 1e-10


@pytest.mark.parametrize('deviation', DEVIATIONS)
def test_control_a_network_with_a_mistake_differs(deviation):
    assert min(differences(50, MAPS[0], True, deviation)) > 1e-4
    assert differences(50, MAPS[0], False, deviation)[0] > 1e-4


@pytest.mark.parametrize(
    ('num_modules', 'align_corners'), [(0, True), (1, True), (3, False)]
)
def test_num_modules_and_align_corners_change_the_mixed_poolings(
    num_modules, align_corners
):
    sizes = dict(in_channels=6, reduce_channels=8, channels=8, num_classes=5)
    options = dict(num_modules=num_modules, align_corners=align_corners)
    head = StripPoolingHead(**sizes, **options, norm_cfg=dict(type='BN'))
    x = torch.randn(2, 6, 13, 7, dtype=torch.float64)
    reference = SPNet(
        randomise(head).eval().state_dict(),
        train=False,
        deviation='' if align_corners else 'half-pixel corners',
    )
    with torch.no_grad():
        expected = reference.head(x, (20, 12), num_modules)
        torch.testing.assert_close(head([x]), expected, rtol=0, atol=1e-12)
