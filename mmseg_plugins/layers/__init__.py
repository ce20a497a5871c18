from .encoding import Encoding
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
    'Interpolation',
    'bilinear_kernel',
    'crop',
    'crop_offsets',
    'deconv_kernel_size',
    'stride_steps',
]
