"""Slim FCNs with random weights in float64, for the tests of both FCN heads."""

from itertools import chain

import torch
from torch import Tensor, nn

from mmseg_plugins.backbones import FCNVGG
from mmseg_plugins.decode_heads import FCNPad100Head, FCNSkipHead

STRIDES = [8, 16, 32]
SIZES = [(50, 121), (64, 96), (97, 131), (224, 224), (1, 1)]
#: Names of layers that differ from those in the authors' net.py.
PAPER_NAMES = {
    'conv_seg': 'score_fr',
    'upscore32': 'upscore',
    'upscore_pool5': 'upscore2',
}


class Net(nn.Module):
    """FCN-32s, 16s or 8s on VGG16, from image to logits at the size of the image."""

    def __init__(self, stride: int, pad100: bool = False, **kwargs: object) -> None:
        super().__init__()
        torch.manual_seed(stride)
        first = STRIDES.index(stride)
        self.backbone = FCNVGG(
            base_channels=2, fc_channels=10, pad=100 if pad100 else 1
        )
        make_head = FCNPad100Head if pad100 else FCNSkipHead
        self.decode_head = make_head(
            in_channels=[8, 16, 10][first:],
            in_index=list(range(first, 3)),
            strides=STRIDES[first:],
            num_classes=5,
            **kwargs,
        )
        self.double().eval()
        for name, parameter in self.named_parameters():
            # All levels weigh about as much as the others in the sum.
            gain = 9 if 'score_pool' in name else 2
            fan_in = max(parameter[0].numel(), gain)
            nn.init.normal_(parameter, std=(gain / fan_in) ** 0.5)

    def forward(self, image: Tensor) -> Tensor:
        metas = [dict(img_shape=image.shape[2:])] * len(image)
        with torch.no_grad():
            return self.decode_head.predict(self.backbone(image), metas, None)

    def paper_weights(self) -> dict:
        """Return the weights by the paper's names, fixed kernels as dense ones."""
        weights = {}
        parts = self.backbone.named_children(), self.decode_head.named_children()
        for name, layer in chain(*parts):
            name = PAPER_NAMES.get(name, name)
            if name.startswith(('conv', 'fc', 'score')):
                conv = getattr(layer, 'conv', layer)
                weights[name] = (conv.weight, conv.bias)
            elif name.startswith('upscore') and hasattr(layer, 'weight'):
                kernel = layer.weight
                if kernel.shape[1] == 1:
                    kernel = torch.eye(5).double()[..., None, None] * kernel
                weights[name] = kernel
        return weights


def random_image(size: tuple[int, int]) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(2, 3, *size, dtype=torch.float64)
