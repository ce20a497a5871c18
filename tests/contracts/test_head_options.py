"""Heads x options of mmseg: each cell trains one step, or is refused in a sentence."""

import copy

import pytest
import torch
from mmengine.model import ExponentialMovingAverage
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmseg.registry import MODELS
from torch import Tensor, nn

from tests.contracts.cases import MODULES
from tests.decode_heads.comparison import make_samples

SIZE = (17, 33)
SOFTMAX = dict(type='mmseg_plugins.CrossEntropyLoss', avg_non_ignore=True)
SIGMOID = dict(SOFTMAX, use_sigmoid=True)
WEIGHTED = dict(class_weight=[1.0, 2.0, 0.5, 1.0, 3.0])
DICE, TVERSKY = dict(type='DiceLoss'), dict(type='TverskyLoss')
HAUSDORFF = dict(type='HuasdorffDisstanceLoss')
LOVASZ = dict(type='LovaszLoss', reduction='none')
BINARY_LOVASZ = dict(LOVASZ, loss_type='binary')
OHEM = dict(type='OHEMPixelSampler', min_kept=50)
OHEM_THRESH = dict(OHEM, thresh=0.7)


def option(*losses: dict, **changes: object) -> dict:
    return dict(changes, loss_decode=losses[0] if len(losses) == 1 else [*losses])


def one_logit(*losses: dict, **changes: object) -> dict:
    return option(*losses, num_classes=2, out_channels=1, threshold=0.5, **changes)


#: Losses, samplers and norm layers that train.
TRAINED = {
    'class_weight': option(dict(SOFTMAX, **WEIGHTED)),
    'use_sigmoid': option(SIGMOID),
    'use_sigmoid, class_weight': option(dict(SIGMOID, **WEIGHTED)),
    'dice': option(DICE),
    'lovasz': option(LOVASZ),
    'tversky': option(TVERSKY),
    'hausdorff': option(HAUSDORFF),
    'list': option(SOFTMAX, DICE, dict(LOVASZ, loss_weight=0.5)),
    'one class': option(SIGMOID, num_classes=1, threshold=0.5),
    'two classes': option(SOFTMAX, DICE, num_classes=2),
    'one logit': one_logit(SIGMOID),
    'one logit, class_weight': one_logit(dict(SIGMOID, class_weight=[2.0])),
    'one logit, list': one_logit(SIGMOID, BINARY_LOVASZ),
    'ohem': option(SOFTMAX, sampler=OHEM),
    'ohem thresh': option(SOFTMAX, LOVASZ, sampler=OHEM_THRESH),
    'ohem, class_weight': option(dict(SOFTMAX, **WEIGHTED), sampler=OHEM_THRESH),
    'ohem, use_sigmoid': option(SIGMOID, sampler=OHEM_THRESH),
    'ohem, one logit': one_logit(SIGMOID, sampler=OHEM),
    'no norm': dict(norm_cfg=None),
    'group norm': dict(norm_cfg=dict(type='GN', num_groups=2)),
}
#: Options that cannot train, with words of the sentence.
INPUTS, LOGITS = 'takes other inputs than', 'needs one logit per class.*out_channels=1'
REFUSED = {
    'boundary': (option(dict(type='BoundaryLoss')), INPUTS),
    'depth': (option(dict(type='SiLogLoss')), INPUTS),
    'ohem loss': (option(dict(type='OhemCrossEntropy')), INPUTS),
    'presence': (option(dict(type='mmseg_plugins.SELoss')), INPUTS),
    'use_mask': (option(dict(SOFTMAX, use_mask=True)), INPUTS),
    'binary lovasz': (option(BINARY_LOVASZ), "'binary': needs out_channels=1"),
    'one class': (option(SOFTMAX, num_classes=1), LOGITS),
    'one logit': (one_logit(SOFTMAX), LOGITS),
    'one logit, list': (one_logit(SIGMOID, DICE), LOGITS),
    'one logit, lovasz': (one_logit(LOVASZ), LOGITS),
    'one logit, tversky': (one_logit(TVERSKY), LOGITS),
    'one logit, hausdorff': (one_logit(HAUSDORFF), LOGITS),
    'one logit, ohem': (one_logit(SIGMOID, sampler=OHEM_THRESH), f'thresh.*{LOGITS}'),
    'ohem, use_sigmoid': (option(SIGMOID, sampler=OHEM), 'not one value per pixel'),
    'ohem, lovasz': (option(LOVASZ, sampler=OHEM), 'not one value per pixel'),
    'ohem, dice': (option(SOFTMAX, DICE, sampler=OHEM_THRESH), 'no weights of pixels'),
}
if not torch.cuda.is_available():  # there it may ask for mmcv's operators first
    REFUSED['focal'] = option(dict(type='FocalLoss')), 'works on CUDA devices only'
