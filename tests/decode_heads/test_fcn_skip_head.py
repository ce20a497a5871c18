"""FCNSkipHead against the paper, and its own promises."""

import pytest
import reference.fcn
import torch
from mmengine.runner import load_checkpoint, save_checkpoint
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from reference.bilinear import aligned_matrix
from reference.fcn import CROPS, authors_fcn, fcn

from mmseg_plugins.backbones import FCNVGG
from mmseg_plugins.converters.vgg import VGG_STAGES
from mmseg_plugins.decode_heads import FCNSkipHead
from mmseg_plugins.layers import crop

IN_CHANNELS, STRIDES = [8, 16, 10], [8, 16, 32]
SIZES = [(50, 121), (64, 96), (97, 131), (224, 224), (1, 1)]
CAFFE_NAMES = {
    'conv_seg': 'score_fr',
    'upscore32': 'upscore',
    'upscore_pool5': 'upscore2',
}


def make_net(
    stride: int, align: str = 'exact', **kwargs: object
) -> tuple[FCNVGG, FCNSkipHead]:
    """FCN-32s, 16s or 8s with random weights everywhere, in float64."""
    torch.manual_seed(stride)
    first = STRIDES.index(stride)
    backbone = FCNVGG(
        base_channels=2, fc_channels=10, pad=100 if align == 'pad100' else 1
    )
    head = FCNSkipHead(
        in_channels=IN_CHANNELS[first:],
        in_index=list(range(first, 3)),
        strides=STRIDES[first:],
        num_classes=5,
        align=align,
        **kwargs,
    )
    net = torch.nn.ModuleList([backbone, head]).double().eval()
    for name, parameter in net.named_parameters():  # all levels of about one weight
        gain = 9 if 'score_pool' in name else 2
        fan_in = max(parameter[0].numel(), gain)
        torch.nn.init.normal_(parameter, std=(gain / fan_in) ** 0.5)
    return backbone, head


def paper_weights(backbone: FCNVGG, head: FCNSkipHead) -> dict:
    """Give the weights the paper's names; a fixed deconvolution as its dense kernel."""
    weights = {
        name: (layer.conv.weight, layer.conv.bias)
        for name, layer in backbone.named_children()
        if name != 'dropout'
    }
    for name, layer in head.named_children():
        name = CAFFE_NAMES.get(name, name)
        if name.startswith('score'):
            weights[name] = (layer.weight, layer.bias)
        elif name.startswith('upscore') and hasattr(layer, 'weight'):
            dense = layer.weight
            if dense.shape[1] == 1:
                dense = torch.eye(len(dense)).double()[..., None, None] * dense
            weights[name] = dense
    return weights


def logits(backbone: FCNVGG, head: FCNSkipHead, image: torch.Tensor) -> torch.Tensor:
    metas = [dict(img_shape=image.shape[2:])] * len(image)
    with torch.no_grad():
        return head.predict(backbone(image), metas, None)


def relative_difference(a: torch.Tensor, b: torch.Tensor) -> float:
    return ((a - b).abs().max() / b.abs().max()).item()


def random_image(size: tuple[int, int]) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(2, 3, *size, dtype=torch.float64)


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('stride', STRIDES)
def test_exact_equals_the_plain_restatement(stride, size):
    net, image = make_net(stride), random_image(size)
    expected = fcn(image, paper_weights(*net), VGG_STAGES[16], stride)
    assert relative_difference(logits(*net, image), expected) < 1e-12


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('stride', STRIDES)
@pytest.mark.parametrize('upsample', ['deconv', 'learned'])
def test_pad100_equals_the_authors_network(upsample, stride, size):
    net, image = make_net(stride, 'pad100', upsample=upsample), random_image(size)
    expected = authors_fcn(image, paper_weights(*net), stride)
    assert relative_difference(logits(*net, image), expected) < 1e-10


@pytest.mark.parametrize('size', SIZES)
def test_pad100_trained_at_once_equals_the_authors_network(size):
    # Larger scales than the authors', under which a wrong skip would not show.
    net = make_net(8, 'pad100', upsample='learned', skip_scales=(0.5, 0.7))
    image = random_image(size)
    expected = authors_fcn(image, paper_weights(*net), 8, scales=(0.7, 0.5))
    assert relative_difference(logits(*net, image), expected) < 1e-10


