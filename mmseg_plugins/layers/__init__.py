from .upsample import crop, upsample

__all__ = ['crop', 'upsample']
