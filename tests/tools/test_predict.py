"""tools/predict.py with the trained model of the package."""

import csv
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmseg.registry import MODELS
from networks import load_segmentor
from PIL import Image
from predict import main
from prediction import Predictor
from sources import find_sources

from mmseg_plugins.datasets.scenes import CLASSES, PALETTE, render_scene
from mmseg_plugins.run_folder import TRAINED, find_checkpoint, find_config
from tests.faults.small_run import build
from tests.tools.tiny_training import ROOT

CHECKPOINT = str(find_checkpoint(TRAINED['scenes']))
SLIDE = dict(mode='slide', crop_size=(96, 128), stride=(64, 85))
RESIZE = dict(type='Resize', scale=(200, 180), keep_ratio=True)
LABELS = dict(type='mmseg_plugins.LoadLabels', num_classes=12)


def scenes_config() -> Config:
    return Config.fromfile(find_config(TRAINED['scenes']))


def read_table(path: Path) -> list[dict]:
    with open(path, newline='', encoding='utf-8') as file:
        return [*csv.DictReader(file)]


@pytest.mark.parametrize('variant', ['whole', 'slide', 'resize', 'pad'])
def test_labels_are_those_of_a_test_by_the_runner(variant, tmp_path):
    cfg = scenes_config()
    pipeline = cfg.test_pipeline
    if variant == 'slide':
        cfg.model.test_cfg = SLIDE
    elif variant == 'resize':
        pipeline = [pipeline[0], RESIZE, LABELS, pipeline[-1]]
    elif variant == 'pad':
        cfg.model.data_preprocessor.test_cfg = dict(size_divisor=80)
    cfg.test_dataloader.dataset.update(num_scenes=2, pipeline=pipeline)
    cfg.test_dataloader.update(num_workers=0, persistent_workers=False)
    cfg.test_evaluator.update(output_dir=str(tmp_path / 'runner'), keep_results=True)
    cfg.update(work_dir=str(tmp_path / 'work'), load_from=CHECKPOINT)
    cfg.custom_hooks = []
    cfg.dump(tmp_path / 'config.py')
    build(cfg).test()
    sources = [f'scene://192x256/scene_{seed}.png' for seed in (1000000, 1000001)]
    words = [str(tmp_path / 'config.py'), CHECKPOINT, *sources]
    main([*words, '--out-dir', str(tmp_path / 'ours')])
    for seed in (1000000, 1000001):
        expected, actual = (
            np.array(Image.open(tmp_path / folder / f'scene_{seed}.png'))
            for folder in ('runner', 'ours')
        )
        assert len(np.unique(expected)) > 5
        assert (actual == expected).all()


@pytest.fixture(scope='module')
def predictor() -> Predictor:
    return Predictor(load_segmentor(str(find_config(TRAINED['scenes'])), CHECKPOINT))


@pytest.fixture
def photos(tmp_path) -> Path:
    """Make a folder of images of several kinds, of which three are damaged."""
    folder = tmp_path / 'photos'
    (folder / 'sub').mkdir(parents=True)
    scene = render_scene(1000001, (192, 256))[0]
    images = {
        'a.png': scene,
        'sub/a.png': render_scene(1000003, (96, 128))[0],
        'B.JPG': scene,
        'deep.png': scene.astype(np.uint16) * 257,
        'rgba.png': cv2.cvtColor(scene, cv2.COLOR_BGR2BGRA),
        'grey.png': cv2.cvtColor(scene, cv2.COLOR_BGR2GRAY),
        '街道 é.png': scene,
    }
    for name, image in images.items():
        content = cv2.imencode(Path(name).suffix.lower(), image)[1].tobytes()
        (folder / name).write_bytes(content)
    (folder / 'cut.jpg').write_bytes((folder / 'B.JPG').read_bytes()[:4000])
    (folder / 'cut.png').write_bytes((folder / 'a.png').read_bytes()[:4000])
    (folder / 'empty.bmp').touch()
    (folder / 'notes.md').touch()
    return folder


