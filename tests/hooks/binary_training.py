"""A short training with a real Runner: a bright square on a dark ground."""

from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmseg.datasets import BaseSegDataset
from mmseg.registry import MODELS
from PIL import Image
from torch import nn

from mmseg_plugins.registry import DATASETS

NUM_IMAGES, SIDE = 6, 16
CLASSES = ('background', 'crack')
SIGMOID = dict(type='CrossEntropyLoss', use_sigmoid=True)
TWO_LOGITS = dict(num_classes=2)
HEADS = [
    TWO_LOGITS,
    dict(num_classes=2, out_channels=1, threshold=0.5, loss_decode=SIGMOID),
    dict(num_classes=1, threshold=0.5, loss_decode=SIGMOID),
]
HOOKS = [
    dict(type='mmseg_plugins.NumClassCheckHook'),
    dict(type='mmseg_plugins.UnseenClassCheckHook'),
]


@DATASETS.register_module(force=True)
class CrackDataset(BaseSegDataset):
    METAINFO = dict(classes=('crack',), palette=[[255, 0, 0]])  # noqa: RUF012


@MODELS.register_module(force=True)
class OneConvolution(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU())

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [super().forward(x)]


def write_data(folder, ground: int = 0, square: int = 1) -> None:
    """Write images, and masks with these two labels."""
    for name in ('images', 'masks'):
        (folder / name).mkdir(exist_ok=True)
    for index in range(NUM_IMAGES):
        labels = np.full((SIDE, SIDE), ground, np.uint8)
        image = np.zeros((SIDE, SIDE, 3), np.uint8)
        rows, columns = slice(2, 6 + index), slice(4, 12)
        labels[rows, columns], image[rows, columns] = square, 200
        Image.fromarray(image).save(folder / f'images/{index}.jpg')
        Image.fromarray(labels).save(folder / f'masks/{index}.png')


def make_runner(folder, head: dict = TWO_LOGITS, **dataset) -> Runner:
    """Make a training of 30 iterations with two validations."""
    pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='mmseg_plugins.LoadLabels', num_classes=head['num_classes']),
        dict(type='PackSegInputs'),
    ]
    data = dict(
        type='BaseSegDataset',
        data_root=str(folder),
        data_prefix=dict(img_path='images', seg_map_path='masks'),
        pipeline=pipeline,
        metainfo=dict(classes=CLASSES),
    )
    sampler = dict(type='InfiniteSampler', shuffle=True)
    loader = dict(batch_size=2, sampler=sampler, dataset=data | dataset)
    normalize = dict(type='SegDataPreProcessor', mean=[100] * 3, std=[100] * 3)
    level = dict(in_channels=8, channels=8, num_convs=0)
    model = dict(
        type='EncoderDecoder',
        data_preprocessor=normalize | dict(size=(SIDE, SIDE)),
        backbone=dict(type='OneConvolution'),
        decode_head=dict(type='FCNHead') | level | head,
        test_cfg=dict(mode='whole'),
    )
    cfg = dict(
        default_scope='mmseg',
        model=model,
        work_dir=str(folder / 'work'),
        train_dataloader=loader,
        val_dataloader=loader | dict(sampler=dict(type='DefaultSampler')),
        val_evaluator=dict(type='IoUMetric'),
        optim_wrapper=dict(optimizer=dict(type='Adam', lr=0.05), accumulative_counts=2),
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=30, val_interval=15),
        val_cfg=dict(),
        custom_hooks=HOOKS,
        default_hooks=dict(checkpoint=None),
        randomness=dict(seed=0),
        experiment_name=folder.name,
    )
    return Runner.from_cfg(Config(cfg, format_python_code=False))


def log_of(runner: Runner) -> str:
    return (Path(runner.log_dir) / f'{runner.timestamp}.log').read_text()
