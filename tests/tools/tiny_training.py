"""A training of a shipped config, small enough to be run as a user runs it."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / 'configs/fcn/fcn-2s_vgg13-slim_1xb8-400_scenes-192x256.py'
OPTIONS = [
    'model.backbone.base_channels=4',
    'model.backbone.fc_channels=8',
    'model.decode_head.in_channels=[4,8,16,32,8]',
    'model.data_preprocessor.size=(64,96)',
    'train_dataloader.batch_size=2',
    'train_dataloader.dataset.size=(64,96)',
    'val_dataloader.dataset.size=(64,96)',
    'val_dataloader.dataset.num_scenes=3',
    'test_dataloader.dataset.size=(64,96)',
    'test_dataloader.dataset.num_scenes=3',
    'default_hooks.checkpoint.interval=4',
    'default_hooks.logger.interval=1',
    'train_cfg.val_interval=1000',
    'report=False',  # a page takes longer than the training
]