def test_a_folder_with_damaged_files(photos, capsys):
    out = photos / 'predictions'
    with pytest.raises(SystemExit) as ended:
        main(['scenes', str(photos), '--out-dir', str(out)])
    first, *lines = str(ended.value).splitlines()
    assert first == '3 failed:'
    assert [Path(line.split(': ')[0]).name for line in lines] == [
        'cut.jpg',
        'cut.png',
        'empty.bmp',
    ]
    assert f'7 of 10 are in {out}' in capsys.readouterr().out
    rows = {row['name']: row for row in read_table(out / 'predictions.csv')}
    assert {*rows} == {'a', 'sub/a', 'B', 'deep', 'rgba', 'grey', '街道 é'}
    mask = Image.open(out / 'a.png')
    assert mask.getpalette()[: 3 * len(PALETTE)] == np.ravel(PALETTE).tolist()
    labels = np.array(mask)
    for name in ('deep', 'rgba', '街道 é'):
        assert (labels == np.array(Image.open(out / f'{name}.png'))).all()
    for label, name in enumerate(CLASSES):
        share = float(rows['a'][f'share {name}'])
        assert share == pytest.approx((labels == label).mean(), abs=1e-6)
    confidence = np.array(Image.open(out / 'sub/a_confidence.png'))
    assert confidence.shape == (96, 128)
    assert confidence.min() >= 255 // 12
    drawn = cv2.imread(str(out / 'a_overlay.jpg'))
    assert drawn.shape[0] > 192
    assert drawn.shape[1] == 256


def test_it_continues_but_not_with_another_checkpoint(photos, tmp_path):
    words = ['scenes', str(photos / 'a.png'), str(photos / 'B.JPG')]
    words += ['--out-dir', str(tmp_path)]
    main(words)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob('*_overlay.jpg')}
    table = tmp_path / 'predictions.csv'
    lines = table.read_text().splitlines(keepends=True)
    table.write_text(''.join(lines[:2]) + lines[2][:20])  # killed while it wrote
    (tmp_path / '.unfinished-B.png').touch()
    main([*words, str(photos / 'sub/a.png')])
    again = [path.name for path, at in times.items() if path.stat().st_mtime_ns != at]
    assert again == ['B_overlay.jpg']
    assert not [*tmp_path.rglob('.unfinished-*')]
    names = [row['name'] for row in read_table(table)]
    long_name = '/'.join((photos / 'sub/a.png').parts[1:])  # another image has 'a'
    assert names == ['a', 'B', long_name]
    with pytest.raises(
        SystemExit, match='of another checkpoint, or with another --fps'
    ):
        main([*words, '--fps', '2'])
    main([*words[:2], *words[3:], '--fps', '2', '--overwrite'])
    assert [row['name'] for row in read_table(table)] == ['a']


def test_a_video_of_which_every_second_frame_is_predicted(tmp_path):
    file = str(tmp_path / 'drive.mp4')
    video = cv2.VideoWriter(file, cv2.VideoWriter.fourcc(*'mp4v'), 10, (98, 75))
    for seed in range(5):
        video.write(render_scene(seed, (75, 98))[0])
    video.release()
    main(['scenes', file, '--fps', '5', '--out-dir', str(tmp_path / 'out')])
    drawn = cv2.VideoCapture(str(tmp_path / 'out/drive_overlay.mp4'))
    size = [drawn.get(key) for key in (cv2.CAP_PROP_FPS, cv2.CAP_PROP_FRAME_COUNT)]
    assert size == [10, 5]
    assert drawn.read()[1].shape == cv2.VideoCapture(file).read()[1].shape
    rows = read_table(tmp_path / 'out/drive_frames.csv')
    assert [float(row['second']) for row in rows] == [0, 0.2, 0.4]
    (mean,) = read_table(tmp_path / 'out/predictions.csv')
    shares = [float(row['share road']) for row in rows]
    assert float(mean['share road']) == pytest.approx(np.mean(shares), abs=1e-6)
    assert (tmp_path / 'out/drive_legend.png').is_file()


def test_windows_of_a_large_image_are_those_of_mmseg(predictor, monkeypatch):
    image = render_scene(1, (400, 520))[0]
    whole = predictor(image).labels
    monkeypatch.setattr('prediction.WHOLE_PIXELS', 0)
    monkeypatch.setattr('prediction.WINDOW_PIXELS', 4 * 192 * 256)
    windows = predictor(image).labels
    stock = predictor.model.slide_inference
    windows_of_mmseg = ConfigDict(crop_size=(384, 512), stride=(320, 427))
    monkeypatch.setattr(predictor.model, 'test_cfg', windows_of_mmseg)
    monkeypatch.setattr(
        predictor, '_slide', lambda image, meta, *_: stock(image, [meta])
    )
    assert (windows == predictor(image).labels).all()
    assert (windows != whole).any()


