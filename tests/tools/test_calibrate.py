"""tools/calibrate.py on the trained model of the package and on three small scenes."""

import contextlib
import io
import re
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from calibrate import main
from mmengine.config import Config
from mmseg.registry import DATASETS, MODELS
from networks import load_segmentor
from PIL import Image
from prediction import Predictor
from torch.nn.functional import cross_entropy, nll_loss
from torchmetrics.functional.classification import multiclass_calibration_error

from mmseg_plugins.confidence import fit_temperature
from mmseg_plugins.datasets.scenes import render_scene
from mmseg_plugins.run_folder import TRAINED, find_checkpoint, find_config
from tests.tools.tiny_training import ROOT

pytestmark = pytest.mark.one_line

SIZE = (64, 96)
WEIGHTS = find_checkpoint(TRAINED['scenes'])
CHECKPOINT = 'best_mIoU_iter_400.pth'
STEP = 'val_dataloader.dataset.pipeline.1.type'
ENCNET = ROOT / 'configs/encnet/encnet-se_r18-d8-slim_1xb8-400_scenes-192x256.py'


def write_config(source: Path, target: Path) -> None:
    """Write a config with three scenes to validate on, and three others to test."""
    cfg = Config.fromfile(source)
    for seed, name in ((1000, 'val_dataloader'), (2000, 'test_dataloader')):
        cfg[name].dataset.update(first_seed=seed, num_scenes=3, size=SIZE)
    cfg.dump(target)


def model_of(folder: Path) -> tuple[str, str]:
    return str(folder / 'scenes.py'), str(folder / CHECKPOINT)


