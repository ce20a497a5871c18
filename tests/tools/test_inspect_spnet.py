"""tools/inspect_spnet.py on a tiny SPNet of random weights and an embedded scene."""

import cv2
import numpy as np
import pytest
import torch
from inspected import write_spnet, write_street
from tool_modules import import_tool

from mmseg_plugins.datasets.scenes import CLASSES

tool = import_tool('inspect_spnet')
load = import_tool('inspect_image').load
NAMES = [*(f'layer{stage}.1.spm' for stage in (1, 2, 3)), 'layer4.0.spm']
NAMES.append('layer4.1.spm')


@pytest.fixture
def files(tmp_path_factory) -> tuple[str, str, str]:
    """Config, checkpoint, image."""
    folder = tmp_path_factory.mktemp('spnet')
    return *write_spnet(folder, 'spnet'), write_street(folder)


def test_every_gate_is_noted_once(files):
    config, checkpoint, path = files
    image, labels, gates = tool.look(*load(config, checkpoint, tool.check), path)
    np.testing.assert_array_equal(image[..., ::-1], cv2.imread(path))
    assert labels.shape == (50, 70)
    assert set(np.unique(labels)) <= set(range(len(CLASSES)))
    assert [*gates] == NAMES
    sizes = [(4, 13, 18), (8, 7, 9), (16, 7, 9), (32, 7, 9), (32, 7, 9)]
    assert [gate.shape for gate in gates.values()] == sizes
    for gate in gates.values():
        assert 0 < gate.min() < gate.max() < 1


def test_it_is_the_gate_of_the_network_by_hand(files):
    """The first stage's parts, applied one after another, without hooks."""
    config, checkpoint, path = files
    model, cfg = load(config, checkpoint, tool.check)
    _, _, gates = tool.look(model, cfg, path)
    pixels = torch.from_numpy(cv2.imread(path)).permute(2, 0, 1)
    batch = dict(inputs=[pixels], data_samples=None)
    backbone = model.backbone
    x = model.data_preprocessor(batch)['inputs']
    block = backbone.layer1[1]
    x = backbone.layer1[0](backbone.maxpool(backbone.stem(x)))
    x = block.norm1(block.conv1(x)).relu()
    spm = block.spm
    rows = spm.horizontal(x.mean(2, keepdim=True))
    strips = (spm.vertical(x.mean(3, keepdim=True)) + rows).relu()
    expected = spm.gate(strips).sigmoid()[0].numpy()
    np.testing.assert_allclose(gates['layer1.1.spm'], expected, rtol=1e-4)
    assert abs(gates['layer1.1.spm'] - x.sigmoid()[0].numpy()).max() > 0.1  # control


def test_the_overlay_shows_where_the_gate_is_open():
    gate = np.full((3, 4, 6), 0.2)
    gate[:, 1] = 0.9
    drawn = tool.overlay(np.zeros((40, 60, 3), np.uint8), gate)
    assert drawn.shape == (40, 60, 3)
    red, blue = drawn[..., 0], drawn[..., 2]
    assert red[15].min() > red[35].max() + 0.2
    assert blue[15].max() < blue[35].min()
    flat = tool.overlay(np.zeros((40, 60, 3), np.uint8), np.full((3, 4, 6), 0.5))
    assert np.ptp(flat, (0, 1)).max() < 1e-6


def test_a_few_gates_of_another_placement(files, tmp_path):
    config, checkpoint = write_spnet(tmp_path, 'few', spm_blocks=([0], [], [], []))
    *_, gates = tool.look(*load(config, checkpoint, tool.check), files[2])
    assert [*gates] == ['layer1.0.spm']
    tool.main([config, checkpoint, files[2], '--out-dir', str(tmp_path)])
    assert (tmp_path / 'street.png').is_file()
