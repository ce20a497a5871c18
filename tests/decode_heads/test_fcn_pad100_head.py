"""FCNPad100Head: equal to the authors' network."""

import pytest
import torch

from mmseg_plugins.backbones import FCNVGG
from mmseg_plugins.decode_heads import FCNPad100Head, FCNSkipHead
from tests.decode_heads.comparison import make_samples, relative_difference
from tests.decode_heads.fcn_nets import SIZES, Net, random_image
from tests.reference.fcn import CROPS, authors_fcn

pytestmark = pytest.mark.one_line


@pytest.mark.parametrize('upsample', ['bilinear', 'learned'])
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


@pytest.mark.parametrize(
    ('stride', 'crop'), [(8, 'pool4'), (8, 'pool3'), (8, 8), (16, 16), (32, 32)]
)
def test_control_a_crop_off_by_one_differs(stride, crop, monkeypatch):
    monkeypatch.setitem(CROPS, crop, CROPS[crop] + 1)
    net = Net(stride, pad100=True, upsample='learned')
    image = random_image((97, 131))
    expected = authors_fcn(image, net.paper_weights(), stride)
    actual = net(image)[..., : expected.shape[2], : expected.shape[3]]
    assert relative_difference(actual, expected) > 0.1


@pytest.mark.parametrize(('pad', 'make_head'), [(1, FCNSkipHead), (100, FCNPad100Head)])
def test_fcn_8s_has_the_papers_number_of_parameters(pad, make_head):
    with torch.device('meta'):
        backbone = FCNVGG(pad=pad)
        levels = dict(in_channels=[256, 512, 4096], in_index=[0, 1, 2])
        head = make_head(**levels, num_classes=21)
    parameters = [*backbone.parameters(), *head.parameters()]
    assert sum(p.numel() for p in parameters) == 134_362_751


def test_a_backbone_that_does_not_pad_is_refused():
    net = Net(8, pad100=True)
    net.backbone = FCNVGG(base_channels=2, fc_channels=10).double()
    with pytest.raises(ValueError, match=r'use a backbone that pads .* by 100 pixels'):
        net(random_image((97, 131)))
