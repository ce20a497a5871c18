from .num_class_check import NumClassCheckHook

__all__ = ['NumClassCheckHook']
