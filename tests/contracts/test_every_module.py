"""What every registered module must do; a new one is covered by being registered."""

import copy
from pathlib import Path

import pytest
import torch
from cases import LOSSES, MODULES
from mmengine.structures import PixelData
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.structures import SegDataSample

from mmseg_plugins.registry import MODELS

KEYS = Path(__file__).parent / 'state_dict_keys'
HEADS = [
    name for name in MODULES if issubclass(MODELS.module_dict[name], BaseDecodeHead)
]
#: Presence is not of pixels; tests/decode_heads/test_presence_head.py has its like.
PIXEL_HEADS = [name for name in HEADS if name != 'PresenceHead']
SIZES = [(33, 47), (17, 65), (64, 96)]
every_module = pytest.mark.parametrize('name', MODULES)
every_loss = pytest.mark.parametrize('name', LOSSES)


def build(name: str, **changes) -> torch.nn.Module:
    torch.manual_seed(0)
    arguments = {**{**MODULES, **LOSSES}[name].arguments, **changes}
    module = MODELS.build(dict(type=f'mmseg_plugins.{name}', **arguments))
    for parameter in module.parameters():  # zeros would hide what does not arrive
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    return module


def outputs(result: torch.Tensor | tuple) -> tuple[torch.Tensor, ...]:
    return (result,) if isinstance(result, torch.Tensor) else tuple(result)


def test_every_registered_module_has_a_case():
    assert set(MODULES) | set(LOSSES) == set(MODELS.module_dict)


@every_module
@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('batch', [1, 2])
def test_any_size_and_batch_trains(name, size, batch):
    module = build(name).train()
    for output in outputs(module(MODULES[name].make_input(batch, size))):
        assert output.isfinite().all()
        assert len(output) == batch


