import pytest
import torch

from mmseg_plugins.layers import JoinedConv2d

CONVS = {
    'pointwise': dict(out_channels=7, kernel_size=1, stride=2, bias=False),
    'ordinary': dict(out_channels=7, kernel_size=3, padding=1, dilation=2),
    'depthwise': dict(out_channels=9, kernel_size=3, padding=1, stride=2, groups=9),
    'depthwise, no bias': dict(out_channels=9, kernel_size=3, groups=9, bias=False),
}


def maps() -> tuple[torch.Tensor, ...]:
    return tuple(torch.randn(2, c, 7, 10).double() for c in (4, 2, 3))


@pytest.mark.parametrize('name', CONVS)
def test_equals_the_convolution_of_the_concatenation(name):
    conv = JoinedConv2d(9, **CONVS[name]).double()
    parts = maps()
    expected = conv(torch.cat(parts, 1))
    torch.testing.assert_close(conv(parts), expected, rtol=1e-12, atol=1e-12)
    swapped = torch.cat(parts[::-1], 1)
    assert (conv(swapped) - expected).abs().max() > 0.1  # control


@pytest.mark.parametrize('name', CONVS)
def test_gradients_are_those_of_the_concatenation(name):
    conv = JoinedConv2d(9, **CONVS[name]).double()
    parts = maps()
    wanted = (*parts, *conv.parameters())
    for part in parts:
        part.requires_grad_()
    expected = torch.autograd.grad(conv(torch.cat(parts, 1)).square().sum(), wanted)
    actual = torch.autograd.grad(conv(parts).square().sum(), wanted)
    for a, e in zip(actual, expected, strict=True):
        torch.testing.assert_close(a, e, rtol=1e-11, atol=1e-11)


def test_other_groups_are_refused():
    for groups, outputs in ((3, 9), (9, 18)):
        with pytest.raises(ValueError, match=f'groups={groups} must be 1, or'):
            JoinedConv2d(9, outputs, 3, groups=groups)
