"""FrozenBackbone: nothing of it trains, in any precision, and its weights are saved."""

import copy

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.model import ExponentialMovingAverage
from mmengine.runner import load_checkpoint, save_checkpoint
from mmseg.registry import MODELS
from torch import Tensor, distributed, nn
from torch.nn.functional import avg_pool2d, pad
from torch.nn.parallel import DistributedDataParallel

from tests.contracts.cases import BN
from tests.contracts.test_every_module import samples_of

SIZES = dict(depth=11, base_channels=4, fc_channels=8, dropout_ratio=0.5)
VGG = dict(type='mmseg_plugins.FCNVGG', norm_cfg=BN, **SIZES)
SKIPS = dict(in_channels=[16, 32, 8], in_index=[0, 1, 2], num_classes=5)
HEAD = dict(type='mmseg_plugins.FCNSkipHead', align_corners=False, **SKIPS)
every_dtype = pytest.mark.parametrize('dtype', [None, 'float16', 'bfloat16'])


@MODELS.register_module(force=True)
class PatchMean(nn.Module):
    """A backbone in the geometry of a ViT/14: it pads the image at bottom and right."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        padding = (0, -x.shape[3] % 14, 0, -x.shape[2] % 14)
        return avg_pool2d(pad(x[:, :2] * self.scale, padding, mode='replicate'), 14)


def freeze(backbone: dict, **kwargs: object) -> nn.Module:
    torch.manual_seed(0)
    config = dict(type='mmseg_plugins.FrozenBackbone', backbone=backbone, **kwargs)
    return MODELS.build(config).train()


def segmentor(backbone: dict, head: dict = HEAD, **preprocessor: object) -> nn.Module:
    torch.manual_seed(0)
    parts = dict(backbone=backbone, decode_head=head, test_cfg=dict(mode='whole'))
    preprocessor = dict(type='SegDataPreProcessor', **preprocessor)
    config = ConfigDict(type='EncoderDecoder', data_preprocessor=preprocessor, **parts)
    return MODELS.build(config).train()


def frozen_segmentor(dtype: str | None) -> nn.Module:
    config = dict(type='mmseg_plugins.FrozenBackbone', backbone=VGG, dtype=dtype)
    return segmentor(config)


def images() -> Tensor:
    torch.manual_seed(1)
    return torch.randn(2, 3, 64, 96)


def train_one_step(model: nn.Module) -> None:
    optimizer = torch.optim.SGD(model.parameters(), 0.1, weight_decay=0.1)
    samples = samples_of(torch.randint(0, 5, (2, 64, 96)))
    model(images(), samples, mode='loss')['decode.loss_ce'].backward()
    optimizer.step()


@every_dtype
@pytest.mark.parametrize('amp', [False, True])
def test_a_training_changes_the_head_alone(dtype, amp):
    model = frozen_segmentor(dtype)
    before = copy.deepcopy(model.state_dict())
    with torch.autocast('cpu', torch.bfloat16, enabled=amp):
        train_one_step(model)
    same = [k for k, x in model.state_dict().items() if torch.equal(x, before[k])]
    assert same == [key for key in before if key.startswith('backbone.')]


def test_dropout_is_off_and_nothing_is_kept_for_the_backward_pass():
    net, kept = freeze(VGG), []
    net.init_weights()

    def pack(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        outputs = net.train()(images().requires_grad_())
        assert kept == []
        MODELS.build(VGG)(images())  # control
    assert kept
    for one, other in zip(outputs, net.eval()(images()), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize('dtype', ['float16', 'bfloat16'])
def test_half_precision_holds_weights_and_gives_float32(dtype):
    net, half = freeze(VGG), freeze(VGG, dtype=dtype, normalize=True)
    assert {x.dtype for x in half.parameters()} == {getattr(torch, dtype)}
    for one, plain in zip(half(images()), net(images()), strict=True):
        other = (plain - plain.mean(1, True)) / (
            plain.var(1, False, True) + 1e-5
        ).sqrt()
        assert one.dtype == torch.float32
        assert 0 < (one - other).norm() < 0.1 * other.norm()
    net.load_state_dict(half.state_dict())
    net.normalize = True
    torch.testing.assert_close(half.float()(images()), net(images()))


@every_dtype
def test_a_checkpoint_of_a_network_or_of_its_average_loads_strictly(dtype, tmp_path):
    model = frozen_segmentor(dtype)
    average = ExponentialMovingAverage(model, momentum=0.5)
    train_one_step(model)
    for _ in range(2):
        average.update_parameters(model)
    for saved in (model, average.module):
        save_checkpoint(dict(state_dict=saved.state_dict()), str(tmp_path / 'a.pth'))
        other = frozen_segmentor(dtype)
        for parameter in other.parameters():
            nn.init.zeros_(parameter)
        load_checkpoint(other, str(tmp_path / 'a.pth'), strict=True)
        torch.testing.assert_close(other.backbone(images()), model.backbone(images()))


@every_dtype
def test_weights_of_a_network_without_the_wrapper_load(dtype, tmp_path):
    plain, file = segmentor(VGG), str(tmp_path / 'plain.pth')
    for parameter in plain.parameters():
        nn.init.normal_(parameter, std=0.1)
    save_checkpoint(dict(state_dict=plain.state_dict()), file)
    by_load_from = frozen_segmentor(dtype)
    load_checkpoint(by_load_from, file, strict=True)
    init_cfg = dict(type='Pretrained', checkpoint=file, prefix='backbone.')
    by_init_cfg = freeze(dict(VGG, init_cfg=init_cfg), dtype=dtype)
    by_init_cfg.init_weights()
    expected = freeze(VGG, dtype=dtype)
    expected.backbone.load_state_dict(plain.backbone.state_dict())
    for net in (by_load_from.backbone, by_init_cfg):
        torch.testing.assert_close(net(images()), expected(images()), rtol=0, atol=0)


@pytest.mark.one_line
def test_distributed_training_needs_no_search_for_unused_parameters():
    store = distributed.HashStore()
    distributed.init_process_group('gloo', store=store, rank=0, world_size=1)
    try:
        model = DistributedDataParallel(frozen_segmentor('bfloat16'))
        for _ in range(2):  # the second would find a gradient missing
            train_one_step(model)
    finally:
        distributed.destroy_process_group()


@pytest.mark.one_line
def test_it_compiles_and_exports():
    net = freeze(dict(type='PatchMean'), dtype='bfloat16', normalize=True).eval()
    torch._dynamo.reset()
    compiled = torch.compile(net, fullgraph=True, backend='aot_eager')
    sizes = {2: torch.export.Dim.AUTO, 3: torch.export.Dim.AUTO}
    program = torch.export.export(net, (images(),), dynamic_shapes=(sizes,))
    others = pad(images(), (0, 32, 0, 67))
    torch.testing.assert_close(compiled(images()), net(images()))
    torch.testing.assert_close(program.module()(others), net(others))


LINEAR = dict(type='FCNHead', in_channels=2, num_convs=0, concat_input=False)
LINEAR.update(channels=2, align_corners=False)
SKIP = dict(HEAD, in_channels=[2], in_index=[0], strides=[14])


@pytest.mark.parametrize(
    ('head', 'divisor', 'is_exact'),
    [(LINEAR, 14, True), (LINEAR, 1, False), (SKIP, 14, True), (SKIP, 1, True)],
)
def test_classes_stay_in_place_at_sizes_that_are_no_multiple(head, divisor, is_exact):
    test_cfg = dict(size_divisor=divisor) if divisor > 1 else None
    head = dict(head, num_classes=2, out_channels=2)
    frozen = dict(type='mmseg_plugins.FrozenBackbone', backbone=dict(type='PatchMean'))
    model = segmentor(frozen, head, test_cfg=test_cfg).eval()
    weight = model.decode_head.conv_seg.weight
    weight.data.copy_(torch.eye(2).reshape(weight.shape))
    nn.init.zeros_(model.decode_head.conv_seg.bias)
    labels = torch.zeros(101, 129, dtype=torch.long)
    labels[:, 98:] = 1  # from the border of a cell on
    (sample,) = samples_of(labels[None])
    sample.set_metainfo(dict(img_shape=(101, 129), ori_shape=(101, 129)))
    image = torch.stack([1 - labels, labels, labels]).to(torch.uint8)
    with torch.no_grad():
        (result,) = model.test_step(dict(inputs=[image], data_samples=[sample]))
    wrong = (result.pred_sem_seg.data[0] != labels).float().mean()
    assert wrong == 0 if is_exact else wrong > 0.05


def test_a_dtype_that_is_not_half_is_refused():
    with pytest.raises(ValueError, match="dtype='float64': must be 'float16'"):
        freeze(VGG, dtype='float64')