@every_module
def test_every_parameter_gets_a_gradient(name):
    module = build(name).train()
    x = MODULES[name].make_input(2, (64, 96))
    if name in HEADS:  # the loss, since some layers serve nothing else
        labels = torch.randint(0, 5, (1, 64, 96))
        samples = [SegDataSample(gt_sem_seg=PixelData(data=labels)) for _ in range(2)]
        losses = module.loss(x, samples, None)
        sum(value for key, value in losses.items() if 'loss' in key).backward()
    else:
        result = outputs(module(x))
        sum((output * torch.randn_like(output)).sum() for output in result).backward()
    without = [
        key
        for key, parameter in module.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    assert without == []


@every_module
def test_evaluation_is_deterministic(name):
    module = build(name).eval()
    x = MODULES[name].make_input(1, (33, 47))
    with torch.no_grad():
        for first, second in zip(outputs(module(x)), outputs(module(x)), strict=True):
            assert torch.equal(first, second)


@every_module
def test_a_copy_gives_the_same_numbers(name):
    module = build(name).eval()
    x = MODULES[name].make_input(1, (33, 47))
    twin = copy.deepcopy(module)
    with torch.no_grad():
        for first, second in zip(outputs(module(x)), outputs(twin(x)), strict=True):
            assert torch.equal(first, second)


@every_module
def test_state_dict_keys_are_the_stored_ones(name):
    stored = (KEYS / f'{name}.txt').read_text().split()
    assert list(build(name).state_dict()) == stored


@pytest.mark.parametrize(
    ('name', 'change', 'words'),
    [
        pytest.param(name, change, words, id=f'{name} {change}')
        for name, case in MODULES.items()
        for change, words in case.bad
    ],
)
def test_a_bad_argument_is_refused_with_its_value(name, change, words):
    with pytest.raises(ValueError, match=words):
        build(name, **change)


@every_module
def test_autocast_to_bfloat16_is_finite(name):
    module = build(name).train()
    with torch.autocast('cpu', torch.bfloat16):
        for output in outputs(module(MODULES[name].make_input(2, (64, 96)))):
            assert output.isfinite().all()


@every_module
def test_channels_last_gives_the_same_numbers(name):
    module = build(name).eval().double()
    x = MODULES[name].make_input(1, (33, 47))
    tensors = [t.double() for t in outputs(x)]
    turned = [t.contiguous(memory_format=torch.channels_last) for t in tensors]
    unpack = (lambda ts: ts[0]) if isinstance(x, torch.Tensor) else list
    with torch.no_grad():
        expected = outputs(module(unpack(tensors)))
        actual = outputs(module(unpack(turned)))
    for one, other in zip(actual, expected, strict=True):  # of the largest value
        assert (one - other).abs().max() <= 1e-12 * other.abs().max()


@every_module
def test_compiles_as_one_graph(name):
    module = build(name).eval().double()
    x = MODULES[name].make_input(1, (33, 47))
    x = x.double() if isinstance(x, torch.Tensor) else [t.double() for t in x]
    torch._dynamo.reset()
    compiled = torch.compile(module, fullgraph=True, backend='aot_eager')
    with torch.no_grad():
        torch.testing.assert_close(
            outputs(compiled(x)), outputs(module(x)), rtol=1e-10, atol=1e-10
        )


@pytest.mark.parametrize('name', HEADS)
def test_a_head_refuses_levels_that_it_was_not_told_of(name):
    head, levels = build(name), MODULES[name].make_input(2, (33, 47))
    wider = [torch.cat([level, level], 1) for level in levels]
    for inputs, words in [
        (levels[-1], r'one tensor, of shape \(2, '),
        (levels[:-1], 'has no channels'),
        (wider, r'has \d+ channels, in_channels of the head says'),
    ]:
        with pytest.raises(ValueError, match=words):
            head(inputs)


@pytest.mark.parametrize('name', HEADS)
def test_a_heads_forward_is_one_tensor(name):
    for mode in (True, False):
        result = build(name).train(mode)(MODULES[name].make_input(2, (33, 47)))
        assert isinstance(result, torch.Tensor)


@pytest.mark.parametrize('name', PIXEL_HEADS)
@pytest.mark.parametrize('size', SIZES)
def test_a_heads_prediction_has_the_images_size(name, size):
    head = build(name).eval()
    metas = [dict(img_shape=size, pad_shape=size)]
    with torch.no_grad():
        result = head.predict(MODULES[name].make_input(1, size), metas, None)
    assert result.shape == (1, MODULES[name].arguments['num_classes'], *size)


@pytest.mark.parametrize('name', PIXEL_HEADS)
def test_a_head_trains_with_two_classes_and_one_logit(name):
    loss = dict(type='mmseg.CrossEntropyLoss', use_sigmoid=True)
    head = build(name, num_classes=2, out_channels=1, threshold=0.3, loss_decode=loss)
    labels = torch.randint(0, 2, (1, 33, 47))
    sample = SegDataSample(gt_sem_seg=PixelData(data=labels))
    losses = head.loss(MODULES[name].make_input(1, (33, 47)), [sample], None)
    assert losses['loss_ce'].isfinite()


@pytest.mark.parametrize('name', PIXEL_HEADS)
def test_a_head_survives_an_image_without_labels(name):
    loss = dict(type='mmseg.CrossEntropyLoss', avg_non_ignore=True)
    head = build(name, loss_decode=loss)
    sample = SegDataSample(gt_sem_seg=PixelData(data=torch.full((1, 33, 47), 255)))
    losses = head.loss(MODULES[name].make_input(1, (33, 47)), [sample], None)
    total = sum(value for key, value in losses.items() if 'loss' in key)
    total.backward()
    assert total == 0
    assert all(p.grad.isfinite().all() for p in head.parameters())


@pytest.mark.parametrize('name', PIXEL_HEADS)
def test_a_head_takes_the_hosts_pixel_sampler(name):
    head = build(name, sampler=dict(type='OHEMPixelSampler', thresh=0.7, min_kept=50))
    sample = SegDataSample(gt_sem_seg=PixelData(data=torch.randint(0, 5, (1, 33, 47))))
    losses = head.loss(MODULES[name].make_input(1, (33, 47)), [sample], None)
    assert losses['loss_ce'] > 0


@every_loss
@pytest.mark.parametrize('batch', [1, 2])
def test_a_loss_is_positive_and_repeatable_and_has_a_gradient(name, batch):
    loss, (logits, labels) = build(name), LOSSES[name].make_input(batch)
    value = loss(logits.requires_grad_(), labels, ignore_index=255)
    value.backward()
    assert value.shape == ()
    assert value > 0
    assert logits.grad.isfinite().all()
    assert logits.grad.any(1).all()
    assert torch.equal(value, loss(logits, labels, ignore_index=255))


@every_loss
def test_a_loss_is_scaled_by_its_weight_and_logged_by_its_name(name):
    inputs = LOSSES[name].make_input(2)
    once, twice = build(name, loss_weight=1.0), build(name, loss_weight=2.0)
    torch.testing.assert_close(2 * once(*inputs), twice(*inputs))
    assert 'loss' in once.loss_name
    assert build(name, loss_name='loss_x').loss_name == 'loss_x'


@every_loss
def test_a_loss_of_labels_that_are_all_ignored_is_zero(name):
    logits, labels = LOSSES[name].make_input(2)
    value = build(name)(logits.requires_grad_(), torch.full_like(labels, 255))
    value.backward()
    assert value == 0
    assert not logits.grad.any()


@every_loss
@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_a_loss_of_half_logits_is_finite_in_float32(name, dtype):
    logits, labels = LOSSES[name].make_input(2)
    value = build(name)((300 * logits).to(dtype), labels)
    assert value.isfinite()
    assert value.dtype == torch.float32


@every_loss
def test_a_loss_compiles_as_one_graph(name):
    loss, inputs = build(name), LOSSES[name].make_input(2)
    torch._dynamo.reset()
    compiled = torch.compile(loss, fullgraph=True, backend='aot_eager')
    torch.testing.assert_close(compiled(*inputs), loss(*inputs))
