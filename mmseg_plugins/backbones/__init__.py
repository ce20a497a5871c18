from .dfanet import DFANet
from .fcn_alexnet import FCNAlexNet
from .fcn_googlenet import FCNGoogLeNet
from .fcn_vgg import FCNVGG
from .spnet_resnet import SPNetResNet
from .xception import XceptionA, XceptionB

__all__ = [
    'FCNVGG',
    'DFANet',
    'FCNAlexNet',
    'FCNGoogLeNet',
    'SPNetResNet',
    'XceptionA',
    'XceptionB',
]
