"""Lets a CUDA build of torchvision be imported beside a CPU build of torch.

For the tests only: pip may find no other pair, and mmpretrain imports torchvision. Its
compiled library does not load then, and the import ends at "operator torchvision::nms
does not exist". Put this folder on PYTHONPATH and the schemas that it asks for are
there, without operators behind them. Where the library loads, nothing is done.
"""

import sys
from importlib.abc import MetaPathFinder

_SCHEMAS = {
    'nms': '(Tensor dets, Tensor scores, float iou_threshold) -> Tensor',
    'qnms': '(Tensor dets, Tensor scores, float iou_threshold) -> Tensor',
}


class _MissingSchemas(MetaPathFinder):
    """Acts between torchvision's load of its library and its use of the schemas."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname == 'torchvision._meta_registrations':
            torch = sys.modules['torch']  # torchvision has imported it
            for name, schema in _SCHEMAS.items():
                if not hasattr(torch.ops.torchvision, name):
                    torch.library.define(f'torchvision::{name}', schema)


sys.meta_path.insert(0, _MissingSchemas())