def pixels_of(folder: Path, part: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return logits (P, K) and truth (P,), as mmseg itself predicts and loads them."""
    model = load_segmentor(*model_of(folder))
    logits, truth = [], []
    for item in DATASETS.build(model.cfg[f'{part}_dataloader'].dataset):
        batch = {key: [value] for key, value in item.items()}
        with torch.no_grad():
            (sample,) = model.test_step(batch)
        logits.append(sample.seg_logits.data.flatten(1).T)
        truth.append(sample.gt_sem_seg.data.flatten())
    keep = torch.cat(truth) != 255
    return torch.cat(logits)[keep], torch.cat(truth)[keep]


@pytest.fixture(scope='module')
def run(tmp_path_factory) -> Path:
    """Make a run folder whose checkpoint has all that mmengine writes."""
    folder = tmp_path_factory.mktemp('run')
    write_config(find_config(TRAINED['scenes']), folder / 'scenes.py')
    checkpoint = torch.load(WEIGHTS, weights_only=True)
    checkpoint['meta'] |= dict(cfg='a = 1', iter=400)
    checkpoint['optimizer'] = dict(state={0: torch.arange(3)})
    torch.save(checkpoint, folder / CHECKPOINT)
    return folder


def numbers_of(text: str, name: str) -> list[float]:
    (line,) = (line for line in text.splitlines() if line.startswith(name))
    return [float(number) for number in line.removeprefix(name).split()]


@pytest.fixture(scope='module')
def calibrated(run) -> tuple[Path, str]:
    """Return a copy of the run after its calibration, and what the tool printed."""
    folder = run.parent / 'calibrated'
    shutil.copytree(run, folder)
    screen = io.StringIO()
    with contextlib.redirect_stdout(screen):
        main([str(folder)])
    return folder, screen.getvalue()


def test_only_the_temperature_is_new_in_the_checkpoint(run, calibrated):
    before, after = (
        torch.load(folder / CHECKPOINT, weights_only=True)
        for folder in (run, calibrated[0])
    )
    temperature = after['meta'].pop('temperature')
    assert after['meta'] == before['meta']
    assert after['optimizer']['state'][0].equal(before['optimizer']['state'][0])
    assert [*after['state_dict']] == [*before['state_dict']]
    for name, weight in before['state_dict'].items():
        assert weight.dtype == after['state_dict'][name].dtype
        assert weight.equal(after['state_dict'][name])
    logits, truth = pixels_of(run, 'val')
    losses = [
        cross_entropy(logits.double() / (temperature * factor), truth)
        for factor in (1, 0.99, 1.01)
    ]
    assert losses[0] < min(losses[1:])
    assert not [*calibrated[0].glob('.unfinished*')]


def test_the_figures_are_those_of_torchmetrics_and_torch(calibrated):
    folder, text = calibrated
    temperature = load_segmentor(*model_of(folder)).temperature
    assert temperature.shape == (1,)
    assert temperature != 1
    logits, truth = pixels_of(folder, 'test')
    expected = {
        'expected calibration error': partial(
            multiclass_calibration_error, num_classes=12, n_bins=15
        ),
        'negative log-likelihood': lambda p, truth: nll_loss(p.log(), truth),
    }
    for name, measure in expected.items():
        numbers = numbers_of(text, name)
        for number, divisor in zip(numbers, (1, temperature), strict=True):
            probabilities = (logits / divisor).softmax(1)
            value = measure(probabilities, truth).item()
            assert number == pytest.approx(value, abs=6e-5)
    before, after = numbers_of(text, 'expected calibration error')
    assert after < before
    assert 'in the validation set too' not in text
    picture = Image.open(folder / f'{Path(CHECKPOINT).stem}_reliability.png')
    assert picture.width > 900


def test_predict_has_the_calibrated_confidence_and_the_same_labels(run, calibrated):
    image = render_scene(7, SIZE)[0]
    models = [load_segmentor(*model_of(folder)) for folder in (run, calibrated[0])]
    before, after = (Predictor(model)(image) for model in models)
    assert (before.labels == after.labels).all()
    logits, _ = Predictor(models[0]).predict_logits(image)
    expected = (logits[0] / models[1].temperature).softmax(0).amax(0) * 255
    assert np.abs(after.confidence - expected.numpy()).max() < 0.501
    assert (before.confidence != after.confidence).mean() > 0.1


def test_per_class_on_the_images_of_the_test_set(run, tmp_path, capsys):
    """A class of few pixels keeps the temperature of all."""
    same = 'test_dataloader.dataset.first_seed=1000'
    out = tmp_path / 'new/out.pth'
    main([*model_of(run), '--per-class', '--out', str(out), '--cfg-options', same])
    text = capsys.readouterr().out
    assert '3 of the 3 test images are in the validation set too' in text
    values = torch.load(out, weights_only=True)['meta']['temperature']
    model = load_segmentor(model_of(run)[0], str(out))
    assert model.temperature.tolist() == pytest.approx(values)
    logits, truth = pixels_of(run, 'val')
    labels = logits.argmax(1)
    together = fit_temperature(logits, truth)
    for label, value in enumerate(values):
        pixels = labels == label
        many = pixels.sum() >= 1000
        fitted = fit_temperature(logits[pixels], truth[pixels]) if many else together
        assert value == pytest.approx(fitted, rel=1e-4)
    assert len({*values}) > 2
    before, after = numbers_of(text, 'negative log-likelihood')
    assert after < before


def test_the_effect_of_suppression_is_that_of_predict(tmp_path, capsys):
    write_config(ENCNET, tmp_path / 'encnet.py')
    cfg = Config.fromfile(tmp_path / 'encnet.py')
    torch.manual_seed(0)
    torch.save(MODELS.build(cfg.model).state_dict(), tmp_path / 'iter_1.pth')
    main([str(tmp_path)])
    text = capsys.readouterr().out
    model = load_segmentor(str(tmp_path / 'encnet.py'), str(tmp_path / 'iter_1.pth'))
    for name, threshold in (('all classes', None), ('--suppress-absent 0.5', 0.5)):
        predictor, confusion = Predictor(model, threshold), np.zeros((12, 12), int)
        for seed in (2000, 2001, 2002):
            image, truth = render_scene(seed, SIZE)
            labels = predictor(image).labels
            np.add.at(confusion, (truth[truth != 255], labels[truth != 255]), 1)
        right, sums = confusion.diagonal(), confusion.sum(0) + confusion.sum(1)
        iou = (right / (sums - right))[sums > 0]
        line = next(line for line in text.splitlines() if f'mIoU, {name} ' in line)
        number = float(line.split('(')[0].split()[-1])
        assert number == pytest.approx(100 * iou.mean(), abs=6e-3)
    assert line.endswith('of the pixels change)')
    assert '0.000 %' not in line


@pytest.mark.parametrize(
    ('words', 'complaint'),
    [
        (['scenes'], 'belongs to the package: add --out FILE'),
        (['RUN', 'x.jpg'], 'x.jpg: give one model only'),
        (['RUN', '--device', 'x'], '--device x: '),
        (['RUN', '--out', '.'], '. is a folder, pipe, device or broken link'),
        (['RUN', '--cfg-options', 'val_dataloader=None'], 'no val_dataloader: add'),
        (['RUN', '--cfg-options', f'{STEP}=PackSegInputs'], 'no labels of its size'),
    ],
)
def test_wrong_arguments_end_in_a_sentence(
    words, complaint, run, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run, 'RUN')
    with pytest.raises(SystemExit, match=re.escape(complaint)):
        main(words)
