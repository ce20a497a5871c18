"""FCN, written from the paper and the authors' net.py, slowly and plainly.

Weights come by the paper's names: conv1_1 ... fc7, score_fr, score_pool4, score_pool3,
each a pair (kernel, bias), and upscore2, upscore_pool4, upscore8, upscore16, upscore,
each a kernel. Nothing of mmseg_plugins is used.
"""

import torch
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d, pad

from tests.reference.bilinear import bilinear_matrix

Weights = dict[str, tuple[Tensor, Tensor]]


def relu(x: Tensor) -> Tensor:
    return x.clamp(min=0)


def ceil_pool(x: Tensor) -> Tensor:
    """2 x 2 max pooling of stride 2 that keeps a last odd row and column."""
    height, width = x.shape[2:]
    x = pad(x, (0, width % 2, 0, height % 2), value=-torch.inf)
    return max_pool2d(x, 2)


def enlarge(x: Tensor, factor: int) -> Tensor:
    rows, columns = (bilinear_matrix(n, factor * n) for n in x.shape[2:])
    return torch.einsum('ih,nchw,jw->ncij', rows, x, columns)


def deconvolve(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """Lay the kernel, scaled by each cell, down at each cell, and add up."""
    size = kernel.shape[-1]
    height, width = (stride * (n - 1) + size for n in x.shape[2:])
    result = x.new_zeros(len(x), kernel.shape[1], height, width)
    for i in range(x.shape[2]):
        for j in range(x.shape[3]):
            patch = torch.einsum('nc,cdab->ndab', x[:, :, i, j], kernel)
            top, left = stride * i, stride * j
            result[:, :, top : top + size, left : left + size] += patch
    return result


def features(image, weights: Weights, stages: tuple, padding=1) -> list[Tensor]:
    """pool1 to pool5 and fc7; fc6 is padded by 3 unless the image is padded by 100."""
    outputs = []
    x = pad(image, [padding - 1] * 4)  # conv1_1 pads by one more
    for stage, num_convs in enumerate(stages, 1):
        for i in range(1, num_convs + 1):
            x = relu(conv2d(x, *weights[f'conv{stage}_{i}'], padding=1))
        x = ceil_pool(x)
        outputs.append(x)
    x = relu(conv2d(x, *weights['fc6'], padding=3 if padding == 1 else 0))
    outputs.append(relu(conv2d(x, *weights['fc7'])))
    return outputs


def fcn(image, weights: Weights, stages: tuple, stride: int, scales=(1, 1)) -> Tensor:
    """Logits of FCN-32s, 16s or 8s at the size of the image, which is not padded.

    ``scales`` of pool4 and pool3: numbers, or tensors (C, 1, 1).
    """
    levels = features(image, weights, stages)
    score = conv2d(levels[5], *weights['score_fr'])
    for pool, pool_stride, scale in ((4, 16, scales[0]), (3, 8, scales[1])):
        if pool_stride < stride:
            break
        skip = conv2d(scale * levels[pool - 1], *weights[f'score_pool{pool}'])
        score = enlarge(score, 2)[:, :, : skip.shape[2], : skip.shape[3]] + skip
    return enlarge(score, stride)[:, :, : image.shape[2], : image.shape[3]]


#: Where voc-fcn{32s,16s,8s}/net.py cuts: pool4, pool3, and the image out of the scores.
CROPS = {'pool4': 5, 'pool3': 9, 32: 19, 16: 27, 8: 31}


def cut(x: Tensor, offset: int, like: Tensor) -> Tensor:
    height, width = like.shape[2:]
    return x[:, :, offset : offset + height, offset : offset + width]


def authors_fcn(image, weights: Weights, stride: int, scales=(1, 1)) -> Tensor:
    """Logits of the authors' nets; ``scales`` of pool4 and pool3 as trained at once."""
    levels = features(image, weights, (2, 2, 3, 3, 3), padding=100)
    score = conv2d(levels[5], *weights['score_fr'])
    if stride == 32:
        return cut(deconvolve(score, weights['upscore'], 32), CROPS[32], image)
    score = deconvolve(score, weights['upscore2'], 2)
    pool4 = conv2d(levels[3] * scales[0], *weights['score_pool4'])
    score = score + cut(pool4, CROPS['pool4'], score)
    if stride == 16:
        return cut(deconvolve(score, weights['upscore16'], 16), CROPS[16], image)
    score = deconvolve(score, weights['upscore_pool4'], 2)
    pool3 = conv2d(levels[2] * scales[1], *weights['score_pool3'])
    score = score + cut(pool3, CROPS['pool3'], score)
    return cut(deconvolve(score, weights['upscore8'], 8), CROPS[8], image)
