"""Exported files in int8 and fp16, and the example that runs them without mmseg.

The example runs in an environment of its own, which has neither torch nor mmseg.
"""

import json
import re
import subprocess
from pathlib import Path

import exported_accuracy
import numpy as np
import onnx
import pytest
import torch
from exporting import METADATA_KEY, ExportableNetwork, describe
from networks import load_segmentor
from PIL import Image
from prediction import Predictor
from quantization import convert_to_fp16, quantize_int8

from mmseg_plugins.datasets.scenes import render_scene
from mmseg_plugins.drawing import class_palette
from mmseg_plugins.run_folder import TRAINED, find_checkpoint, find_config

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / '.venv-runtime/bin/python'
SIZE = (192, 256)
pytestmark = pytest.mark.one_line
needs_environment = pytest.mark.skipif(
    not PYTHON.exists(), reason='make test-runtime sets up its environment'
)


@pytest.fixture(scope='module')
def segmentor():
    run = TRAINED['scenes']
    return load_segmentor(str(find_config(run)), str(find_checkpoint(run)))


@pytest.fixture(scope='module')
def networks(segmentor, tmp_path_factory) -> dict[str, Path]:
    """The model ``scenes`` in three number formats.

    The exporter is PyTorch's older one, which takes a tenth of the time of the tool's.
    """
    names = ('float32', 'int8', 'fp16')
    files = {name: tmp_path_factory.mktemp('files') / f'{name}.onnx' for name in names}
    network = ExportableNetwork(segmentor, 'uint8', ['labels'])
    torch.onnx.export(
        network,
        (torch.zeros(2, 3, 64, 96, dtype=torch.uint8),),
        files['float32'],
        input_names=['images'],
        output_names=['labels'],
        dynamic_axes=dict(images={0: 'batch', 2: 'height', 3: 'width'}),
        dynamo=False,
    )
    model = onnx.load(files['float32'])
    model.metadata_props.add(key=METADATA_KEY, value=json.dumps(describe(network)))
    onnx.save(model, files['float32'])
    scenes = (_scene(seed).transpose(2, 0, 1) for seed in range(5))
    quantize_int8(files['float32'], files['int8'], scenes)
    convert_to_fp16(files['float32'], files['fp16'])
    return files


def _scene(seed: int) -> np.ndarray:
    return np.ascontiguousarray(render_scene(seed, SIZE)[0][..., ::-1])


def _run(*arguments: object) -> subprocess.CompletedProcess:
    command = [str(PYTHON), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd='/')


def test_the_table_compares_the_files(
    networks, segmentor, tmp_path, monkeypatch, capsys
):
    for seed in range(3):
        Image.fromarray(_scene(seed)).save(tmp_path / f'{seed}.png')
    monkeypatch.chdir(tmp_path)  # a folder inside the current one
    monkeypatch.setattr(exported_accuracy, 'SIZE', (64, 96))
    segmentor.cfg.test_dataloader.dataset.num_scenes = 8
    path = networks['float32']
    exported_accuracy.write_smaller(segmentor, path, '.', fp16=True)
    rows = re.findall(r'^(\S+)\.onnx +(\S+) +(\S+)', capsys.readouterr().out, re.M)
    names, scores, changes = zip(*rows, strict=True)
    assert names == ('float32', 'float32_int8', 'float32_fp16')
    assert float(scores[0]) > 80
    assert changes[0] == '+0.00'
    assert all(abs(float(change)) < 1 for change in changes)


@pytest.mark.parametrize(
    ('align_corners', 'expected'), [(True, [0, 1, 1, 1]), (False, [0, 0, 1, 1])]
)
def test_logits_are_resized_as_in_the_network(align_corners, expected):
    # along the width 0, 1/3, 2/3, 1 or 0, 1/4, 3/4, 1
    logits = np.array([[[[0.3, 0.3]], [[0, 1]]]], np.float32)
    outputs = dict(logits=logits)
    labels = exported_accuracy.choose_labels(outputs, (1, 4), align_corners)
    assert labels.tolist() == [expected]


@needs_environment
@pytest.mark.parametrize('module', ['torch', 'mmseg', 'mmengine', 'mmseg_plugins'])
def test_the_environment_is_bare(module):
    assert f"No module named '{module}'" in _run('-c', f'import {module}').stderr


@needs_environment
@pytest.mark.parametrize(
    ('name', 'mode', 'same'),
    [
        ('float32', 'RGB', 1.0),
        ('float32', 'P', 1.0),
        ('float32', 'L', 1.0),
        ('float32', 'RGBA', 1.0),
        ('float32', 'turned', 0.99),  # a JPEG, which Pillow decodes a little otherwise
        ('int8', 'RGB', 0.98),
        ('fp16', 'RGB', 0.999),
    ],
)
def test_the_overlay_has_the_predictors_labels(
    name, mode, same, networks, segmentor, tmp_path
):
    picture, source = Image.fromarray(_scene(1_000_000)), tmp_path / 'street.png'
    if mode == 'turned':
        source, exif = tmp_path / 'street.jpg', Image.Exif()
        exif[0x0112] = 6  # by 90 degrees
        picture.save(source, exif=exif, quality=95)
    else:
        if mode == 'RGBA':
            picture.putalpha(Image.linear_gradient('L').resize(picture.size))
        picture.convert(mode).save(source)
    overlay = tmp_path / 'overlay.png'
    done = _run(ROOT / 'tools/run_onnx.py', networks[name], source, overlay)
    assert done.returncode == 0, done.stderr

    predictor = Predictor(segmentor)
    image = predictor.read(str(source))
    labels, drawn = predictor(image).labels, np.asarray(Image.open(overlay))
    height, width = labels.shape
    assert drawn.shape[0] > height  # the legend
    colours = class_palette(segmentor.dataset_meta)[labels]
    expected = (image[..., ::-1].astype(int) + colours) / 2
    difference = np.abs(drawn[:height, :width] - expected).max(2)
    assert (difference <= 8).mean() >= same
