from .fcn_alexnet import FCNAlexNet
from .fcn_vgg import FCNVGG

__all__ = ['FCNVGG', 'FCNAlexNet']
