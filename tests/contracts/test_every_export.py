"""Each network as a graph: exported, traced, quantized, with dynamic sizes."""

import copy
import functools

import pytest
import torch
from exporting import FORMATS, ExportableNetwork, describe, export
from mmengine.config import Config
from mmseg.registry import MODELS
from torch.ao.quantization import get_default_qconfig_mapping, quantize_dynamic
from torch.ao.quantization.quantize_fx import prepare_fx
from verification import SIZES, TOLERANCE, compare, make_batches

from tests.contracts.cases import NETWORKS

TRACED, OTHERS = (64, 96), [(33, 121), (65, 97), (130, 50)]
pytestmark = pytest.mark.one_line
every_network = pytest.mark.parametrize('name', NETWORKS)
PREPROCESSOR = dict(
    type='mmseg.SegDataPreProcessor', mean=[127.0] * 3, std=[64.0] * 3, bgr_to_rgb=True
)
TEST_DATA = dict(type='x', pipeline=[dict(type='LoadImageFromFile')])
FCN_VARIANTS = ('fcn-8s-learned', 'fcn-8s-pad100', 'fcn-alexnet')
#: Config, and what makes its backbone and its head small.
RECIPES = {
    'mit-b0': (
        'spnet-mpm_mit-b0_4xb4-160k_ade20k-512x512.py',
        dict(
            embed_dims=8,
            num_stages=1,
            num_layers=[1],
            num_heads=[2],
            patch_sizes=[7],
            strides=[8],
            sr_ratios=[4],
            out_indices=[0],
        ),
        dict(in_channels=16, in_index=0, reduce_channels=8, channels=8),
    ),
    'unet': (
        'fcn-se_unet-s5-d16_4xb4-160k_cityscapes-512x1024.py',
        dict(base_channels=4),
        dict(in_channels=4, channels=4),
    ),
}


def build(parts: dict) -> torch.nn.Module:
    """Build a segmentor with random weights, as ``load_segmentor`` returns it."""
    torch.manual_seed(0)
    parts = dict(test_cfg=dict(mode='whole'), data_preprocessor=PREPROCESSOR) | parts
    segmentor = MODELS.build(dict(type='mmseg.EncoderDecoder') | parts)
    for parameter in segmentor.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    segmentor.temperature = torch.ones(1)
    segmentor.dataset_meta = dict(classes=range(segmentor.num_classes))
    segmentor.cfg = Config(dict(test_dataloader=dict(dataset=TEST_DATA)))
    return segmentor.eval()


def recipe(name: str) -> dict:
    """Return the model of a recipe's config, small."""
    file, backbone, head = RECIPES[name]
    model = Config.fromfile(f'configs/recipes/{file}').model
    model.backbone.update(backbone, init_cfg=None)
    model.decode_head.update(head, num_classes=5)
    model.auxiliary_head = None
    model.data_preprocessor.test_cfg = dict(size_divisor=16)  # for UNet
    return model


class Tensors(torch.nn.Module):
    """The mode 'tensor' of a segmentor: backbone and head alone."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.segmentor = build(NETWORKS[name])

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.segmentor.decode_head(self.segmentor.backbone(image))


def image_of(size: tuple[int, int]) -> torch.Tensor:
    return torch.randn(1, 3, *size)


@torch.no_grad()
def assert_equals_eager(graph, net, sizes, tolerance=1e-5):
    """Compare at several sizes, relative to the largest logit."""
    for size in sizes:
        image = image_of(size)
        expected, actual = net(image), graph(image)
        scale = expected.abs().max().item()
        torch.testing.assert_close(actual, expected, rtol=0, atol=tolerance * scale)


@functools.lru_cache(maxsize=1)  # the graph, the slowest part, is that of two formats
def make_exportable(name: str) -> ExportableNetwork:
    parts = recipe(name) if name in RECIPES else copy.deepcopy(NETWORKS[name])
    if name == 'spnet':  # 8 blocks instead of 16, and one MPM instead of two
        parts['backbone']['depth'] = 18
        parts['decode_head'].update(in_channels=32, num_modules=1)
    return ExportableNetwork(build(parts), outputs=['logits'])


@pytest.mark.slow
@pytest.mark.parametrize(
    ('name', 'suffix'),
    [
        (name, suffix)
        for name in [*NETWORKS, *RECIPES]
        for suffix in FORMATS
        if suffix != '.pt2' or name not in FCN_VARIANTS  # .onnx has the same graph
    ],
)
def test_exported_network_equals_eager_at_other_sizes(
    name, suffix, tmp_path, monkeypatch
):
    monkeypatch.setattr('exporting.TRACED', (2, *TRACED))
    exportable = make_exportable(name)
    path = tmp_path / f'net{suffix}'
    export(exportable, path, describe(exportable))
    rows = list(compare(exportable, path, make_batches(exportable)))
    assert [row.shape[2:] for row in rows] == [*SIZES]
    assert max(row.difference for row in rows) < TOLERANCE / 50
    assert max(row.changed for row in rows) < 1e-4


def test_layers_that_are_replaced_for_the_graph_are_equal():
    segmentor = build(recipe('unet'))
    images = 64 * image_of((48, 80)) + 127
    metas = [dict(img_shape=images.shape[2:])]
    with torch.no_grad():
        mean, std = segmentor.data_preprocessor.mean, segmentor.data_preprocessor.std
        expected = segmentor.encode_decode((images - mean) / std, metas)
        actual = ExportableNetwork(segmentor).predict_logits(images)
    torch.testing.assert_close(actual, expected)


@every_network
def test_symbolic_trace_equals_eager_at_other_sizes(name):
    net = Tensors(name)
    assert_equals_eager(torch.fx.symbolic_trace(net), net, [TRACED, *OTHERS], 0)


@every_network
def test_network_prepared_for_quantization_equals_eager(name):
    net = Tensors(name)
    prepared = prepare_fx(
        copy.deepcopy(net), get_default_qconfig_mapping(), (image_of(TRACED),)
    )
    assert_equals_eager(prepared, net, [TRACED, *OTHERS])


@every_network
def test_dynamically_quantized_network_is_close_to_eager(name):
    net = Tensors(name)
    quantized = quantize_dynamic(net, {torch.nn.Linear}, dtype=torch.qint8)
    assert_equals_eager(quantized, net, OTHERS, 0.05)
