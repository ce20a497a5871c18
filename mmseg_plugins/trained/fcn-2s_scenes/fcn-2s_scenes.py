"""The network of the shipped weights; see README.md in this folder."""

_base_ = 'mmseg_plugins::fcn/fcn-2s_vgg13-slim_1xb8-400_scenes-192x256.py'