CONCATENATED = dict(input_transform='resize_concat')
TWO_LEVELS = dict(CONCATENATED, in_channels=[6, 6], in_index=[0, -1])
MULTI_LEVEL_HEADS = ['FCNSkipHead', 'FCNPad100Head', 'DFAHead', 'EncHead']
PIXEL_HEADS = [*MULTI_LEVEL_HEADS, 'StripPoolingHead']
every_head = pytest.mark.parametrize('name', [*PIXEL_HEADS, 'PresenceHead'])


def build(name: str, **changes: object) -> nn.Module:
    torch.manual_seed(0)
    arguments = MODULES[name].arguments | dict(dropout_ratio=0.0) | changes
    head = MODELS.build(dict(type=f'mmseg_plugins.{name}', **arguments)).train()
    for parameter in head.parameters():
        if not parameter.any():  # the scores of FCN start at zero
            nn.init.normal_(parameter, std=0.1)
    return head


def loss_of(head: nn.Module, name: str, seed: int = 0, labels: int | None = None):
    """Return the loss of a random batch, whose first rows of labels are ignored."""
    torch.manual_seed(seed)
    levels = [x.to(head.conv_seg.weight) for x in MODULES[name].make_input(2, SIZE)]
    targets = torch.randint(0, max(2, head.out_channels), (2, *SIZE))
    if labels is not None:
        targets.fill_(labels)
    targets[:, :3] = 255
    losses = head.loss(levels, make_samples(targets), None)
    return sum(value for key, value in losses.items() if 'loss' in key)


def gradients_of(head: nn.Module) -> list[Tensor]:
    return [p.grad for p in head.parameters() if p.grad is not None]


def assert_close(actual: list[Tensor], expected: list[Tensor]) -> None:
    torch.testing.assert_close([*actual], [*expected], rtol=1e-9, atol=1e-12)


TRAINED_CELLS = [
    *[(name, key, TRAINED[key]) for name in PIXEL_HEADS for key in TRAINED],
    *[('PresenceHead', key, TRAINED[key]) for key in ('no norm', 'group norm')],
    *[(name, 'select', dict(input_transform='multiple_select'))
      for name in MULTI_LEVEL_HEADS],
    ('StripPoolingHead', 'concatenate', TWO_LEVELS),
]  # fmt: skip
REFUSED_CELLS = [
    *[(name, key, *REFUSED[key]) for name in PIXEL_HEADS for key in REFUSED],
    *[(name, 'concatenate', CONCATENATED, "input_transform='resize_concat': must be")
      for name in [*MULTI_LEVEL_HEADS, 'PresenceHead']],
]  # fmt: skip


@pytest.mark.parametrize(('name', 'key', 'changes'), TRAINED_CELLS)
def test_an_option_trains(name, key, changes):
    head = build(name, **changes)
    loss = loss_of(head, name)
    loss.backward()
    assert loss.isfinite()
    assert all(gradient.isfinite().all() for gradient in gradients_of(head))
    assert head.conv_seg.weight.grad.any()


