"""What ``mmengine.hub.get_model('mmseg_plugins::...')`` calls; it needs this name."""


def register_all_modules() -> None:
    """Do nothing: importing the package has registered all its classes."""
