"""A training whose loss is not finite stops before it loses the good checkpoints."""

import re
from pathlib import Path

import numpy as np
import pytest
from mmcv.transforms import BaseTransform

from mmseg_plugins.registry import TRANSFORMS
from tests.faults.small_run import PROTECTED, STOCK, load, make_config, train


@TRANSFORMS.register_module(force=True)
class NaNPixel(BaseTransform):
    """Put a NaN into one pixel of the 11th image: of iteration 6, at two a batch."""

    num_images = 0

    def transform(self, results):
        self.num_images += 1
        if self.num_images == 11:
            results['img'] = results['img'].astype(np.float32)
            results['img'][0, 0, 0] = np.nan
        return results


def faulty_config(folder: Path, variant: str, fault: str):
    cfg = make_config(
        folder,
        variant,
        **{'default_hooks.checkpoint.interval': 1},
        **{'default_hooks.checkpoint.max_keep_ckpts': 3},
    )
    if fault == 'sgd':
        cfg.optim_wrapper.optimizer = dict(type='SGD', lr=1e12)
    elif fault == 'adamw':
        cfg.optim_wrapper.optimizer.lr = 1e8
    else:
        cfg.train_dataloader.dataset.pipeline.insert(-1, dict(type='NaNPixel'))
    if fault == 'pixel, accumulated':
        cfg.optim_wrapper.accumulative_counts = 4
    return cfg


def finite_checkpoints(folder: Path) -> list[str]:
    """Return the names of the checkpoints with finite weights, the newest first."""
    paths = sorted(folder.glob('iter_*.pth'), key=lambda path: -path.stat().st_mtime_ns)
    assert paths
    return [
        str(path)
        for path in paths
        if all(value.isfinite().all() for value in load(path)['state_dict'].values())
    ]


@pytest.mark.parametrize('fault', ['sgd', 'adamw', 'pixel', 'pixel, accumulated'])
def test_training_stops_and_names_the_newest_finite_checkpoint(tmp_path, fault):
    with pytest.raises(FloatingPointError) as caught:
        train(faulty_config(tmp_path, PROTECTED, fault))
    message = str(caught.value)
    newest = finite_checkpoints(tmp_path)[0]
    assert f'Last finite checkpoint: {newest}. ' in message
    if 'pixel' in fault:
        assert 'at iteration 6 ' in message
        assert newest.endswith('iter_5.pth')
    assert re.search(r'loss=(nan|inf), decode.loss_ce=(nan|inf)', message)
    assert len(re.findall(r'scene://64x96/scene_\d+\.png', message)) == 2


@pytest.mark.parametrize('fault', ['sgd', 'adamw', 'pixel'])
def test_control_the_host_goes_on_and_loses_them(tmp_path, fault):
    assert train(faulty_config(tmp_path, STOCK, fault)).iter == 16
    assert finite_checkpoints(tmp_path) == []
