"""Each network, from image to logits of its size, as a graph with dynamic sizes."""

import onnxruntime
import pytest
import torch
from cases import NETWORKS
from mmseg.registry import MODELS

TRACED, OTHERS = (64, 96), [(33, 121), (65, 97), (130, 50)]
every_network = pytest.mark.parametrize('name', NETWORKS)


class ImageToLogits(torch.nn.Module):
    """What a deployed model does: prediction without the host's data structures."""

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


# AUTO, since torch cannot prove of ceil-rounded pools what holds for every size.
DYNAMIC = ({2: torch.export.Dim.AUTO, 3: torch.export.Dim.AUTO},)


@every_network
def test_exported_program_equals_eager_at_other_sizes(name):
    net = ImageToLogits(name)
    example = (torch.randn(1, 3, *TRACED),)
    program = torch.export.export(net, example, dynamic_shapes=DYNAMIC).module()
    for size in OTHERS:
        image = torch.randn(1, 3, *size)
        with torch.no_grad():
            expected = net(image)
        assert expected.shape[2:] == size
        torch.testing.assert_close(program(image), expected, rtol=1e-5, atol=1e-5)


@every_network
def test_compiled_network_is_one_graph_and_equals_eager(name):
    net = ImageToLogits(name)
    torch._dynamo.reset()
    compiled = torch.compile(net, fullgraph=True, backend='aot_eager')
    for size in (TRACED, *OTHERS):
        image = torch.randn(1, 3, *size)
        with torch.no_grad():
            torch.testing.assert_close(
                compiled(image), net(image), rtol=1e-5, atol=1e-5
            )


@pytest.mark.slow
@every_network
def test_onnx_model_equals_eager_at_other_sizes(name, tmp_path):
    net = ImageToLogits(name)
    example = (torch.randn(1, 3, *TRACED),)
    file = tmp_path / 'net.onnx'
    torch.onnx.export(
        net, example, file, dynamo=True, dynamic_shapes=DYNAMIC, verbose=False
    )
    session = onnxruntime.InferenceSession(file)
    for size in OTHERS:
        image = torch.randn(1, 3, *size)
        with torch.no_grad():
            expected = net(image)
        actual = session.run(None, {session.get_inputs()[0].name: image.numpy()})[0]
        scale = expected.abs().max().item()
        torch.testing.assert_close(
            torch.from_numpy(actual), expected, rtol=0, atol=1e-5 * scale
        )
