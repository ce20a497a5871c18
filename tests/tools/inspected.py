"""Tiny networks of random weights and an image, for the tools that look inside."""

from pathlib import Path

import cv2
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from tool_modules import ROOT

from mmseg_plugins.datasets.scenes import render_scene

CONFIGS = ROOT / 'configs'
ENCNET = CONFIGS / 'encnet/encnet_r18-d8-slim_1xb8-400_scenes-192x256.py'
SPNET = CONFIGS / 'spnet/spnet_r18-d8-slim_1xb4-400_scenes-192x256.py'
CODES, CHANNELS = 7, 12  # of the EncNet


def write_street(folder: Path) -> str:
    path = str(folder / 'street.png')
    cv2.imwrite(path, render_scene(3, (50, 70))[0])
    return path


def write_encnet(folder: Path, name: str, **head) -> tuple[str, str]:
    """A config of a tiny EncNet and a checkpoint of random weights for it."""
    cfg = Config.fromfile(ENCNET)
    cfg.model.backbone.update(base_channels=4, stem_channels=8)
    cfg.model.auxiliary_head = None
    cfg.model.decode_head.update(
        in_channels=[8, 16, 32], channels=CHANNELS, num_codes=CODES, **head
    )
    return write(cfg, folder / name)


def write_spnet(folder: Path, name: str, **backbone) -> tuple[str, str]:
    """A config of a tiny SPNet and a checkpoint of random weights for it."""
    cfg = Config.fromfile(SPNET)
    cfg.model.backbone.update(base_channels=4, stem_channels=8, **backbone)
    cfg.model.decode_head.update(in_channels=32, channels=8, reduce_channels=8)
    return write(cfg, folder / name)


def write(cfg: Config, stem: Path) -> tuple[str, str]:
    config, checkpoint = f'{stem}.py', f'{stem}.pth'
    cfg.dump(config)
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    for name, parameter in model.named_parameters():
        if name.endswith('codewords'):  # far apart, for weights that are not all alike
            torch.nn.init.normal_(parameter)
    torch.save(dict(state_dict=model.state_dict()), checkpoint)
    return config, checkpoint
