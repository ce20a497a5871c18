from .se_loss import SELoss, class_presence

__all__ = ['SELoss', 'class_presence']
