"""tools/inspect_model.py on tiny networks of random weights and an embedded scene."""

import subprocess
import sys
from pathlib import Path

import cv2
import inspect_model as tool
import networks
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS

from mmseg_plugins.datasets.scenes import CLASSES, PALETTE, render_scene
from tests.tools.tiny_training import ROOT

CONFIGS = {
    'encnet': ROOT / 'configs/encnet/encnet_r18-d8-slim_1xb8-400_scenes-192x256.py',
    'spnet': ROOT / 'configs/spnet/spnet_r18-d8-slim_1xb4-400_scenes-192x256.py',
    'fcn': ROOT / 'configs/fcn/fcn-8s_vgg13-slim_1xb8-400_scenes-192x256.py',
}
IMAGE = render_scene(3, (50, 70))[0]
STRIPS = [f'layer{block}.spm' for block in ('1.1', '2.1', '3.1', '4.0', '4.1')]


def write(folder: Path, name: str, **head) -> tuple[str, str]:
    """Write a config of a slim network and a checkpoint of random weights for it."""
    cfg = Config.fromfile(CONFIGS[name])
    cfg.model.decode_head.update(head)
    cfg.dump(folder / f'{name}.py')
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    for key, parameter in model.named_parameters():
        if key.endswith('codewords'):  # far apart, so that weights differ
            torch.nn.init.normal_(parameter)
    torch.save(dict(state_dict=model.state_dict()), folder / f'{name}.pth')
    return str(folder / f'{name}.py'), str(folder / f'{name}.pth')


@pytest.fixture
def street(tmp_path) -> str:
    cv2.imwrite(str(tmp_path / 'street.png'), IMAGE)
    return str(tmp_path / 'street.png')


def input_of(model: torch.nn.Module) -> torch.Tensor:
    pixels = torch.from_numpy(IMAGE).permute(2, 0, 1)
    return model.data_preprocessor(dict(inputs=[pixels], data_samples=None))['inputs']


def test_the_parts_of_encnet_one_after_another(tmp_path):
    model = networks.load_segmentor(*write(tmp_path, 'encnet'))
    found = tool.look(model, IMAGE)
    assert found['labels'].shape == (50, 70)
    head, module, projected = model.decode_head, model.decode_head.enc_module, []
    hook = module.encoding_project.register_forward_hook
    hook(lambda _, args, output: projected.append(output))
    _, code = head._encode(model.extract_feat(input_of(model)))
    (x,), encoding = projected, module.encoding[0]
    residuals = x.flatten(2).transpose(1, 2)[0, :, None] - encoding.codewords
    weights = (encoding.scale * residuals.square().sum(2)).softmax(1)
    assignment = found['assignment'].reshape(len(encoding.codewords), -1).T
    np.testing.assert_allclose(assignment, weights.numpy(), rtol=1e-3, atol=1e-6)
    control = (-encoding.scale * residuals.square().sum(2)).softmax(1).numpy()
    assert abs(assignment - control).max() > 0.1
    np.testing.assert_allclose(found['gates'], module.fc(code)[0].numpy(), rtol=1e-4)
    presence = head.se_layer(code).sigmoid()[0].numpy()
    np.testing.assert_allclose(found['presence'], presence, rtol=1e-4)


def test_the_parts_of_spnet_one_after_another(tmp_path):
    model = networks.load_segmentor(*write(tmp_path, 'spnet'))
    found = tool.look(model, IMAGE)
    assert [*found] == ['labels', *STRIPS]
    backbone, block = model.backbone, model.backbone.layer1[1]
    x = backbone.layer1[0](backbone.maxpool(backbone.stem(input_of(model))))
    x = block.norm1(block.conv1(x)).relu()
    rows = block.spm.horizontal(x.mean(2, keepdim=True))
    columns = block.spm.vertical(x.mean(3, keepdim=True))
    gate = block.spm.gate((columns + rows).relu()).sigmoid()[0].numpy()
    np.testing.assert_allclose(found[STRIPS[0]], gate, rtol=1e-4)
    assert abs(found[STRIPS[0]] - x.sigmoid()[0].numpy()).max() > 0.05  # control


@pytest.mark.parametrize('name', ['encnet', 'spnet'])
def test_one_picture_for_each_image(street, tmp_path, name):
    images = [street, 'scene://50x70/scene_000005.png']
    command = [sys.executable, ROOT / 'tools/inspect_model.py', *write(tmp_path, name)]
    options = [*images, '--out-dir', tmp_path / 'out']
    done = subprocess.run([*command, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    drawn = [cv2.imread(str(path)) for path in sorted((tmp_path / 'out').iterdir())]
    assert all(picture.std() > 10 for picture in drawn)
    assert (drawn[0] != drawn[1]).any()


def test_the_overlay_is_yellow_where_the_gate_is_open():
    gate = np.full((3, 4, 6), 0.2)
    gate[:, 1] = 0.9
    drawn = tool.overlay(np.zeros((40, 60, 3), np.uint8), gate)
    assert drawn[15, :, 0].min() > drawn[35, :, 0].max() + 0.2  # red
    assert drawn[15, :, 2].max() < drawn[35, :, 2].min()  # blue


def test_where_classes_and_palette_come_from(tmp_path):
    """The checkpoint's, else those of the dataset in the config, else its class's."""
    config, checkpoint = write(tmp_path, 'encnet', use_se_loss=False)
    meta = networks.load_segmentor(config, checkpoint).dataset_meta
    assert (meta['classes'], meta['palette']) == (CLASSES, PALETTE)
    cfg = Config.fromfile(config)
    cfg.test_dataloader.dataset.metainfo = dict(classes=('ours',) * 12)
    cfg.dump(config)
    model = networks.load_segmentor(config, checkpoint)
    assert model.dataset_meta == dict(classes=('ours',) * 12)
    weights = torch.load(checkpoint)
    meta = dict(dataset_meta=dict(classes=('theirs',)))
    torch.save(dict(weights, meta=meta), checkpoint)
    model = networks.load_segmentor(config, checkpoint)
    assert model.dataset_meta == dict(classes=('theirs',))
    assert [*tool.look(model, IMAGE)] == ['labels', 'assignment', 'gates']  # no SE


def test_mistakes_end_in_a_sentence(street, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'text.png').write_text('no image')
    config, checkpoint = write(tmp_path, 'encnet')
    other = write(tmp_path, 'fcn')
    for arguments, words in (
        (['nowhere.py', checkpoint, street], 'nowhere.py: no such config'),
        ([config, 'nowhere.pth', street], 'nowhere.pth'),
        ([config, street, street], 'street.png cannot be read as weights'),
        ([config, other[1], street], 'fcn.pth does not fit'),
        ([*other, street], 'neither an EncHead nor a StripPooling'),
        ([config, checkpoint, 'nowhere.png'], 'nowhere.png'),
        ([config, checkpoint, 'text.png'], 'text.png is not an image'),
        ([config, checkpoint, street, street], 'two images have one name'),
    ):
        with pytest.raises(SystemExit) as stop:
            tool.main(arguments)
        assert words in stop.value.code
        assert '\n' not in stop.value.code
