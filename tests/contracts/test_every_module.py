"""What every registered module must do; a new one is covered by being registered."""

import copy
from pathlib import Path

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.structures import SegDataSample
from torch import Tensor

from mmseg_plugins.registry import MODELS
from tests.contracts.cases import (
    DATA_PREPROCESSORS,
    FROZEN,
    LOSSES,
    MODULES,
    PIXEL_LOSSES,
)

KEYS = Path(__file__).parent / 'state_dict_keys'
HEADS = [
    name for name in MODULES if issubclass(MODELS.module_dict[name], BaseDecodeHead)
]
#: Presence is not of pixels; tests/decode_heads/test_presence_head.py tests it.
PIXEL_HEADS = [name for name in HEADS if name != 'PresenceHead']
SIZES = [(33, 47), (17, 65), (64, 96)]
every_module = pytest.mark.parametrize('name', MODULES)
every_head = pytest.mark.parametrize('name', HEADS)
every_pixel_head = pytest.mark.parametrize('name', PIXEL_HEADS)
every_loss = pytest.mark.parametrize('name', LOSSES)


def build(name: str, **changes) -> torch.nn.Module:
    """Build a small module whose weights are not zero, which would hide mistakes."""
    return build_with(name, {**MODULES, **LOSSES}[name].arguments | changes)


def build_with(name: str, arguments: dict) -> torch.nn.Module:
    torch.manual_seed(0)
    module = MODELS.build(dict(type=f'mmseg_plugins.{name}', **arguments))
    for parameter in module.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    return module


def outputs(result: Tensor | tuple) -> tuple[Tensor, ...]:
    return (result,) if isinstance(result, Tensor) else tuple(result)


def samples_of(labels: Tensor) -> list[SegDataSample]:
    """Wrap labels (N, H, W)."""
    return [SegDataSample(gt_sem_seg=PixelData(data=image[None])) for image in labels]


def total_of(losses: dict) -> Tensor:
    return sum(value for key, value in losses.items() if 'loss' in key)


def assert_equal_outputs(first: torch.nn.Module, second: torch.nn.Module, x) -> None:
    with torch.no_grad():
        for one, other in zip(outputs(first(x)), outputs(second(x)), strict=True):
            assert torch.equal(one, other)


def test_every_registered_module_has_a_case():
    others = PIXEL_LOSSES | DATA_PREPROCESSORS | FROZEN
    assert set(MODULES) | set(LOSSES) | others == set(MODELS.module_dict)


@every_module
@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('batch', [1, 2])
def test_any_size_and_batch_trains(name, size, batch):
    module = build(name).train()
    for output in outputs(module(MODULES[name].make_input(batch, size))):
        assert output.isfinite().all()
        assert len(output) == batch


@every_module
@pytest.mark.parametrize('training', [True, False])
def test_works_with_its_required_arguments_only(name, training):
    case = MODULES[name]
    module = build_with(name, case.required).train(training)
    with torch.set_grad_enabled(training):
        for output in outputs(module(case.make_input(2, (64, 96)))):
            assert output.isfinite().all()
            assert output.requires_grad == training


@every_module
def test_every_parameter_gets_a_gradient(name):
    module = build(name).train()
    x = MODULES[name].make_input(2, (64, 96))
    if name in HEADS:  # some layers serve nothing but the loss
        samples = samples_of(torch.randint(0, 5, (2, 64, 96)))
        total_of(module.loss(x, samples, None)).backward()
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
def test_evaluation_is_deterministic_and_a_copy_gives_the_same_numbers(name):
    module = build(name).eval()
    x = MODULES[name].make_input(1, (33, 47))
    assert_equal_outputs(module, module, x)
    assert_equal_outputs(module, copy.deepcopy(module), x)


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
    strided = [t.contiguous(memory_format=torch.channels_last) for t in tensors]
    unpack = (lambda ts: ts[0]) if isinstance(x, Tensor) else list
    with torch.no_grad():
        expected = outputs(module(unpack(tensors)))
        actual = outputs(module(unpack(strided)))
    for one, other in zip(actual, expected, strict=True):  # of the largest value
        assert (one - other).abs().max() <= 1e-12 * other.abs().max()


