from .encoding import Encoding
from .folding_conv import FoldingConvModule
from .joined_conv import JoinedConv2d
from .strip_pooling import MixedPooling, StripPooling
from .upsample import (
    BilinearDeconv,
    Interpolation,
    bilinear_kernel,
    crop,
    crop_offsets,
    deconv_kernel_size,
    stride_steps,
)

__all__ = [
    'BilinearDeconv',
    'Encoding',
    'FoldingConvModule',
    'Interpolation',
    'JoinedConv2d',
    'MixedPooling',
    'StripPooling',
    'bilinear_kernel',
    'crop',
    'crop_offsets',
    'deconv_kernel_size',
    'stride_steps',
]
