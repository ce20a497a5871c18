"""FCN without padding of the image, written from the paper, slowly and plainly.

Weights come by the paper's names: conv1_1 ... fc7, score_fr, score_pool4, score_pool3,
each a pair (kernel, bias). Nothing of mmseg_plugins is used.
"""

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

Weights = dict[str, tuple[Tensor, Tensor]]


def relu(x: Tensor) -> Tensor:
    return x.clamp(min=0)


def ceil_pool(x: Tensor) -> Tensor:
    """2 x 2 max pooling of stride 2 that keeps a last odd row and column."""
    height, width = x.shape[2:]
    x = pad(x, (0, width % 2, 0, height % 2), value=-torch.inf)
    return torch.stack([x[:, :, i::2, j::2] for i in range(2) for j in range(2)]).amax(
        0
    )


def bilinear_matrix(length: int, factor: int) -> Tensor:
    """(factor * length, length): row i holds the weights of output pixel i.

    Pixel centres lie at i + 1/2; beyond the outermost centres the border is repeated.
    """
    matrix = torch.zeros(factor * length, length, dtype=torch.float64)
    for i in range(factor * length):
        position = min(max((i + 0.5) / factor - 0.5, 0.0), length - 1.0)
        left = min(int(position), length - 1)
        right = min(left + 1, length - 1)
        matrix[i, left] += 1 - (position - left)
        matrix[i, right] += position - left
    return matrix


def enlarge(x: Tensor, factor: int) -> Tensor:
    rows = bilinear_matrix(x.shape[2], factor)
    columns = bilinear_matrix(x.shape[3], factor)
    return torch.einsum('ih,nchw,jw->ncij', rows, x, columns)


def features(image: Tensor, weights: Weights, stages: tuple[int, ...]) -> list[Tensor]:
    """pool1 to pool5 and fc7."""
    x, outputs = image, []
    for stage, num_convs in enumerate(stages, 1):
        for i in range(1, num_convs + 1):
            x = relu(conv2d(x, *weights[f'conv{stage}_{i}'], padding=1))
        x = ceil_pool(x)
        outputs.append(x)
    x = relu(conv2d(x, *weights['fc6'], padding=3))
    outputs.append(relu(conv2d(x, *weights['fc7'])))
    return outputs


def fcn(
    image: Tensor, weights: Weights, stages: tuple[int, ...], stride: int
) -> Tensor:
    """Logits of FCN-32s, FCN-16s or FCN-8s at the size of the image."""
    levels = features(image, weights, stages)
    score = conv2d(levels[5], *weights['score_fr'])
    for pool, pool_stride in ((4, 16), (3, 8)):
        if pool_stride < stride:
            break
        skip = conv2d(levels[pool - 1], *weights[f'score_pool{pool}'])
        score = enlarge(score, 2)[:, :, : skip.shape[2], : skip.shape[3]] + skip
    return enlarge(score, stride)[:, :, : image.shape[2], : image.shape[3]]
