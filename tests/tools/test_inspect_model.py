"""tools/inspect_model.py on small networks of random weights and embedded scenes."""

from pathlib import Path

import cv2
import inspect_model as tool
import networks
import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS

from mmseg_plugins.datasets.scenes import CLASSES, PALETTE, render_scene
from tests.python_process import run_python
from tests.tools.tiny_training import ROOT

CONFIGS = {
    'encnet': 'encnet/encnet_r18-d8-slim_1xb8-400_scenes-192x256.py',
    'fast-scnn': 'dfanet/fast-scnn_baseline_1xb8-400_scenes-192x256.py',
    'fcn': 'fcn/fcn-8s_vgg13-slim_1xb8-400_scenes-192x256.py',
}
IMAGE = render_scene(3, (50, 70))[0]
OWN = dict(classes=('cat', 'dog'), palette=[[1, 2, 3], [4, 5, 6]])


def write(folder: Path, name: str, metainfo: dict | None = None) -> tuple[str, str]:
    """Write a run folder: the config of a slim network, and random weights for it."""
    cfg = Config.fromfile(ROOT / 'configs' / CONFIGS[name])
    if metainfo is not None:
        cfg.test_dataloader.dataset.metainfo = metainfo
        cfg.model.decode_head.num_classes = 2
    folder.mkdir(exist_ok=True)
    config, checkpoint = folder / f'{name}.py', folder / 'iter_1.pth'
    cfg.dump(config)
    torch.manual_seed(0)
    torch.save(dict(state_dict=MODELS.build(cfg.model).state_dict()), checkpoint)
    return str(config), str(checkpoint)


@pytest.fixture
def street(tmp_path) -> str:
    cv2.imwrite(str(tmp_path / 'street.png'), IMAGE)
    return str(tmp_path / 'street.png')


def test_one_picture_for_each_image(street, tmp_path):
    write(tmp_path / 'run', 'fcn')
    images = [street, 'scene://50x70/scene_000005.png']
    command = [ROOT / 'tools/inspect_model.py', tmp_path / 'run']
    done = run_python(*command, *images, '--out-dir', tmp_path / 'out')
    assert done.returncode == 0, done.stderr
    drawn = [cv2.imread(str(path)) for path in sorted((tmp_path / 'out').iterdir())]
    assert [picture.shape[1] for picture in drawn] == [tool.WIDTH] * 2
    assert (drawn[0][:200] != drawn[1][:200]).any()


@pytest.mark.parametrize('keys', [('classes',), ('palette',), ('classes', 'palette')])
def test_classes_and_colours_of_the_users_own_data(street, tmp_path, keys):
    metainfo = {key: OWN[key] for key in keys}
    config, checkpoint = write(tmp_path / 'run', 'encnet', metainfo)
    tool.main([config, checkpoint, street, '--out-dir', str(tmp_path / 'out')])
    drawn = cv2.imread(str(tmp_path / 'out/street.png'))[..., ::-1]
    for colour, is_there in (
        (OWN['palette'][0], 'palette' in keys),
        (PALETTE[0], False),
    ):
        assert ((drawn == colour).all(-1).sum() > 100) == is_there


def test_where_classes_and_palette_come_from(tmp_path):
    """The checkpoint's, else those of the dataset in the config, else its class's."""
    config, checkpoint = write(tmp_path / 'run', 'fcn')
    meta = networks.load_segmentor(config, checkpoint).dataset_meta
    assert (meta['classes'], meta['palette']) == (CLASSES, PALETTE)
    own = write(tmp_path / 'own', 'fcn', OWN)
    assert networks.load_segmentor(*own).dataset_meta == OWN
    weights = torch.load(own[1])
    meta = dict(dataset_meta=dict(classes=('theirs',)))
    torch.save(dict(weights, meta=meta), own[1])
    assert networks.load_segmentor(*own).dataset_meta == dict(classes=('theirs',))


def test_a_long_caption_is_wrapped_inside_the_picture():
    one, two = tool.draw_text('word', 16), tool.draw_text('word ' * 40, 16)
    assert two.shape[0] > one.shape[0]
    assert one.shape[1:] == two.shape[1:] == (tool.WIDTH, 3)
    assert (two[:, -tool.MARGIN :] == 255).all()


def test_mistakes_end_in_a_sentence(street, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'text.png').write_text('no image')
    (tmp_path / 'empty').mkdir()
    config, checkpoint = write(tmp_path / 'run', 'fcn')
    other = write(tmp_path / 'other', 'fast-scnn')
    for arguments, words in (
        (['nowhere.py', checkpoint, street], 'nowhere.py: no such config'),
        ([config, 'nowhere.pth', street], 'nowhere.pth'),
        ([config, street, street], 'street.png cannot be read as weights'),
        ([other[0], checkpoint, street], 'iter_1.pth does not fit'),
        ([*other, street], 'DepthwiseSeparableFCNHead has no picture of its own'),
        ([config, checkpoint, 'nowhere.png'], 'nowhere.png'),
        ([config, checkpoint, 'text.png'], 'text.png is not an image'),
        ([config, checkpoint, street, street], 'two images have one name'),
        (['run', street, '--out-dir', '.'], 'street.png would be overwritten'),
        (['run'], 'no image'),
        (['empty', street], 'empty has no config'),
    ):
        with pytest.raises(SystemExit) as stop:
            tool.main(arguments)
        assert words in stop.value.code
        assert '\n' not in stop.value.code