@pytest.mark.one_line
@every_module
def test_compiles_as_one_graph(name):
    module = build(name).eval().double()
    x = MODULES[name].make_input(1, (33, 47))
    x = x.double() if isinstance(x, Tensor) else [t.double() for t in x]
    torch._dynamo.reset()
    compiled = torch.compile(module, fullgraph=True, backend='aot_eager')
    with torch.no_grad():
        torch.testing.assert_close(
            outputs(compiled(x)), outputs(module(x)), rtol=1e-10, atol=1e-10
        )


@every_head
def test_a_head_refuses_levels_that_do_not_fit_its_config(name):
    head, levels = build(name), MODULES[name].make_input(2, (33, 47))
    wider = [torch.cat([level, level], 1) for level in levels]
    for inputs, words in [
        (levels[-1], r'one tensor of shape \(2, '),
        (levels[:-1], 'do not fit the backbone'),
        (wider, 'do not fit the backbone'),
    ]:
        with pytest.raises(ValueError, match=words):
            head(inputs)


@every_head
def test_a_heads_forward_is_one_tensor(name):
    for training in (True, False):
        head = build(name).train(training)
        assert isinstance(head(MODULES[name].make_input(2, (33, 47))), Tensor)


@every_pixel_head
@pytest.mark.parametrize('size', SIZES)
def test_a_heads_prediction_has_the_images_size(name, size):
    head = build(name).eval()
    metas = [dict(img_shape=size, pad_shape=size)]
    with torch.no_grad():
        result = head.predict(MODULES[name].make_input(1, size), metas, None)
    assert result.shape == (1, MODULES[name].arguments['num_classes'], *size)


@pytest.mark.parametrize(
    ('name', 'change'),
    [
        pytest.param(name, change, id=f'{name} {change}')
        for name, case in MODULES.items()
        for change in case.variants
    ],
)
def test_a_head_takes_the_arguments_of_mmsegs_head(name, change):
    case = MODULES[name]
    for arguments in (case.required, case.arguments):
        head = build_with(name, arguments | change)
        x = case.make_input(2, (33, 47))
        samples = samples_of(torch.randint(0, 2, (2, 33, 47)))
        assert total_of(head.loss(x, samples, None)) > 0
        if name in PIXEL_HEADS:
            metas = [dict(img_shape=(33, 47), pad_shape=(33, 47))]
            with torch.no_grad():
                logits = head.eval().predict(x, metas, None)
            assert logits.shape == (2, head.out_channels, 33, 47)
            assert logits.isfinite().all()


@every_pixel_head
def test_a_head_survives_an_image_without_labels(name):
    loss = dict(type='mmseg.CrossEntropyLoss', avg_non_ignore=True)
    head = build(name, loss_decode=loss)
    samples = samples_of(torch.full((1, 33, 47), 255))
    total = total_of(head.loss(MODULES[name].make_input(1, (33, 47)), samples, None))
    total.backward()
    assert total == 0
    assert all(p.grad.isfinite().all() for p in head.parameters())


@every_loss
@pytest.mark.parametrize('batch', [1, 2])
def test_a_loss_is_positive_and_has_a_gradient_and_a_name_and_a_weight(name, batch):
    logits, labels = LOSSES[name].make_input(batch)
    value = build(name, loss_weight=1.0)(logits.requires_grad_(), labels)
    value.backward()
    assert value > 0
    assert logits.grad.isfinite().all()
    assert logits.grad.any(1).all()
    twice = build(name, loss_weight=2.0, loss_name='loss_x')
    torch.testing.assert_close(twice(logits, labels), 2 * value)
    assert twice.loss_name == 'loss_x'
    assert 'loss' in build(name).loss_name


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
