"""A segmentor of plain BN, so that one process can train it, on a CPU too.

Several processes share their statistics.
"""

_base_ = './segmentor.py'
sync_bn = 'torch'
