from .cross_entropy_loss import CrossEntropyLoss
from .se_loss import SELoss, class_presence

__all__ = ['CrossEntropyLoss', 'SELoss', 'class_presence']
