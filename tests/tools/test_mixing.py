"""Every head on every backbone: the cells of tools/mixing.py, and the tool itself."""

import sys
from pathlib import Path

import pytest
import torch
from mmseg.models.decode_heads.decode_head import BaseDecodeHead

from mmseg_plugins.registry import MODELS

sys.path.append(str(Path(__file__).parents[2] / 'tools'))

import mixing
from benchmarks.networks import count
from mixtures.backbones import BACKBONES, OURS
from mixtures.cells import (
    CELLS,
    MISTAKES,
    Cell,
    Outcome,
    build,
    costs,
    try_out,
    what_is_missing,
)
from mixtures.heads import OUR_HEADS, STOCK_HEADS


@pytest.mark.parametrize('cell', CELLS + MISTAKES, ids=str)
def test_a_cell_works_or_says_why_not(cell):
    outcome = try_out(cell)
    if what_is_missing(cell.backbone):
        pytest.skip(outcome.sentence)
    if cell.declines:
        assert not outcome.predicted
        assert cell.declines in outcome.sentence
    else:
        assert outcome == Outcome(built=True, trained=True, predicted=True)


def test_every_head_meets_every_backbone():
    pairs = {(cell.backbone, cell.head) for cell in CELLS}
    assert len(pairs) == len(CELLS) >= 100
    assert pairs >= {(backbone, head) for backbone in BACKBONES for head in OUR_HEADS}
    assert pairs >= {(backbone, head) for backbone in OURS for head in STOCK_HEADS}


def test_every_registered_backbone_and_head_of_ours_is_in_it():
    classes = MODELS.module_dict
    heads = {name for name in classes if issubclass(classes[name], BaseDecodeHead)}
    backbones = {name for name in classes if '.backbones.' in classes[name].__module__}
    assert set(OUR_HEADS) == heads - {'PresenceHead'}  # which stands beside a head
    assert set(OURS) == backbones


def test_control_a_layer_that_never_trains_is_found():
    first_of_two = dict(in_index=0, in_channels=32)
    cell = Cell('DFANet', 'StripPoolingHead', first_of_two)
    with pytest.raises(RuntimeError, match=r'subnets\..* no finite gradient'):
        try_out(cell)


def test_control_an_error_of_another_kind_is_no_sentence():
    with pytest.raises(TypeError):
        try_out(Cell('XceptionB', 'FCNHead', dict(no_such_argument=1)))


@pytest.mark.parametrize('head', ['EncHead', 'StripPoolingHead'])
def test_costs_without_arithmetic_are_those_of_a_run(head):
    cell = Cell('XceptionB', head)
    with torch.no_grad():
        expected = count(build(cell, slim=False).eval(), (64, 96))
    assert costs(cell, (64, 96)) == expected


def test_the_documentation_shows_what_the_tool_prints(capsys, repository):
    mixing.main(['--backbones', 'XceptionB', 'PIDNet'])
    printed = capsys.readouterr().out.splitlines()
    parameters, multiply_adds = costs(Cell('XceptionB', 'DFAHead'), (512, 512))
    numbers = f'{parameters / 1e6:.1f} M, {multiply_adds / 1e9:.1f} G'
    (row,) = [line for line in printed if numbers in line]
    assert row.startswith('| XceptionB | 32 / 4, 64 / 8, 128 / 16, 128 / 16 |')
    shown = (repository / 'docs/mixing.md').read_text().splitlines()
    tried = [line for line in printed if 'not tried here' not in line]
    assert [line for line in tried if line not in shown] == []


def test_the_tool_names_the_package_that_is_missing(capsys, monkeypatch):
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    mixing.main(['--backbones', 'ConvNeXt', '--heads', 'EncHead'])
    printed = capsys.readouterr().out
    assert '| ConvNeXt |  | no (1) |' in printed
    assert '\n1. not tried here: needs mmpretrain' in printed
