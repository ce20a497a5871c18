"""torchvision's GoogLeNet in ours gives its numbers, on our normalised image."""

import pytest
import torch
from torch import Tensor, nn

from mmseg_plugins.backbones import FCNGoogLeNet
from mmseg_plugins.converters import tail_to_convs

models = pytest.importorskip(
    'torchvision.models', reason='needs torchvision: make test-mmpretrain'
)


def normalise(image: Tensor, mean: list[float], std: list[float]) -> Tensor:
    """Normalise (N, 3, H, W), as does SegDataPreProcessor."""
    offset, scale = (image.new_tensor(x).view(3, 1, 1) for x in (mean, std))
    return (image - offset) / scale


@pytest.fixture(scope='module')
def googlenet() -> nn.Module:
    torch.manual_seed(0)
    net = models.GoogLeNet(transform_input=True, init_weights=False).double()
    for module in net.modules():  # as after a training: the norms fit their inputs
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
    with torch.no_grad():
        net.train()(torch.randn(2, 3, 96, 96, dtype=torch.float64))
    return net.eval()


@pytest.mark.parametrize('eps', [{}, {'eps': 1e-5}])
def test_the_mean_score_is_the_classifiers_output(eps, googlenet, tmp_path):
    torch.save(googlenet.state_dict(), tmp_path / 'googlenet.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'googlenet.pth'))
    net = FCNGoogLeNet(norm_cfg=dict(type='BN', **eps), init_cfg=init_cfg)
    net.double().eval().init_weights()
    score = tail_to_convs([nn.Flatten(), googlenet.fc], (1024, 1, 1))
    image = torch.randint(0, 256, (1, 3, 224, 224)).double()
    with torch.no_grad():
        resnets = normalise(image / 255, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
        expected = googlenet(resnets)
        scores = score(net(normalise(image, [127.5] * 3, [127.5] * 3))[-1])
    assert scores.shape == (1, 1000, 7, 7)
    difference = (scores.mean((2, 3)) - expected).abs().max() / expected.abs().max()
    assert (difference < 1e-10) == (not eps)  # control: another eps
    with pytest.raises(ValueError, match=r"'conv1.conv.bias' is missing: .* norm_cfg"):
        FCNGoogLeNet().load_state_dict(googlenet.state_dict())
