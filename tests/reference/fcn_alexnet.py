"""FCN-AlexNet, written from the authors' net.py and Caffe's layers, plainly.

Sources: shelhamer/fcn.berkeleyvision.org, voc-fcn-alexnet/net.py; BVLC/caffe,
src/caffe/layers/{pooling,lrn}_layer.cpp. Weights come by the names of net.py: conv1 ...
fc7 and score_fr, each a pair (kernel, bias), and upscore, a kernel. Nothing of
mmseg_plugins is used.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d, pad

from tests.reference.fcn import Weights, cut, deconvolve, relu

#: Where net.py cuts the image out of the scores.
CROP = 18


def pool(x: Tensor) -> Tensor:
    """3 x 3 max pooling of stride 2, as many windows as touch every pixel.

    Caffe drops a last window that begins outside only where there is padding.
    """
    rows, columns = (math.ceil((n - 3) / 2) + 1 for n in x.shape[2:])
    missing = (0, 2 * columns + 1 - x.shape[3], 0, 2 * rows + 1 - x.shape[2])
    return max_pool2d(pad(x, missing, value=-torch.inf), 3, 2)


def normalize(x: Tensor) -> Tensor:
    """Divide each channel by what its five neighbours, itself among them, sum up to."""
    channels = x.shape[1]
    result = torch.empty_like(x)
    for c in range(channels):
        neighbours = x[:, max(c - 2, 0) : min(c + 3, channels)]
        scale = 1 + 1e-4 / 5 * neighbours.square().sum(1)
        result[:, c] = x[:, c] / scale**0.75
    return result


def pool_and_normalize(x: Tensor) -> Tensor:
    return normalize(pool(x))


def conv_of_two_groups(x: Tensor, kernel: Tensor, bias: Tensor, padding: int) -> Tensor:
    """Each half of the kernels sees one half of the channels."""
    halves = zip(x.chunk(2, 1), kernel.chunk(2), bias.chunk(2), strict=True)
    return torch.cat([conv2d(*half, padding=padding) for half in halves], 1)


def alexnet_features(image: Tensor, weights: Weights) -> Tensor:
    """fc7 after its rectifier."""
    x = relu(conv2d(image, *weights['conv1'], stride=4, padding=100))
    x = pool_and_normalize(x)
    x = relu(conv_of_two_groups(x, *weights['conv2'], padding=2))
    x = pool_and_normalize(x)
    x = relu(conv2d(x, *weights['conv3'], padding=1))
    x = relu(conv_of_two_groups(x, *weights['conv4'], padding=1))
    x = pool(relu(conv_of_two_groups(x, *weights['conv5'], padding=1)))
    return relu(conv2d(relu(conv2d(x, *weights['fc6'])), *weights['fc7']))


def authors_alexnet(image: Tensor, weights: Weights) -> Tensor:
    """Logits of FCN-AlexNet at the size of the image."""
    score = conv2d(alexnet_features(image, weights), *weights['score_fr'])
    return cut(deconvolve(score, weights['upscore'], 32), CROP, image)
