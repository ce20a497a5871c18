"""mmseg's pictures of predictions for images with more or fewer than 3 channels."""

from mmengine.runner import Runner
from mmseg.engine.hooks import SegVisualizationHook

from mmseg_plugins.datasets.multi_channel import find_loader
from mmseg_plugins.registry import HOOKS


@HOOKS.register_module()
class MultiChannelVisualizationHook(SegVisualizationHook):
    """mmseg's ``SegVisualizationHook`` for data of ``LoadMultiChannelImage``.

    With ``test.py --show-dir``, it shows the ``bands`` that the loading step of the
    validation or test pipeline names. It takes the arguments of
    ``SegVisualizationHook``, but no ``backend_args``. Data that another step loads are
    drawn as in mmseg.
    """

    def before_val(self, runner: Runner) -> None:
        """Find the loading step of the validation data."""
        self._use_loader_of(runner.val_loop.dataloader.dataset)

    def before_test(self, runner: Runner) -> None:
        """Find the loading step of the test data."""
        self._use_loader_of(runner.test_loop.dataloader.dataset)

    def _use_loader_of(self, dataset: object) -> None:
        load = find_loader(dataset)
        self.backend_args = load and load.picture_backend
