"""DFAHead against the plain restatement."""

import pytest
import torch
from torch import Tensor, nn

import tests.reference.dfanet
from mmseg_plugins.decode_heads import DFAHead
from tests.reference.bilinear import aligned_matrix
from tests.reference.dfanet import Network, randomise


def make_head(num_low: int = 3, num_high: int = 3, **kwargs: object) -> DFAHead:
    torch.manual_seed(0)
    head = DFAHead(
        in_channels=[4] * num_low + [6] * num_high,
        in_index=list(range(num_low + num_high)),
        num_low=num_low,
        num_classes=5,
        **kwargs,
    )
    randomise(head)
    return head.eval()


def make_levels(num_low: int = 3, num_high: int = 3) -> list[Tensor]:
    torch.manual_seed(1)
    strides = [(4, 2**k) for k in range(num_low)]
    strides += [(6, 4 * 2**k) for k in range(num_high)]
    return [
        torch.randn(4, width, -(-33 // stride), -(-47 // stride), dtype=torch.float64)
        for width, stride in strides
    ]


def restated(head: DFAHead, levels: list[Tensor]) -> Tensor:
    weights = {key: value.clone() for key, value in head.state_dict().items()}
    return Network(weights, head.training).head(levels, head.num_low)


@pytest.mark.parametrize('training', [False, True])
@pytest.mark.parametrize(
    ('num_low', 'num_high'), [(3, 3), (0, 3), (3, 0), (1, 0), (0, 1), (2, 1), (4, 4)]
)
def test_logits_equal_the_plain_restatement(num_low, num_high, training):
    head = make_head(num_low, num_high).train(training)
    levels = make_levels(num_low, num_high)
    expected = restated(head, levels)
    with torch.no_grad():
        torch.testing.assert_close(head(levels), expected, rtol=1e-10, atol=1e-10)


def test_align_corners_aligns_the_levels(monkeypatch):
    head, aligned, levels = make_head(), make_head(align_corners=True), make_levels()
    monkeypatch.setattr(tests.reference.dfanet, 'bilinear_matrix', aligned_matrix)
    expected = restated(head, levels)
    with torch.no_grad():
        torch.testing.assert_close(aligned(levels), expected, rtol=0, atol=1e-10)
        assert (head(levels) - expected).abs().max() > 0.01  # control


@pytest.mark.parametrize('norm', [dict(), dict(norm_cfg=None)], ids=['default', 'None'])
def test_norm_cfg_is_batch_norm_by_default_and_none_for_no_norm_layers(norm):
    norms = [m for m in make_head(**norm).modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(norms) == (0 if norm else 7)


class Adapter(nn.Module):
    """A layer with a trained layer beside it, as for fine-tuning."""

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__()
        self.layer = layer
        self.beside = nn.Conv2d(layer.in_channels, layer.out_channels, 1).double()

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) + self.beside(x)


@pytest.mark.parametrize('training', [False, True])
def test_hooks_and_adapters_of_conv_seg_see_its_input_and_the_logits(training):
    head, levels, calls = make_head().train(training), make_levels(), []
    head.conv_seg.register_forward_hook(lambda _, x, y: calls.append((x[0], y)))
    with torch.no_grad():
        logits = head(levels)
        ((features, hooked),) = calls
        assert torch.equal(hooked, logits)
        head.conv_seg = Adapter(head.conv_seg)
        expected = logits + head.conv_seg.beside(features)
        torch.testing.assert_close(head(levels), expected, rtol=0, atol=1e-12)
