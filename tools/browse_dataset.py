"""Draw a dataset as the model sees it: mmseg's own tool, with our names."""

from typing import Any

import numpy as np
from host_tool import run_host_tool
from mmseg.visualization import SegLocalVisualizer

_host_draw = SegLocalVisualizer.add_datasample


def _draw(
    self: SegLocalVisualizer, name: str, image: np.ndarray, *args: Any, **kw: Any
):
    """Order the pixels in memory: on mmseg 1.2.2 OpenCV refuses the tool's images."""
    return _host_draw(self, name, np.ascontiguousarray(image), *args, **kw)


if __name__ == '__main__':
    SegLocalVisualizer.add_datasample = _draw
    run_host_tool('analysis_tools/browse_dataset.py')
