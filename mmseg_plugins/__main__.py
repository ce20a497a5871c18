"""``python -m mmseg_plugins TOOL``: the same as the command ``mmseg-plugins``."""

from mmseg_plugins_command import main

main()
