"""tools/benchmark_table.py at toy sizes: its page, its plot, what it compares."""

import sys
from pathlib import Path

import cv2
import pytest
import torch
from mmseg.registry import MODELS
from torch import nn

from mmseg_plugins.layers import MixedPooling, StripPooling

sys.path.append(str(Path(__file__).parents[2] / 'tools'))

import benchmark_table
from benchmarks import compared_networks
from benchmarks.compared_networks import HEADS, in_authors_form
from benchmarks.comparisons import Comparison, encoding_layer
from benchmarks.growth import Curves
from benchmarks.measuring import measure
from benchmarks.strip_pooling import AuthorsMPM, AuthorsSPM

SCENES = 'configs/fcn/fcn-2s_vgg13-slim_1xb8-400_scenes-192x256.py'
TOY = '--rounds 2 --side 8 --head-image 64 --image 32 --pixels 64 --classes 5'
HOW = 2, 'cpu', 'process'


@pytest.fixture
def _tiny_networks(monkeypatch, repository):
    pair = (str(repository / SCENES),) * 2
    monkeypatch.setattr(benchmark_table, 'NETWORKS', {'FCN-2s': pair})
    slim = dict(in_channels=32, in_index=0, reduce_channels=16, channels=16)
    monkeypatch.setitem(HEADS, 'StripPoolingHead', (slim, [(32, 8)]))
    monkeypatch.setitem(compared_networks.HEAD, 'channels', 16)


def cells(page: str) -> list[list[str]]:
    """The rows with a variant, forward and training."""
    rows = [line[2:-2].split(' | ') for line in page.splitlines() if line[:1] == '|']
    return [row for row in rows if len(row) == 8 and row[1] != 'variant']


@pytest.mark.usefixtures('_tiny_networks')
def test_one_command_makes_the_page_and_the_plot(tmp_path):
    page = tmp_path / 'docs/page.md'
    benchmark_table.main(['--out', str(page), *TOY.split()])
    text = page.read_text()
    assert f'python tools/benchmark_table.py --out {page} {TOY}' in text
    assert f'torch {torch.__version__}' in text
    rows = cells(text)
    titles = [row[0] for row in rows if row[1] == 'ours']
    assert [title.split(',')[0].split(' ')[0] for title in titles] == [
        *('Encoding', 'SPM', 'MPM', 'FCN'),
        *('EncHead', 'StripPoolingHead', 'FCNSkipHead', 'DFAHead'),
        'FCN-2s',
    ]
    for _, variant, forward, ratio, peak, training, slower, more in rows:
        assert float(forward.split(' (')[0]) >= 0
        assert float(training.split(' (')[0]) > 0
        assert {ratio, slower} == {'1.00'} if variant == 'ours' else float(slower) > 0
        assert (peak == more == '-') if variant == 'floor' else float(more) > 0
    assert '| encoding layer, training step | 64 |' in text
    plot = cv2.imread(str(page.with_name('growth.png')))
    assert plot.shape[:2] == (480, 1040)
    assert page.with_name('growth.png').stat().st_size < 150 * 1024


def test_the_documentation_has_every_comparison(repository):
    text = (repository / 'docs/benchmarks.md').read_text()
    shown = [row[0] for row in cells(text) if row[1] == 'ours']
    tables = benchmark_table.comparisons(benchmark_table.parse(['--out', 'x.md']))
    assert shown == [each.name for table in tables.values() for each in table]
    assert all(f'## {heading}\n' in text for heading in tables)
    assert '](growth.png)' in text
    assert (repository / 'docs/growth.png').stat().st_size < 150 * 1024


def test_the_peak_is_of_the_first_step_with_its_gradients():
    """A weight of 1 MiB: held beside it are x, the product, and their gradients."""

    class Scale(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(2**18))

        def forward(self, x):
            return x * self.weight

    def make_steps(_, train):
        module = Scale()

        def step(x):
            assert torch.is_grad_enabled() == train
            result = module(x)
            if train:
                result.backward(result.detach())

        return dict(ours=step)

    toy = Comparison('', lambda g: torch.ones(2**18, requires_grad=g), make_steps)
    assert measure(toy, False, *HOW)['ours'].peak_mib == pytest.approx(2, abs=0.01)
    assert measure(toy, True, *HOW)['ours'].peak_mib == pytest.approx(4, abs=0.01)


def test_the_variants_take_turns_there_and_back():
    order = []
    steps = dict(ours=lambda _: order.append(1), stock=lambda _: order.append(2))
    toy = Comparison('', lambda _: torch.zeros(1), lambda *_: steps)
    found = measure(toy, False, 3, 'cpu', 'process')
    assert order == [1, 2, 1, 2, 2, 1, 1, 2]  # two to warm up, then the rounds
    assert [len(each.milliseconds) for each in found.values()] == [3, 3]


def test_a_variant_stops_before_the_limit():
    curves = Curves('', '', lambda n: encoding_layer(n // 8, 'cpu'), True, power=2)
    curves.grow([64, 128], 100, HOW)
    assert [point[0] for point in curves.points['ours']] == [64, 128]
    assert [point[0] for point in curves.points['stock']] == [64]
    assert curves.points['stock'][0][2] > 25  # four times that is more than 100
    assert curves.table()[3].endswith(' | - |')


def test_the_authors_form_takes_the_place_of_ours():
    cfg = dict(
        type='mmseg_plugins.StripPoolingHead',
        in_channels=8,
        reduce_channels=16,
        channels=8,
        num_classes=3,
        norm_cfg=dict(type='BN'),
    )
    net = nn.Sequential(MODELS.build(cfg), StripPooling(8))
    authors = in_authors_form(net)
    found = [type(module) for module in authors.modules()]
    assert found.count(AuthorsMPM) == 2
    assert found.count(AuthorsSPM) == 1
    assert not {MixedPooling, StripPooling} & {*found}
    assert isinstance(net[1], StripPooling)
    x = authors[0]([torch.rand(2, 8, 6, 6)])
    assert x.shape == (2, 3, 6, 6)
    sizes = [sum(p.numel() for p in each.parameters()) for each in (net, authors)]
    assert sizes[0] == sizes[1]


def test_a_spread_needs_two_rounds(capsys):
    with pytest.raises(SystemExit):
        benchmark_table.main(['--out', 'x.md', '--rounds', '1'])
    assert 'raise --rounds' in capsys.readouterr().err
