"""tools/benchmark_table.py at toy sizes: its page, its plot, what it compares."""

import itertools
import os
import sys
from pathlib import Path

import cv2
import pytest
import torch
from mmseg.registry import MODELS
from torch import nn

from mmseg_plugins.layers import MixedPooling, StripPooling

sys.path.append(str(Path(__file__).parents[2] / 'tools'))

import benchmark_layers
import benchmark_table
from benchmarks import choices, compared_networks
from benchmarks.agreement import disagreements
from benchmarks.clock import in_fresh_processes
from benchmarks.compared_networks import HEADS, in_authors_form
from benchmarks.comparisons import Comparison, encoding_layer, strip_pooling
from benchmarks.growth import Curves
from benchmarks.measuring import Measured, joined, measure
from benchmarks.strip_pooling import AuthorsMPM, AuthorsSPM, convolutions_step

SCENES = 'configs/fcn/fcn-2s_vgg13-slim_1xb8-400_scenes-192x256.py'
TOY = '--rounds 2 --runs 2 --side 8 --head-image 64 --image 32 --pixels 64 --classes 5'
HOW = 2, 'cpu', 'process'


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch):
    """A process of its own would not see what a test has put in place."""
    for tool in (benchmark_table, benchmark_layers):
        monkeypatch.setattr(tool, 'in_fresh_processes', itertools.starmap)


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
        for each in (ratio, slower):
            middle, _, spread = each.partition(' ')
            assert float(middle) > 0
            assert (spread == '') == (variant == 'ours')
        assert (peak == more == '-') if variant == 'floor' else float(more) > 0
    assert '| encoding layer, training step | 64 |' in text
    plot = cv2.imread(str(page.with_name('growth.png')))
    assert plot.shape[:2] == (480, 1040)
    assert page.with_name('growth.png').stat().st_size < 150 * 1024


@pytest.mark.usefixtures('_tiny_networks')
def test_a_page_is_checked_by_its_own_tables(tmp_path, monkeypatch, capsys):
    page = tmp_path / 'page.md'
    toy = [*TOY.split(), '--parts', 'layers']
    benchmark_table.main(['--out', str(page), *toy])
    lines = page.read_text().splitlines()
    assert f'tools/benchmark_table.py --check {page} {TOY} --parts layers' in '\n'.join(
        lines
    )
    monkeypatch.setattr(benchmark_table, 'tables', lambda _: lines)
    benchmark_table.main(['--check', str(page), *toy])
    assert f'The tables agree with {page}.' in capsys.readouterr().out
    page.write_text(page.read_text().replace('authors', 'painters'))
    with pytest.raises(SystemExit, match='not in the page'):
        benchmark_table.main(['--check', str(page), *toy])


ROWS = """
## Layers
| | variant | forward, ms | x | MiB | training, ms | x | MiB |
|---|---|---|---|---|---|---|---|
| SPM | ours | 5.0 (4.0 to 6.0) | 1 | 10.0 | 9.0 (8.0 to 9.9) | 1 | 20.0 |
|  | floor | 4 (3 to 5) | 0.80 (0.75 to 0.90) | - | 7 (6 to 8) | 0.7 (0.6 to 0.72) | - |
"""


@pytest.mark.parametrize(
    ('old', 'new', 'words'),
    [
        ('0.80 (0.75 to 0.90)', '0.89 (0.60 to 1.30)', ''),
        ('4 (3 to 5)', '40 (30 to 50)', ''),
        ('10.0', '10.1', ''),
        ('0.80 (0.75 to 0.90)', '0.68 (0.50 to 0.90)', ''),
        ('0.80 (0.75 to 0.90)', '0.67 (0.50 to 0.90)', 'SPM, floor, forward: ratio'),
        ('0.7 (0.6 to 0.72)', '0.79 (0.6 to 1.1)', ''),
        ('0.7 (0.6 to 0.72)', '0.80 (0.6 to 1.1)', 'SPM, floor, training: ratio'),
        ('| 20.0', '| 21.0', 'SPM, ours, training: 21.0 MiB, the page has 20.0'),
        ('| 10.0', '| -', 'SPM, ours, forward: - MiB'),
        ('| 1 |', '| 1.00 (0.9 to 1.1) |', 'the page has 1'),
        ('| SPM |', '| MPM |', '## Layers, MPM, floor: not in the page'),
        ('| floor |', '| stock |', '## Layers, SPM, floor: not measured'),
        ('## Layers', '## Heads, on 64 x 64 images', 'floor: not in the page'),
    ],
)
def test_a_new_run_agrees_within_the_ranges_of_the_page(old, new, words):
    assert disagreements(ROWS, ROWS) == []
    found = disagreements(ROWS, ROWS.replace(old, new))
    assert words in found[0] if words else found == []


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


