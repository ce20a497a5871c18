from .enc_head import EncHead
from .fcn_skip_head import FCNSkipHead

__all__ = ['EncHead', 'FCNSkipHead']
