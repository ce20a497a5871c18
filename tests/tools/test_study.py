"""tools/study.py: tiny trainings in this process, its table, and boundary IoU."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import study as tool
import study_table
import torch
from bfloat16 import Bfloat16OptimWrapper
from boundary_iou import BoundaryIoU, boundary
from matplotlib.figure import Figure
from mmengine.registry import OPTIM_WRAPPERS
from PIL import Image

from mmseg_plugins.report.evaluation import Evaluation
from tests.tools.tiny_training import CONFIG, OPTIONS

pytestmark = pytest.mark.one_line
TINY = [
    *OPTIONS,
    'train_cfg.max_iters=2',
    'default_hooks.checkpoint.interval=1',
    *(
        f'{part}_dataloader.{option}'
        for part in ('train', 'test')
        for option in ('num_workers=0', 'persistent_workers=False')
    ),
]
TINY_AMP = ['--amp', '--cfg-options', *TINY]


class SameProcess:
    """In place of a process: run its command here."""

    commands: list = []  # noqa: RUF012

    def __init__(self, command, **_):
        self.commands.append(command)
        try:
            tool.main(command[2:])
            self.returncode = 0
        except Exception:
            self.returncode = 1

    def poll(self):
        return self.returncode


class KeepFigures:
    """In place of matplotlib's Figure: keep what it makes."""

    def __init__(self):
        self.figures = []

    def __call__(self, **options):
        self.figures.append(Figure(**options))
        return self.figures[-1]


def run(out, *options: str) -> tuple[int | str | None, int]:
    """Run a study; return how it exits, and the number of processes."""
    SameProcess.commands.clear()
    words = [str(CONFIG), '--out', str(out), '--groups', 'flat=road,sidewalk']
    with pytest.raises(SystemExit) as stop:
        tool.main([*words, *options])
    return stop.value.code, len(SameProcess.commands)


@pytest.fixture
def in_process(monkeypatch):
    monkeypatch.setattr(tool, 'subprocess', SimpleNamespace(Popen=SameProcess))


def test_a_study_is_continued_and_its_table_is_that_of_its_runs(
    tmp_path, in_process, capsys
):
    options = ['--cfg-options', *TINY]
    assert run(tmp_path, *options) == (0, 1)
    assert run(tmp_path, '--seeds', '0', '1', *options) == (0, 1)  # the first is kept
    results = json.loads((tmp_path / 'table.json').read_text())
    runs = [tmp_path / f'{CONFIG.stem}_seed{seed}' for seed in (0, 1)]
    for seed, (folder, result) in enumerate(zip(runs, results, strict=True)):
        evaluation = Evaluation.load(folder)
        assert result['mIoU'] == 100 * evaluation.miou()
        assert result['flat'] == pytest.approx(100 * evaluation.iou()[:2].mean())
        assert (result['seed'], result['iterations']) == (seed, 2)
    mious = [result['mIoU'] for result in results]
    assert mious[0] != mious[1]
    row = next(
        line
        for line in (tmp_path / 'table.md').read_text().splitlines()
        if CONFIG.stem in line
    )
    spread = f'{np.mean(mious):.1f} ± {np.std(mious, ddof=1):.1f}'
    assert f'| {CONFIG.stem} | 0, 1 | {spread} |' in row
    assert row in capsys.readouterr().out

    code, number = run(tmp_path, *options, 'train_cfg.max_iters=3')
    assert 'was made with other settings' in code
    assert number == 0
    assert run(tmp_path, *options, '--groups', 'low=road')[1] == 0  # of the same runs
    (result,) = json.loads((tmp_path / 'table.json').read_text())
    assert result['low'] == result['IoU']['road']
    (runs[1] / 'result.json').unlink()  # as if it was stopped before its end
    assert 'was made with other' in run(tmp_path, '--seeds', '1', *TINY_AMP)[0]
    assert run(tmp_path, '--seeds', '0', '1', *options) == (0, 1)
    assert json.loads((tmp_path / 'table.json').read_text())[1]['mIoU'] == mious[1]


