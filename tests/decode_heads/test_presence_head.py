"""PresenceHead: its equations, and what it does beside stock heads."""

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from reference.encnet import classes_in, encode, se_loss
from torch.nn import functional

from mmseg_plugins.decode_heads import EncHead, PresenceHead

BN = dict(type='BN')
PRESENCE = dict(
    type='mmseg_plugins.PresenceHead',
    in_channels=64,
    in_index=3,
    channels=8,
    num_codes=4,
    num_classes=5,
    norm_cfg=BN,
)
FCN = dict(
    type='FCNHead',
    in_channels=64,
    in_index=3,
    channels=8,
    num_convs=1,
    num_classes=5,
    norm_cfg=BN,
)


def make_segmentor(*auxiliary: dict) -> torch.nn.Module:
    """A ResNet under a stock head, with branches from the config alone."""
    torch.manual_seed(0)
    return MODELS.build(
        ConfigDict(
            type='EncoderDecoder',
            backbone=dict(type='ResNet', depth=18, base_channels=8, norm_cfg=BN),
            decode_head=FCN,
            auxiliary_head=list(auxiliary),
        )
    ).train()


def make_samples() -> list[SegDataSample]:
    torch.manual_seed(1)
    labels = torch.randint(0, 5, (2, 1, 49, 65))
    labels[0] %= 2
    labels[:, :, :9] = 255
    return [SegDataSample(gt_sem_seg=PixelData(data=image)) for image in labels]


def make_head(**kwargs) -> PresenceHead:
    torch.manual_seed(0)
    arguments = dict(in_channels=6, channels=8, num_codes=4, num_classes=5)
    head = PresenceHead(**{**arguments, **kwargs}).eval()
    head.encoding[0].scale.data.div_(4)  # else each pixel belongs to one codeword
    torch.nn.init.normal_(head.conv_seg.weight)
    return head


def reference(head: PresenceHead, x: torch.Tensor, first_code: int = 0) -> torch.Tensor:
    """Presence logits (N, K) by the paper's equations, codes in evaluation."""
    weights = {key: value.double() for key, value in head.state_dict().items()}
    kernel, bias = weights['project.conv.weight'], weights['project.conv.bias']
    projected = functional.conv2d(x.double(), kernel, bias).relu()
    codewords, scale = weights['encoding.0.codewords'], weights['encoding.0.scale']
    codes = encode(projected.flatten(2), codewords, -scale)
    mean, variance = (weights[f'encoding.1.running_{k}'] for k in ('mean', 'var'))
    codes = functional.batch_norm(codes, mean, variance).relu()[:, first_code:]
    kernel, bias = weights['conv_seg.weight'], weights['conv_seg.bias']
    return functional.linear(codes.mean(1), kernel[:, :, 0, 0], bias)


def test_logits_equal_the_plain_restatement():
    head, x = make_head().double(), torch.randn(2, 6, 9, 7).double()
    with torch.no_grad():
        logits = head([x])
    assert logits.shape == (2, 5, 1, 1)
    torch.testing.assert_close(
        logits.flatten(1), reference(head, x), rtol=1e-10, atol=1e-10
    )


def test_control_a_restatement_without_one_code_differs():
    head, x = make_head(), torch.randn(2, 6, 9, 7)
    with torch.no_grad():
        logits = head([x]).flatten(1).double()
    assert (logits - reference(head, x, first_code=1)).abs().max() > 1e-2


def test_loss_beside_a_stock_head_is_the_se_loss_by_hand():
    model, samples = make_segmentor(PRESENCE), make_samples()
    images = torch.randn(2, 3, 49, 65)
    losses = model(images, samples, mode='loss')
    with torch.no_grad():
        logits = model.auxiliary_head[0](model.extract_feat(images)).flatten(1)
    labels = torch.stack([sample.gt_sem_seg.data for sample in samples])
    expected = 0.2 * se_loss(logits, classes_in(labels, 5, 255))
    assert losses['aux_0.loss_se'].item() == pytest.approx(expected)
    assert set(losses) == {'decode.loss_ce', 'decode.acc_seg', 'aux_0.loss_se'}


def test_the_backbone_and_every_parameter_learn_from_it():
    model = make_segmentor(PRESENCE)
    losses = model(torch.randn(2, 3, 49, 65), make_samples(), mode='loss')
    losses['aux_0.loss_se'].backward()
    parts = dict(backbone=model.backbone, head=model.auxiliary_head)
    for part, module in parts.items():
        without = [k for k, p in module.named_parameters() if p.grad is None]
        assert without == [], part
    assert model.backbone.conv1.weight.grad.any()
    assert model.decode_head.conv_seg.weight.grad is None


def test_it_stands_beside_other_branches_and_changes_no_prediction():
    images = torch.randn(1, 3, 49, 65)
    plain = make_segmentor().eval()
    model = make_segmentor({**FCN, 'in_channels': 32, 'in_index': 2}, PRESENCE)
    losses = model(torch.randn(2, 3, 49, 65), make_samples(), mode='loss')
    assert {'aux_0.loss_ce', 'aux_1.loss_se'} <= set(losses)
    missing = plain.load_state_dict(model.state_dict(), strict=False)
    assert not missing.missing_keys
    with torch.no_grad():
        expected = plain(images, mode='tensor')
        assert torch.equal(model.eval()(images, mode='tensor'), expected)


def test_its_encoding_is_enc_heads():
    theirs = EncHead(
        in_channels=[6], in_index=[0], channels=8, num_codes=4, num_classes=5
    ).enc_module.encoding
    ours = make_head().encoding
    assert str(ours) == str(theirs)
    assert ours.half()[1].weight.dtype == torch.float32  # the sums exceed float16


def test_two_classes_have_two_logits_without_advice(recwarn):
    head = make_head(num_classes=2)
    assert head([torch.randn(1, 6, 9, 7)]).shape == (1, 2, 1, 1)
    assert not [w for w in recwarn if 'binary' in str(w.message)]


def test_an_image_without_labels_teaches_nothing():
    head = make_head().train()
    sample = SegDataSample(gt_sem_seg=PixelData(data=torch.full((1, 9, 7), 255)))
    losses = head.loss([torch.randn(1, 6, 9, 7)], [sample], None)
    losses['loss_se'].backward()
    assert losses['loss_se'] == 0
    assert all(p.grad.isfinite().all() for p in head.parameters())


def test_as_a_decode_head_it_refuses_to_predict():
    head = make_head()
    with pytest.raises(ValueError, match='make it an auxiliary_head'):
        head.predict([torch.randn(1, 6, 9, 7)], [dict(img_shape=(18, 14))], None)
