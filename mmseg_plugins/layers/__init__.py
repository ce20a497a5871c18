from .encoding import Encoding
from .strip_pooling import MixedPooling, StripPooling, zero_last_layer
from .upsample import BilinearUpsample, LearnedUpsample, bilinear_kernel

__all__ = [
    'BilinearUpsample',
    'Encoding',
    'LearnedUpsample',
    'MixedPooling',
    'StripPooling',
    'bilinear_kernel',
    'zero_last_layer',
]