@pytest.mark.parametrize('head', ['EncHead', 'PresenceHead'])
def test_presence(head, tmp_path):
    cfg = Config.fromfile(
        ROOT / 'configs/encnet/encnet_r18-d8-slim_1xb8-400_scenes-192x256.py',
    )
    if head == 'PresenceHead':
        cfg.model.decode_head.use_se_loss = False
        cfg.model.auxiliary_head = dict(
            type='mmseg_plugins.PresenceHead',
            in_channels=cfg.model.decode_head.in_channels[-1],
            in_index=-1,
            channels=8,
            num_classes=12,
        )
    cfg.dump(tmp_path / 'encnet.py')
    torch.manual_seed(0)
    weights = MODELS.build(cfg.model).state_dict()
    torch.save(dict(state_dict=weights), tmp_path / 'iter_1.pth')
    main([str(tmp_path), 'scene://64x96/scene_000001.png'])
    (row,) = read_table(tmp_path / 'predictions/predictions.csv')
    values = [float(row[f'presence {name}']) for name in CLASSES]
    assert all(0 < value < 1 for value in values)
    assert len({*values}) == 12
    assert row['name'] == 'scene_000001'
    shares = [float(row[f'share {name}']) for name in CLASSES]
    most_present = int(np.argmax(values))
    assert shares[most_present] < 1
    words = [str(tmp_path), 'scene://64x96/scene_000001.png', '--suppress-absent', '1']
    with pytest.raises(SystemExit, match='--suppress-absent: choose another'):
        main(words)
    main([*words, '--overwrite'])
    (row,) = read_table(tmp_path / 'predictions/predictions.csv')
    assert float(row[f'share {CLASSES[most_present]}']) == 1


@pytest.mark.parametrize('per_class', [False, True])
@pytest.mark.parametrize('classes', [1, 4])
def test_confidence_is_the_softmax_of_the_label(
    classes, per_class, predictor, monkeypatch
):
    torch.manual_seed(0)
    logits = 3 * torch.randn(1, classes, 7, 9)
    temperature = torch.tensor([0.5, 2.0, 3.0, 0.7][: max(classes, 2)])
    temperature = temperature if per_class else torch.tensor([1.7])
    monkeypatch.setattr(predictor.model, 'temperature', temperature)
    monkeypatch.setattr(predictor.model.decode_head, 'threshold', 0.4, raising=False)
    labels, confidence = predictor.classify(logits, (7, 9))
    scores = logits if classes > 1 else torch.cat([0 * logits, logits], 1)
    expected = scores[0].argmax(0) if classes > 1 else logits[0, 0].sigmoid() > 0.4
    assert (labels == expected).all()
    temperature = temperature[labels.long()] if per_class else temperature
    expected = (scores[0] / temperature).softmax(0).gather(0, labels.long()[None])[0]
    torch.testing.assert_close(confidence, expected)


@pytest.mark.parametrize(
    ('presence', 'absent_below', 'kept'),
    [
        (None, 0.5, None),
        ([0.9, 0.1], None, None),
        ([0.9, 0.1, 0.5], 0.5, [True, False, True]),
        ([0.2, 0.1, 0.05], 0.5, [True, False, False]),
        ([0.1], 0.5, [True, False]),
        ([0.9], 0.5, [True, True]),
    ],
)
def test_absent_classes_are_not_predicted(presence, absent_below, kept, predictor):
    presence = torch.tensor(presence) if presence else None
    assert predictor.find_present(presence, absent_below) == kept
    if kept and not all(kept):
        logits = torch.randn(1, len(kept) if len(kept) > 2 else 1, 7, 9)
        labels, confidence = predictor.classify(logits, (7, 9), kept)
        assert {*labels.unique().tolist()} == {*np.flatnonzero(kept)}
        assert (confidence <= 1).all()


@pytest.mark.parametrize(
    ('words', 'complaint'),
    [
        (['scenes'], 'SOURCE: no image or video; give'),
        (['scenes', 'missing.jpg'], 'missing.jpg does not exist'),
        (['scenes', 'missing*.jpg'], 'no image or video'),
        (['missing'], 'give a run folder'),
        (['missing', 'photos'], 'missing: no such config'),
        (['scenes', 'a.jpg', '--device', 'x'], '--device x: '),
        (['scenes', 'a.jpg', '--fps', '0'], '--fps 0.0: must be greater than 0'),
        (['scenes', 'a.jpg', '--suppress-absent'], '0.1: the network predicts no'),
        (['scenes', 'a.jpg', '--suppress-absent', '2'], '2.0: must be from 0 to 1'),
    ],
)
def test_wrong_arguments_end_in_a_sentence(words, complaint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=re.escape(complaint)):
        main(words)


def test_sources(photos, tmp_path):
    names = find_sources([str(photos), 'scene://9x9/a.png'], photos / 'sub', {})
    assert names[str(photos / 'B.JPG')] == 'B'
    assert names['scene://9x9/a.png'] == 'scene/9x9/a.png'
    assert str(photos / 'sub/a.png') not in names
    cameras = tmp_path / 'cameras.txt'
    cameras.write_text('photos/B.JPG\n\nrtsp://camera/2\n0\n', encoding='utf-8')
    names = find_sources([str(cameras), str(photos / '*.JPG')], photos, {})
    assert names == {str(photos / 'B.JPG'): 'B', 'rtsp://camera/2': '2', '0': '0'}