@pytest.mark.parametrize(('name', 'key', 'changes', 'words'), REFUSED_CELLS)
def test_an_option_is_refused(name, key, changes, words):
    with pytest.raises(ValueError, match=words):
        loss_of(build(name, **changes), name)


@pytest.mark.parametrize('name', PIXEL_HEADS)
@pytest.mark.parametrize('loss', [SIGMOID, BINARY_LOVASZ], ids=['sigmoid', 'lovasz'])
def test_one_logit_grows_with_label_1_and_falls_with_label_0(name, loss):
    for label, grows in ((0, False), (1, True)):
        head = build(name, **one_logit(loss))
        loss_of(head, name, labels=label).backward()
        assert (head.conv_seg.bias.grad.item() < 0) == grows


@every_head
def test_averaged_weights(name):
    head = build(name).double()
    average = ExponentialMovingAverage(head, momentum=0.25)
    average.update_parameters(head)  # the first update copies
    before = copy.deepcopy(head)
    loss_of(head, name).backward()
    torch.optim.SGD(head.parameters(), lr=0.1).step()
    average.update_parameters(head)
    pairs = zip(before.parameters(), head.parameters(), strict=True)
    expected = [0.75 * old + 0.25 * new for old, new in pairs]
    assert_close(average.module.parameters(), expected)
    assert not torch.equal(head.conv_seg.weight, before.conv_seg.weight)


@every_head
def test_accumulated_gradients(name):
    head, expected = build(name).double(), build(name).double()
    optimizer = torch.optim.SGD(head.parameters(), lr=0.1)
    wrapper = OptimWrapper(optimizer, accumulative_counts=2)
    for seed in range(2):
        assert all(map(torch.equal, head.parameters(), expected.parameters()))
        wrapper.update_params(loss_of(head, name, seed))
    (loss_of(expected, name, 0) / 2 + loss_of(expected, name, 1) / 2).backward()
    torch.optim.SGD(expected.parameters(), lr=0.1).step()
    assert_close(head.parameters(), expected.parameters())


@pytest.mark.one_line
@every_head
def test_a_compiled_head_has_the_gradients_of_an_eager_one(name):
    head, expected = build(name).double(), build(name).double()
    torch._dynamo.reset()
    for forward in (torch.compile(head, backend='eager'), expected):
        torch.manual_seed(0)
        logits = forward([x.double() for x in MODULES[name].make_input(2, SIZE)])
        (logits * torch.randn_like(logits)).sum().backward()
    assert_close(gradients_of(head), gradients_of(expected))


BEIT = dict(type='BEiT', img_size=(16, 16), embed_dims=4, num_layers=2, num_heads=1)
CUSTOM_KEYS = dict(paramwise_cfg=dict(custom_keys=dict(conv_seg=dict(lr_mult=10))))
LAYER_DECAY = dict(
    constructor='LearningRateDecayOptimizerConstructor',
    paramwise_cfg=dict(num_layers=2, decay_rate=0.5, decay_type='layer_wise'),
)


@every_head
@pytest.mark.parametrize(
    ('rates', 'classifier_rate', 'first_rate'),
    [(CUSTOM_KEYS, 1.0, 0.1), (LAYER_DECAY, 0.1, 0.1 * 0.5**3)],
    ids=['custom_keys', 'layer decay'],
)
def test_learning_rates_of_layers(name, rates, classifier_rate, first_rate):
    model = nn.ModuleDict(dict(backbone=MODELS.build(BEIT), decode_head=build(name)))
    cfg = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1), **rates)
    groups = build_optim_wrapper(model, cfg).param_groups
    actual = {id(p): group['lr'] for group in groups for p in group['params']}
    for key, parameter in model.decode_head.named_parameters():
        expected = classifier_rate if key.startswith('conv_seg') else 0.1
        assert actual[id(parameter)] == pytest.approx(expected), key
    first = model.backbone.patch_embed.projection.weight
    assert actual[id(first)] == pytest.approx(first_rate)
