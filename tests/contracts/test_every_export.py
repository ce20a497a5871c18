"""Each network as a graph: traced, exported, quantized, with dynamic sizes."""

import copy

import onnxruntime
import pytest
import torch
from mmseg.registry import MODELS
from torch.ao.quantization import get_default_qconfig_mapping, quantize_dynamic
from torch.ao.quantization.quantize_fx import prepare_fx

from tests.contracts.cases import NETWORKS

TRACED, OTHERS = (64, 96), [(33, 121), (65, 97), (130, 50)]
pytestmark = pytest.mark.one_line
every_network = pytest.mark.parametrize('name', NETWORKS)
# AUTO, since torch cannot prove of ceil-rounded pools what holds for every size.
DYNAMIC = ({2: torch.export.Dim.AUTO, 3: torch.export.Dim.AUTO},)


class ImageToLogits(torch.nn.Module):
    """What a deployed model does: prediction without mmseg's data structures."""

    def __init__(self, name: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        parts = dict(NETWORKS[name], test_cfg=dict(mode='whole'))
        self.segmentor = MODELS.build(dict(type='mmseg.EncoderDecoder', **parts))
        for parameter in self.parameters():
            torch.nn.init.normal_(parameter, std=0.2)
        self.eval()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.segmentor.encode_decode(image, [dict(img_shape=image.shape[2:])])


class Tensors(ImageToLogits):
    """The mode 'tensor' of a segmentor: backbone and head alone."""

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


@every_network
def test_logits_have_the_images_size(name):
    for size in OTHERS:
        with torch.no_grad():
            assert ImageToLogits(name)(image_of(size)).shape[2:] == size


@every_network
def test_exported_program_equals_eager_at_other_sizes(name):
    net = ImageToLogits(name)
    program = torch.export.export(net, (image_of(TRACED),), dynamic_shapes=DYNAMIC)
    assert_equals_eager(program.module(), net, OTHERS)


@every_network
def test_traced_network_equals_eager(name):
    net = ImageToLogits(name)
    assert_equals_eager(torch.jit.trace(net, image_of(TRACED)), net, [TRACED])


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


@pytest.mark.slow
@every_network
@pytest.mark.parametrize('exporter', ['dynamo', 'tracing'])
def test_onnx_model_equals_eager_at_other_sizes(name, exporter, tmp_path):
    net = ImageToLogits(name)
    file = tmp_path / 'net.onnx'
    if exporter == 'dynamo':
        options = dict(dynamo=True, dynamic_shapes=DYNAMIC, verbose=False)
    else:
        axes = {'image': {2: 'height', 3: 'width'}}
        options = dict(dynamo=False, input_names=['image'], dynamic_axes=axes)
    torch.onnx.export(net, (image_of(TRACED),), file, **options)
    session = onnxruntime.InferenceSession(file)
    name_of_input = session.get_inputs()[0].name

    def graph(image):
        return torch.from_numpy(session.run(None, {name_of_input: image.numpy()})[0])

    assert_equals_eager(graph, net, OTHERS)
