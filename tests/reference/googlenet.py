"""GoogLeNet, written from Caffe's bvlc_googlenet, plainly.

Source: BVLC/caffe, models/bvlc_googlenet/deploy.prototxt. Weights come by its names,
such as ``inception_3a/1x1.weight``. Nothing of mmseg_plugins is used.
"""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, max_pool2d

from tests.reference.fcn import relu
from tests.reference.fcn_alexnet import normalize, pool

#: Outputs of 1x1, 3x3_reduce, 3x3, 5x5_reduce, 5x5 and pool_proj.
BLOCKS = {
    '3a': (64, 96, 128, 16, 32, 32),
    '3b': (128, 128, 192, 32, 96, 64),
    '4a': (192, 96, 208, 16, 48, 64),
    '4b': (160, 112, 224, 24, 64, 64),
    '4c': (128, 128, 256, 24, 64, 64),
    '4d': (112, 144, 288, 32, 64, 64),
    '4e': (256, 160, 320, 32, 128, 128),
    '5a': (256, 160, 320, 32, 128, 128),
    '5b': (384, 192, 384, 48, 128, 128),
}
Weights = dict[str, Tensor]


def layer(
    x: Tensor, weights: Weights, name: str, out: int, size: int, stride: int = 1
) -> Tensor:
    """A convolution; weights that are not there yet are drawn."""
    if f'{name}.weight' not in weights:
        kernel = torch.randn(out, x.shape[1], size, size, dtype=x.dtype)
        weights[f'{name}.weight'] = (2 / kernel[0].numel()) ** 0.5 * kernel
        weights[f'{name}.bias'] = torch.randn(out, dtype=x.dtype)
    kernel, bias = weights[f'{name}.weight'], weights[f'{name}.bias']
    return conv2d(x, kernel, bias, stride, padding=size // 2)


def googlenet(image: Tensor, weights: Weights, width: int = 64) -> dict[str, Tensor]:
    """The last map of each stride, and the classifier's output before its softmax.

    The first layer has ``width`` channels, the others are scaled alike.
    """

    def conv(x: Tensor, name: str, out: int, size: int, stride: int = 1) -> Tensor:
        return relu(layer(x, weights, name, out * width // 64, size, stride))

    maps = {'conv1': conv(image, 'conv1/7x7_s2', 64, 7, 2)}
    x = conv(normalize(pool(maps['conv1'])), 'conv2/3x3_reduce', 64, 1)
    x = maps['norm2'] = normalize(conv(x, 'conv2/3x3', 192, 3))
    for name, (one, reduce3, three, reduce5, five, proj) in BLOCKS.items():
        x = pool(x) if name in ('3a', '4a', '5a') else x
        block = f'inception_{name}'
        branches = [
            conv(x, f'{block}/1x1', one, 1),
            conv(conv(x, f'{block}/3x3_reduce', reduce3, 1), f'{block}/3x3', three, 3),
            conv(conv(x, f'{block}/5x5_reduce', reduce5, 1), f'{block}/5x5', five, 5),
            conv(max_pool2d(x, 3, 1, 1), f'{block}/pool_proj', proj, 1),
        ]
        x = maps[name] = torch.cat(branches, 1)
    x = layer(avg_pool2d(x, 7, 1), weights, 'loss3/classifier', 1000, 1)
    return maps | {'classifier': x.flatten(1)}