def floor_pool(x: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.max_pool2d(x, 2)


@pytest.mark.parametrize(
    ('part', 'spoilt'),
    [
        pytest.param('ceil_pool', floor_pool, id='floor pools'),
        pytest.param('relu', lambda x: x, id='no rectifier'),
        *[
            pytest.param('CROPS', {**CROPS, key: value + 1}, id=f'crop of {key}')
            for key, value in CROPS.items()
            if key in ('pool4', 'pool3', 8)
        ],
    ],
)
def test_control_a_spoilt_network_of_the_authors_differs(part, spoilt, monkeypatch):
    net = make_net(8, 'pad100', upsample='learned')
    image = random_image((97, 131))
    monkeypatch.setattr(reference.fcn, part, spoilt)
    expected = authors_fcn(image, paper_weights(*net), 8)
    ours = crop(logits(*net, image), expected.shape[2:])
    assert relative_difference(ours, expected) > 0.1


@pytest.mark.parametrize(('stride', 'offset'), [(32, 19), (16, 27)])
def test_control_the_last_crop_off_by_one_differs(stride, offset, monkeypatch):
    net = make_net(stride, 'pad100', upsample='learned')
    image = random_image((97, 131))
    monkeypatch.setitem(CROPS, stride, offset + 1)
    expected = authors_fcn(image, paper_weights(*net), stride)
    assert relative_difference(logits(*net, image), expected) > 0.1


def test_control_swapped_deconvolutions_differ():
    net = make_net(8, 'pad100', upsample='learned')
    image = random_image((97, 131))
    weights = paper_weights(*net)
    names = ['upscore2', 'upscore_pool4']
    weights |= dict(zip(names, [weights[n] for n in reversed(names)], strict=True))
    expected = authors_fcn(image, weights, 8)
    assert relative_difference(logits(*net, image), expected) > 0.1


def test_control_aligned_corners_differ(monkeypatch):
    net, image = make_net(8), random_image((97, 131))
    monkeypatch.setattr(reference.fcn, 'bilinear_matrix', aligned_matrix)
    expected = fcn(image, paper_weights(*net), VGG_STAGES[16], 8)
    assert relative_difference(logits(*net, image), expected) > 0.1


LENGTHS = (1, 17, 31, 32, 33, 50, 97, 224, 500)


@pytest.mark.parametrize('batch', [1, 2])
@pytest.mark.parametrize('stride', STRIDES)
@pytest.mark.parametrize(
    ('align', 'upsample'),
    [
        ('exact', 'bilinear'),
        ('exact', 'deconv'),
        ('exact', 'learned'),
        ('resize', 'bilinear'),
        ('pad100', 'deconv'),
        ('pad100', 'learned'),
    ],
)
def test_logits_have_the_images_size(align, upsample, stride, batch):
    with torch.device('meta'):  # sizes only
        backbone, head = make_net(stride, align, upsample=upsample)
        for height in LENGTHS:
            for width in LENGTHS:
                image = torch.empty(batch, 3, height, width, dtype=torch.float64)
                shape = logits(backbone, head, image).shape
                assert shape == (batch, 5, height, width)


@pytest.mark.parametrize('stride', STRIDES)
def test_exact_equals_the_padded_images_network_at_the_centre(stride):
    net = make_net(stride)
    image = random_image((545, 577))[:1]
    padded = torch.nn.functional.pad(image, (0, -577 % 32, 0, -545 % 32))
    # Half the receptive field of fc7, and three of its cells for the upsampling.
    margin = 404 // 2 + 48
    inside = (..., slice(margin, 545 - margin), slice(margin, 577 - margin))
    difference = (logits(*net, image) - logits(*net, padded)[..., :545, :577])[inside]
    assert difference.numel() > 0
    assert difference.abs().max() < 1e-12


def test_control_resize_differs_from_the_padded_images_network():
    net = make_net(8, 'resize')
    image = random_image((545, 577))[:1]
    padded = torch.nn.functional.pad(image, (0, -577 % 32, 0, -545 % 32))
    difference = logits(*net, image) - logits(*net, padded)[..., :545, :577]
    assert difference[..., 250:-250, 250:-250].abs().max() > 1e-3


@pytest.mark.parametrize('stride', STRIDES)
def test_resize_equals_exact_where_the_image_is_a_multiple_of_32(stride):
    net, other = make_net(stride, 'resize'), make_net(stride)
    image = random_image((64, 96))
    ours, theirs = logits(*net, image), logits(*other, image)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_parameter_count_of_fcn_8s_is_the_papers():
    backbone = FCNVGG()
    head = FCNSkipHead(in_channels=[256, 512, 4096], in_index=[0, 1, 2], num_classes=21)
    count = sum(p.numel() for p in [*backbone.parameters(), *head.parameters()])
    assert count == 134_362_751


@pytest.mark.parametrize('upsample', ['bilinear', 'deconv', 'learned'])
def test_a_finest_level_of_the_images_size_is_not_enlarged(upsample):
    head = FCNSkipHead(
        in_channels=[3, 4],
        in_index=[0, 1],
        strides=[1, 2],
        num_classes=5,
        upsample=upsample,
    )
    levels = [torch.randn(1, 3, 9, 7), torch.randn(1, 4, 5, 4)]
    assert head(levels).shape == (1, 5, 9, 7)


def test_scores_start_at_zero():
    _, head = make_net(8)
    head.init_weights()
    assert all(not p.any() for p in head.parameters())


def test_a_finer_net_takes_over_a_coarser_one_by_load_from(tmp_path):
    file = str(tmp_path / 'coarser.pth')
    loaded = None
    for stride, new in ((32, set()), (16, {'score_pool4'}), (8, {'score_pool3'})):
        net = torch.nn.ModuleList(make_net(stride))
        net[1].init_weights()
        if loaded is not None:
            load_checkpoint(net, file, strict=False)
            for key, value in net.state_dict().items():
                if key in loaded:
                    assert torch.equal(value, loaded[key]), key
                else:
                    assert key.split('.')[1] in new
                    assert not value.any(), key
        for parameter in net[1].parameters():  # as if it had been trained
            torch.nn.init.normal_(parameter)
        loaded = {key: value.clone() for key, value in net.state_dict().items()}
        save_checkpoint(dict(state_dict=loaded), file)


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


@pytest.mark.parametrize('side', [1, 2, 4, 6, 8])
def test_strides_that_the_backbone_does_not_have_are_refused(side):
    head = FCNSkipHead(
        in_channels=[4, 4], in_index=[0, 1], strides=[16, 32], num_classes=5
    )
    levels = [torch.zeros(1, 4, 8, 8), torch.zeros(1, 4, side, side)]
    if side == 4:  # the right one
        head(levels)
        return
    with pytest.raises(ValueError, match=r'decode_head\.strides=\(16, 32\) do not fit'):
        head(levels)


def test_a_last_stride_that_does_not_fit_the_image_is_refused():
    backbone, head = make_net(8)
    levels = backbone(random_image((64, 96)))
    metas = [dict(img_shape=(32, 48))] * 2
    with pytest.raises(ValueError, match=r'decode_head\.strides=\(8, 16, 32\)'):
        head.predict(levels, metas, None)
