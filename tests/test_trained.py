"""The weights that come with the package, and the command that makes them anew."""

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS
from networks import load_config, load_segmentor

from mmseg_plugins.datasets.scenes import CLASSES
from mmseg_plugins.run_folder import TRAINED, find_checkpoint, split_model_arguments

CHECKPOINT = find_checkpoint(TRAINED['scenes'])
LARGEST_SIZE = 3_000_000  # bytes
#: On the 40 test scenes; before the weights were rounded to float16, it was 85.46 too.
MIOU = 85.46


def test_the_file_is_small_safe_and_finite():
    assert CHECKPOINT.stat().st_size < LARGEST_SIZE
    checkpoint = torch.load(CHECKPOINT, weights_only=True)
    assert {*checkpoint} == {'state_dict', 'meta'}
    assert {*checkpoint['meta']} == {'dataset_meta', 'seed'}
    assert checkpoint['meta']['dataset_meta']['classes'] == CLASSES
    for name, weight in checkpoint['state_dict'].items():
        assert weight.isfinite().all(), name
        assert weight.dtype in (torch.float16, torch.int64), name


@pytest.mark.one_line
def test_its_miou_on_all_test_scenes():
    """About three seconds: the images are small, and so is the network."""
    config, checkpoint, _ = split_model_arguments(['scenes'])
    model = load_segmentor(config, checkpoint)
    init_default_scope('mmseg')
    dataset = DATASETS.build(load_config(config).test_dataloader.dataset)
    confusion = np.zeros((12, 12), int)
    for start in range(0, len(dataset), 8):
        items = [dataset[index] for index in range(start, start + 8)]
        batch = {key: [item[key] for item in items] for key in items[0]}
        with torch.no_grad():
            for sample in model.test_step(batch):
                truth, labels = sample.gt_sem_seg.data, sample.pred_sem_seg.data
                pairs = (truth * 12 + labels)[truth != 255].flatten()
                confusion += np.bincount(pairs, minlength=144).reshape(12, 12)
    right = confusion.diagonal()
    iou = right / (confusion.sum(0) + confusion.sum(1) - right)
    assert len(dataset) == 40
    assert 100 * iou.mean() == pytest.approx(MIOU, abs=0.1)
