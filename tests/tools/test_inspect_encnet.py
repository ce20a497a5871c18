"""tools/inspect_encnet.py on a tiny EncNet of random weights and an embedded scene."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS

from mmseg_plugins.datasets.scenes import CLASSES, render_scene

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / 'tools' / 'inspect_encnet.py'
SCENES = ROOT / 'configs/encnet/encnet_r18-d8-slim_1xb8-400_scenes-192x256.py'
CODES, CHANNELS = 7, 12


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location('inspect_encnet', SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(folder: Path, name: str, **head) -> tuple[str, str]:
    """A config of a tiny EncNet and a checkpoint of random weights for it."""
    cfg = Config.fromfile(SCENES)
    cfg.model.backbone.update(base_channels=4, stem_channels=8)
    cfg.model.auxiliary_head = None
    cfg.model.decode_head.update(
        in_channels=[8, 16, 32], channels=CHANNELS, num_codes=CODES, **head
    )
    cfg.dump(folder / f'{name}.py')
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    torch.nn.init.normal_(model.decode_head.enc_module.encoding[0].codewords)
    torch.save(dict(state_dict=model.state_dict()), folder / f'{name}.pth')
    return str(folder / f'{name}.py'), str(folder / f'{name}.pth')


@pytest.fixture
def files(tmp_path_factory):
    """Config, checkpoint, image."""
    folder = tmp_path_factory.mktemp('encnet')
    cv2.imwrite(str(folder / 'street.png'), render_scene(3, (50, 70))[0])
    return *write(folder, 'encnet'), str(folder / 'street.png')


def test_the_numbers_are_what_their_names_say(tool, files):
    config, checkpoint, image = files
    seen = tool.look(*tool.load(config, checkpoint), image)
    assert seen['assignment'].shape == (CODES, 7, 9)
    np.testing.assert_allclose(seen['assignment'].sum(0), 1, rtol=1e-5)
    assert seen['assignment'].std() > 1e-3
    assert seen['gates'].shape == (CHANNELS,)
    assert seen['presence'].shape == (len(CLASSES),)
    for name in ('gates', 'presence', 'assignment'):
        assert seen[name].min() >= 0
        assert seen[name].max() <= 1
    np.testing.assert_array_equal(seen['image'][..., ::-1], cv2.imread(image))
    assert set(np.unique(seen['labels'])) <= set(range(len(CLASSES)))


def test_they_are_those_of_the_network_by_hand(tool, files):
    """The head's parts, applied one after another, without hooks."""
    config, checkpoint, image = files
    model, cfg = tool.load(config, checkpoint)
    seen = tool.look(model, cfg, image)
    pixels = torch.from_numpy(cv2.imread(image)).permute(2, 0, 1)
    batch = dict(inputs=[pixels], data_samples=None)
    levels = model.extract_feat(model.data_preprocessor(batch)['inputs'])
    head, module = model.decode_head, model.decode_head.enc_module
    x = head.bottleneck(levels[3])
    x = torch.cat(
        [x, head.lateral_convs[0](levels[1]), head.lateral_convs[1](levels[2])], 1
    )
    x = module.encoding_project(head.fusion(x))
    encoding = module.encoding[0]
    residuals = x.flatten(2).transpose(1, 2)[0, :, None] - encoding.codewords
    weights = (encoding.scale * residuals.square().sum(2)).softmax(1)
    found = seen['assignment'].reshape(CODES, -1).T
    np.testing.assert_allclose(found, weights.numpy(), rtol=1e-3, atol=1e-6)
    wrong = (-encoding.scale * residuals.square().sum(2)).softmax(1).numpy()
    assert abs(found - wrong).max() > 0.1  # control
    code = module.encoding(x).mean(1)
    np.testing.assert_allclose(seen['gates'], module.fc(code)[0].numpy(), rtol=1e-4)
    presence = head.se_layer(code).sigmoid()[0].numpy()
    np.testing.assert_allclose(seen['presence'], presence, rtol=1e-4)


def test_one_picture_for_each_image(tool, files, tmp_path, capsys):
    config, checkpoint, image = files
    images = [image, 'scene://50x70/scene_000005.png']
    tool.main([config, checkpoint, *images, '--out-dir', str(tmp_path / 'out')])
    pictures = sorted((tmp_path / 'out').iterdir())
    assert [p.name for p in pictures] == ['scene_000005.png', 'street.png']
    assert capsys.readouterr().out.splitlines()[-1] == str(pictures[0])
    drawn = [cv2.imread(str(p)) for p in pictures]
    assert all(picture.shape == (900, 2000, 3) for picture in drawn)
    assert all(picture.std() > 10 for picture in drawn)
    assert (drawn[0] != drawn[1]).any()


def test_without_an_se_branch_presence_is_empty(tool, files, tmp_path):
    config, checkpoint = write(tmp_path, 'plain', use_se_loss=False)
    tool.main([config, checkpoint, files[2], '--out-dir', str(tmp_path)])
    assert (tmp_path / 'street.png').is_file()
    assert tool.look(*tool.load(config, checkpoint), files[2])['presence'].size == 0


def fails(tool, *arguments: str) -> str:
    with pytest.raises(SystemExit) as stop:
        tool.main([*arguments, '--out-dir', '/dev/null/nowhere'])
    assert '\n' not in stop.value.code
    return stop.value.code


def test_mistakes_end_in_a_sentence(tool, files, tmp_path):
    config, checkpoint, image = files
    assert 'nowhere.py' in fails(tool, str(tmp_path / 'nowhere.py'), checkpoint, image)
    assert 'nowhere.pth' in fails(tool, config, str(tmp_path / 'nowhere.pth'), image)
    assert 'has not the weights of' in fails(tool, config, image, image)
    other = write(tmp_path, 'other', use_se_loss=False)[1]
    assert 'has not the weights of' in fails(tool, config, other, image)
    fcn = ROOT / 'configs/fcn/fcn-8s_vgg13-slim_1xb8-400_scenes-192x256.py'
    assert 'has no mmseg_plugins.EncHead' in fails(tool, str(fcn), checkpoint, image)
    assert '/dev/null/nowhere' in fails(tool, config, checkpoint, image)


def test_a_missing_or_broken_image_is_told(tool, files, tmp_path):
    config, checkpoint, _ = files
    (tmp_path / 'text.png').write_text('no image')
    for name, words in (('nowhere.png', 'nowhere.png'), ('text.png', 'is no image')):
        with pytest.raises(SystemExit, match=words):
            tool.main(
                [config, checkpoint, str(tmp_path / name), '--out-dir', str(tmp_path)]
            )


def test_from_the_command_line(files, tmp_path):
    command = [sys.executable, str(SCRIPT), *files, '--out-dir', str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / 'street.png').is_file()