def test_the_chart_names_what_differs_and_has_the_best_config_on_top(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(study_table, 'Figure', keep := KeepFigures())
    values = {'fcn-8s_r50_1xb4': [50, 54], 'fcn-4s_r50_1xb4': [60], 'psp_r18_1xb4': [9]}
    results = [
        dict(config=config, mIoU=value)
        for config, group in values.items()
        for value in group
    ]
    study_table.write_chart(tmp_path / 'chart.png', results)
    (axes,) = keep.figures[0].axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ['psp_r18', 'fcn-8s_r50', 'fcn-4s_r50']  # from the bottom
    assert [text.get_text() for text in axes.texts] == ['9.0', '52.0', '60.0']
    assert [len(line.get_xdata()) for line in axes.lines] == [1, 1, 2, 1, 1, 1]
    with Image.open(tmp_path / 'chart.png') as image:
        assert image.size[0] == 840


def test_a_run_that_fails_is_named_and_the_exit_status_is_1(
    tmp_path, in_process, capsys
):
    assert run(tmp_path, '--cfg-options', 'model.backbone.type=None') == (1, 1)
    assert f'{CONFIG.stem}_seed0 failed, see ' in capsys.readouterr().out
    assert run(tmp_path, '--cfg-options', *TINY) == (0, 1)  # after it is corrected


def test_with_amp_the_loss_is_computed_in_bfloat16_and_the_weights_are_not():
    layer = torch.nn.Linear(2, 1)
    wrapper = Bfloat16OptimWrapper(torch.optim.SGD(layer.parameters(), lr=0.1))
    x = torch.ones(1, 2)
    with wrapper.optim_context(layer):
        assert layer(x).dtype == torch.bfloat16
        loss = layer(x).float().sum()
    assert layer(x).dtype == torch.float32
    before = layer.weight.detach().clone()
    wrapper.update_params(loss)
    assert torch.allclose(layer.weight, before - 0.1)

    options = ['optim_wrapper.type=AmpOptimWrapper', 'optim_wrapper.loss_scale=dynamic']
    args = tool.parse([str(CONFIG), '--amp', '--cfg-options', *options])
    wrapper_cfg = tool.make_config(args, str(CONFIG), 0, Path('run')).optim_wrapper
    wrapper_cfg.optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    assert isinstance(OPTIM_WRAPPERS.build(wrapper_cfg), Bfloat16OptimWrapper)


def test_by_the_clock_any_config_counts_iterations_and_writes_a_report():
    words = [str(CONFIG), '--seconds', '9', '--cfg-options', 'randomness.diff_rank=1']
    args = tool.parse(words)
    args.cfg_options['default_hooks.checkpoint.by_epoch'] = True
    args.cfg_options['custom_hooks'] = []
    cfg = tool.make_config(args, str(CONFIG), 3, Path('run'))
    assert cfg.randomness == dict(seed=3, diff_rank=1)
    assert not cfg.default_hooks.checkpoint.by_epoch
    hooks = [hook['type'] for hook in cfg.custom_hooks]
    assert hooks == ['mmseg_plugins.ReportHook', 'mmseg_plugins.TimedScheduleHook']


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--seeds', '1', '1'], 'a seed is given twice'),
        (['--groups', 'thin=pole,fog'], 'fog is no class of'),
        (
            ['--cfg-options', 'test_dataloader.dataset.metainfo.classes=[a,b]'],
            'road is no class of',
        ),
    ],
)
def test_mistakes_end_in_a_sentence(tmp_path, options, message):
    code, number = run(tmp_path, *options)
    assert message in code
    assert number == 0


def test_boundary_is_what_lies_near_the_outside():
    mask = np.zeros((60, 80), np.uint8)  # 2 % of its diagonal are two pixels
    mask[10:30, 20:50] = 1
    inside = np.zeros_like(mask)
    inside[12:28, 22:48] = 1
    assert (boundary(mask) == (mask - inside)).all()
    edge = boundary(np.ones_like(mask))  # what lies beyond the image is outside
    assert not edge[2:-2, 2:-2].any()
    assert edge.sum() == 60 * 80 - 56 * 76


def test_boundary_iou_sees_an_edge_that_the_iou_hardly_sees():
    truth = torch.zeros(1, 60, 80, dtype=torch.long)
    truth[:, 10:50, 10:70] = 1
    prediction = truth.roll(2, dims=2)
    truth[:, :5] = 255
    metric = BoundaryIoU()
    metric.dataset_meta = dict(classes=('a', 'b'))
    for guess, expected in ((truth, 1), (prediction, 0.5)):
        sample = dict(gt_sem_seg=dict(data=truth), pred_sem_seg=dict(data=guess))
        metric.process({}, [sample])
        assert metric.evaluate(1)['boundary_iou'] == pytest.approx(expected, abs=0.1)
