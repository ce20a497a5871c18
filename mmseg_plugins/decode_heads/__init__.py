from .dfa_head import DFAHead
from .enc_head import EncHead
from .fcn_pad100_head import FCNPad100Head
from .fcn_skip_head import FCNSkipHead
from .presence_head import PresenceHead
from .strip_pooling_head import StripPoolingHead

__all__ = [
    'DFAHead',
    'EncHead',
    'FCNPad100Head',
    'FCNSkipHead',
    'PresenceHead',
    'StripPoolingHead',
]