def test_rounds_of_several_runs_are_put_together():
    runs = [dict(ours=Measured([1.0, 2.0], 5.0), stock=Measured([3.0, 8.0], 7.0))] * 2
    both = joined(runs)
    assert both['ours'].milliseconds == [1.0, 2.0, 1.0, 2.0]
    assert both['stock'].peak() == '7.0'
    assert both['stock'].ratio(both['ours']) == '3.50 (3.00 to 4.00)'
    assert both['ours'].ratio(both['ours']) == '1'


def test_each_job_has_a_process_of_its_own():
    processes = [*in_fresh_processes(os.getpid, [(), ()])]
    assert len({os.getpid(), *processes}) == 3


def test_a_variant_has_its_input_in_its_layout():
    comparison = strip_pooling('SPM', 4, 'cpu', layouts=True)
    for train in (True, False):
        turned = comparison.input_of('ours, channels last', train)
        plain = comparison.input_of('ours', train)
        assert turned.is_contiguous(memory_format=torch.channels_last)
        assert plain.is_contiguous()
        assert turned.is_leaf
        assert turned.requires_grad == plain.requires_grad == train


@pytest.mark.parametrize(
    ('layers', 'steps', 'variants'),
    [('strip_pooling', 4, 6), ('strip_pooling_choices', 6, 4), ('encoding', 3, 2)],
)
def test_layers_are_timed_beside_what_they_replace(layers, steps, variants, capsys):
    toy = ['--side', '4', '--rounds', '2', '--runs', '1']
    benchmark_layers.main([layers, *toy])
    printed = capsys.readouterr().out
    rows = [line[2:-2].split(' | ') for line in printed.splitlines() if 'x 4' in line]
    rows = [row for row in rows if len(row) == 6]
    floors = 1 if layers == 'encoding' else 0
    assert len(rows) == steps * variants + floors
    assert len({row[0] for row in rows}) == steps
    for _, variant, _, faster, floor, peak in rows:
        replaced = dict(strip_pooling=["authors' form"])
        stock = ['stock', 'stock, channels last']
        assert (faster == '1') == (variant in replaced.get(layers, stock))
        assert (floor == '1') == variant.startswith('floor') == (peak == '-')


def test_our_operations_give_the_numbers_of_those_that_they_replace():
    for name, (ours, stock) in choices.OPERATIONS.items():
        maps = [torch.rand(2, 3, *size) for size in choices.sizes_of(name, 24)]
        torch.testing.assert_close(flat(ours(maps)), flat(stock(maps)))


def flat(results: torch.Tensor | list) -> torch.Tensor:
    results = [results] if isinstance(results, torch.Tensor) else results
    return torch.cat([result.flatten() for result in results])


def test_layers_need_two_rounds(capsys):
    with pytest.raises(SystemExit):
        benchmark_layers.main(['encoding', '--rounds', '1', '--runs', '1'])
    assert 'raise --rounds' in capsys.readouterr().err


def test_the_floor_makes_no_gradient_that_the_network_does_not():
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 5, 1))
    step = convolutions_step(net, torch.rand(1, 3, 8, 8), train=True)
    inputs = []
    for conv in net:
        conv.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    step(None)
    assert [x.requires_grad for x in inputs] == [False, True]


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
