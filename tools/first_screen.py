"""Keep the first screen of a tool short; import this module before any of the host.

It imports mmseg_plugins without what its hosts print and warn of meanwhile: an optional
package that is not installed, functions that are deprecated. ``short_log`` keeps the
long records of mmengine off the screen.
"""

import contextlib
import io
import re
import sys
import warnings
from collections.abc import Iterator
from typing import Any, TextIO

for _message in (
    'Fail to import ``MultiScaleDeformableAttention``',
    '``build_(pixel_sampler|loss)`` would be deprecated',
    'The draw is False, it means that',
):
    warnings.filterwarnings('ignore', message=_message)
try:
    with contextlib.redirect_stdout(io.StringIO()):  # "Could not import OneDL"
        # Without its module, a folder that pip left behind would be the package.
        import mmseg_plugins.environment  # noqa: F401
except ModuleNotFoundError:
    sys.exit(
        'mmseg_plugins is not installed. Fix: pip install -e .  # in its repository'
    )
except RuntimeError as error:  # it says what is missing, and how to install it
    sys.exit(str(error))

#: How records begin that go to the log file only.
LONG_RECORDS = re.compile(
    r' - (\n-+\nSystem environment:|Config:\n|Hooks will be executed in the following|'
    r'Distributed training is not used, all SyncBatchNorm|'
    r'The prefix is not set in metric|"FileClient" will be|"HardDiskBackend" is)'
)


class _Screen:
    """A stream for text that leaves out ``LONG_RECORDS``."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        if LONG_RECORDS.search(text, 0, 200):
            return len(text)
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def short_log() -> Iterator[None]:
    """Keep environment, config and list of hooks off the screen.

    A logger of mmengine writes each record at once, to ``sys.stdout`` and to the log
    file of the run. The host's test.py makes its Runner itself, so that a subclass of
    Runner, which could filter the records of its logger, would not be used there.
    """
    with contextlib.redirect_stdout(_Screen(sys.stdout)):
        yield
