"""tools/compare.py: its intervals on known cases, and its page."""

import re
from dataclasses import replace
from pathlib import Path

import compare as tool
import numpy as np
import pytest
from PIL import Image

from mmseg_plugins.report.evaluation import Evaluation

pytestmark = pytest.mark.one_line
UNION = 1000  # pixels of each class in each image


def evaluation(shares: np.ndarray) -> Evaluation:
    """Images (N,) whose IoU is the given share for two classes; a third never occurs.

    Intersection and union are the same for both classes, so the IoU of all images is
    the mean of the shares.
    """
    number = len(shares)
    right = np.zeros((number, 3), int)
    right[:, :2] = (shares * UNION).round()[:, None]
    full = np.tile([UNION, UNION, 0], (number, 1))
    names = np.array([f'{index}.png' for index in range(number)])
    classes, palette = np.array(['<a>', 'b', 'c']), np.eye(3, dtype=np.uint8)
    return Evaluation(names, right, right, full, np.zeros((3, 3)), classes, palette)


@pytest.fixture
def shares() -> np.ndarray:
    """Images differ much more than networks do."""
    return np.random.default_rng(1).uniform(0.2, 0.9, 200)


def test_the_interval_is_that_of_the_mean_of_paired_differences(shares):
    changes = np.random.default_rng(2).normal(0.02, 0.05, 200)
    first, other = evaluation(shares), evaluation(shares + changes)
    a, b, absent, mean = tool.compare(first, other)
    margin = 1.96 * 100 * changes.std() / 200**0.5
    assert mean.value == pytest.approx(100 * changes.mean(), abs=0.05)
    assert mean.high - mean.value == pytest.approx(margin, rel=0.1)
    assert mean.value - mean.low == pytest.approx(margin, rel=0.1)
    assert margin < 0.3 * 1.96 * 100 * 2**0.5 * shares.std() / 200**0.5  # not paired
    assert a == b == mean
    assert np.isnan([absent.value, absent.low, absent.high]).all()


def test_identical_runs_show_no_difference_and_a_worse_run_does(shares):
    first, worse = evaluation(shares), evaluation(shares - 0.01)
    assert {d.verdict for d in tool.compare(first, first)} == {'unclear'}
    verdicts = ['worse', 'worse', 'unclear', 'worse']
    assert [d.verdict for d in tool.compare(first, worse)] == verdicts
    noise = np.random.default_rng(3).normal(0, 0.05, 200)
    noise -= noise.mean()
    mean = tool.compare(first, evaluation(shares + noise))[-1]
    assert mean.low < 0 < mean.high
    assert [d.verdict for d in tool.compare(worse, first)][-1] == 'better'


def test_images_in_another_order_are_aligned(shares):
    first, order = evaluation(shares), np.random.default_rng(0).permutation(200)
    counts = ('names', 'intersection', 'predicted', 'labelled')
    shuffled = replace(first, **{key: getattr(first, key)[order] for key in counts})
    assert (shuffled.intersection != first.intersection).any()  # control
    aligned = tool.align(first, shuffled, 'run')
    assert (aligned.intersection == first.intersection).all()
    assert (aligned.names == first.names).all()


def write(run: Path, counts: Evaluation, colour: int) -> str:
    (run / 'report/images').mkdir(parents=True)
    counts.save(run / 'report')
    for name, value in (('image', 200), ('truth', 100), ('prediction', colour)):
        picture = Image.fromarray(np.full((8, 8), value, np.uint8))
        picture.save(run / f'report/images/sample_0_{name}.png')
    return str(run)


def test_the_page_shows_numbers_and_the_same_images(
    shares, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    first = write(tmp_path / 'first', evaluation(shares), 1)
    second = write(tmp_path / '2nd', evaluation(shares - 0.1), 2)
    write(tmp_path / 'work_dirs/scenes', evaluation(shares), 3)
    page = tmp_path / 'new' / 'page.html'
    tool.main([first, second, 'scenes', '--out', str(page)])
    assert capsys.readouterr().out == f'{page}\n'
    text = page.read_text()
    cells = re.findall('<td[^>]*>([^<]*)</td>', text)
    assert cells.count('worse') == 4  # two classes, and the mIoU in both tables
    assert '-10.0' in cells
    assert cells.count('no pixels') == 2
    assert '&lt;a&gt;' in text
    assert '<a>' not in text
    sources = re.findall('src="(data:[^"]*)"', text)
    assert len({*sources}) == len(sources) == 2 + 3


def test_the_page_names_the_common_end_of_the_names_once(shares, tmp_path):
    names = 'fcn-8s_r50_seed0', 'fcn-4s_r50_seed0'
    page = tool.make_page([write(tmp_path / n, evaluation(shares), 1) for n in names])
    assert '<h1>fcn-8s, fcn-4s</h1>' in page
    assert page.count('_r50_seed0') == 1
    assert tool.common_ending(['a_x', 'b_y', 'c_x']) == ''


def test_mistakes_end_in_a_sentence(shares, tmp_path):
    first = evaluation(shares)
    names = np.array([f'x{name}' for name in first.names])
    runs = dict(
        first=first,
        names=replace(first, names=names),
        classes=replace(first, classes=first.classes[::-1]),
        labels=replace(first, labelled=first.labelled + 1),
    )
    paths = {name: write(tmp_path / name, run, 1) for name, run in runs.items()}
    for arguments, words in (
        ([paths['first']], 'give two or more run folders'),
        ([paths['first'], paths['first'] + '/'], 'one run is given twice'),
        ([paths['first'], paths['names']], 'names was evaluated on other images'),
        ([paths['first'], paths['classes']], 'classes has other classes'),
        ([paths['first'], paths['labels']], 'labels was evaluated on other labels'),
        ([paths['first'], str(tmp_path / 'no')], 'evaluation.npz does not exist'),
    ):
        with pytest.raises(SystemExit) as stop:
            tool.main([*arguments, '--out', str(tmp_path / 'page.html')])
        assert words in stop.value.code
        assert '\n' not in stop.value.code
    assert not (tmp_path / 'page.html').exists()
