"""ReportHook: its numbers, its page, and what it does when it cannot write."""

import re
from functools import partial

import numpy as np
import pytest
import report as tool
import torch
from mmcv.transforms import BaseTransform
from mmengine.dist import all_gather_object
from mmseg.evaluation import IoUMetric
from mmseg.registry import TRANSFORMS

from mmseg_plugins.report.collection import (
    Collector,
    choose,
    evaluation_of,
    read_image,
    save_results,
)
from mmseg_plugins.report.evaluation import Evaluation
from mmseg_plugins.report.figures import read_curves
from mmseg_plugins.report.page import write_page
from mmseg_plugins.run_folder import find_checkpoint
from tests.distributed.two_processes import run_in_two
from tests.faults.small_run import build, make_config, train

CLASSES = ('road', '<b>tree</b>', '$car$', '水')
IGNORED = 200
NUM_IMAGES = 11
SUMMARY = dict(
    name='<i>run</i>',
    network=['Net'],
    parameters=3,
    dataset='Data',
    part='test',
    iteration=None,
    checkpoint=None,
    seconds=1,
    command='python tools/test.py',
    date='today',
    environment=dict(device='CPU'),
    config='a = "</pre><script>"',
)


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """Train for two iterations, with a validation after each."""
    options = {
        'train_cfg.max_iters': 2,
        'train_cfg.val_interval': 1,
        'default_hooks.checkpoint.interval': 1,
        'report': True,
    }
    work_dir = tmp_path_factory.mktemp('runs') / 'run'
    train(make_config(work_dir, **options))
    return work_dir


def make_maps(number: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return prediction and truth of an image; some labels are no class."""
    generator = torch.Generator().manual_seed(number)
    random = partial(torch.randint, size=(40, 900), generator=generator)
    truth = random(len(CLASSES) - 1)
    prediction = torch.where(random(20) < number, truth, random(len(CLASSES) - 1))
    truth[0], truth[1, :9], prediction[1, 5:20] = IGNORED, 90, 7
    return prediction, truth.byte()


def collect(rank: int = 0, num_processes: int = 1) -> tuple[Evaluation, dict]:
    """Collect what a process sees, as mmengine's sampler gives it the images."""
    collector = Collector(len(CLASSES), IGNORED, NUM_IMAGES)
    padded = -(-NUM_IMAGES // num_processes) * num_processes
    for index in range(rank, padded, num_processes):
        number = index % NUM_IMAGES
        collector.add(f'/data/{number % 2}/{number}.png', *make_maps(number))
    results = all_gather_object(collector.result())
    records = [record for result in results for record in result[0]]
    confusion = sum(result[1] for result in results)
    meta = dict(classes=CLASSES)
    evaluation = evaluation_of(records, confusion, meta)
    return evaluation, choose(records, NUM_IMAGES)


def collect_in_two(rank: int) -> tuple:
    evaluation, chosen = collect(rank, 2)
    return vars(evaluation), {k: [r.position for r in v] for k, v in chosen.items()}


def metric_of(maps) -> dict[str, np.ndarray]:
    areas = [
        IoUMetric.intersect_and_union(prediction, truth.long(), len(CLASSES), IGNORED)
        for prediction, truth in maps
    ]
    return IoUMetric.total_area_to_metrics(*map(sum, zip(*areas, strict=True)))


def test_numbers_are_those_of_the_metric():
    evaluation, _ = collect()
    expected = metric_of(map(make_maps, range(NUM_IMAGES)))
    np.testing.assert_allclose(evaluation.iou(), expected['IoU'], rtol=1e-6)
    np.testing.assert_allclose(evaluation.accuracy(), expected['Acc'], rtol=1e-6)
    assert evaluation.aacc() == pytest.approx(float(expected['aAcc']), rel=1e-6)
    assert np.isnan(evaluation.iou()[3])
    assert evaluation.miou() == pytest.approx(np.nanmean(expected['IoU']), rel=1e-6)
    np.testing.assert_array_equal(
        evaluation.confusion.diagonal(), evaluation.intersection.sum(0)
    )
    image = metric_of([make_maps(3)])
    np.testing.assert_allclose(evaluation.image_iou()[3], image['IoU'], rtol=1e-6)
    assert evaluation.names[3] == '1/3.png'


def test_best_worst_and_sample_images():
    chosen = collect()[1]
    positions = {
        kind: [r.position for r in records] for kind, records in chosen.items()
    }
    assert positions == dict(
        best=[10, 9, 8, 7], worst=[0, 1, 2, 3], sample=[0, 3, 7, 10]
    )
    maps = chosen['worst'][1].maps
    assert maps['truth'].shape == maps['prediction'].shape == (28, 640)
    assert maps['truth'][0, 0] == 255


@pytest.mark.one_line
def test_two_processes_count_what_one_counts(tmp_path):
    evaluation, chosen = collect()
    for values, positions in run_in_two(collect_in_two, tmp_path):
        for name, expected in vars(evaluation).items():
            np.testing.assert_array_equal(values[name], expected)
        assert positions == {k: [r.position for r in v] for k, v in chosen.items()}


def test_page_of_a_training(run):
    log = max(run.glob('*/*.log')).read_text()
    logged = re.findall(r'mIoU: (\S+)', log)
    evaluation = Evaluation.load(run)
    assert f'{100 * evaluation.miou():.2f}' == f'{float(logged[-1]):.2f}'
    assert f'Report: {run / "report.html"}' in log
    page = (run / 'report.html').read_text()
    assert f'<b>{100 * evaluation.miou():.1f}</b>mIoU' in page
    assert 'From coarse to fine' in page  # the picture of FCN
    assert 'iteration 2, the last validation' in page
    curves = read_curves(run)
    assert [point[0] for point in curves['metrics']['mIoU']] == [1, 2]
    assert [point[0] for point in curves['loss']['loss']] == [1, 2]


@pytest.mark.filterwarnings('error:Glyph')
def test_the_page_loads_nothing_and_escapes_names(tmp_path):
    evaluation, chosen = collect()
    for record in [record for records in chosen.values() for record in records]:
        record.path = 'scene://64x96/scene_000000.png'
    (tmp_path / 'report').mkdir()
    save_results(tmp_path / 'report', evaluation, chosen, SUMMARY, read_image)
    page = write_page(tmp_path, tmp_path / 'other.html').read_text()
    links = re.findall(r'(?:src|href|url)\s*[=(]\s*["\']?([^"\')\s>]+)', page)
    assert all(link.startswith(('data:', '#')) for link in links)
    assert len(links) > 30
    assert '<script' not in page
    assert '<b>tree' not in page
    assert '&lt;b&gt;tree&lt;/b&gt;' in page
    assert '$car$' in page
    assert not (tmp_path / 'report.html').exists()


def block_with_file(run):
    (run / 'report').touch()


def fill_disk(run):
    (run / 'report.html.unfinished').symlink_to('/dev/full')


def write_damaged_file(run):
    (run / 'report').mkdir()
    (run / 'report/evaluation.npz').write_bytes(b'PK')


def do_nothing(run):
    pass


@TRANSFORMS.register_module()
class IgnoreAllPixels(BaseTransform):
    """Turn the labels of an image into the label that is ignored."""

    def transform(self, results):
        return results | dict(gt_seg_map=np.full(results['img_shape'], 255))


IGNORE_ALL = {
    'test_dataloader.dataset.pipeline': [
        dict(type='LoadImageFromFile'),
        dict(type='IgnoreAllPixels'),
        dict(type='PackSegInputs'),
    ]
}
UNLABELLED = {
    'test_dataloader.dataset.pipeline': [
        dict(type='LoadImageFromFile'),
        dict(type='PackSegInputs'),
    ],
    'test_evaluator.format_only': True,
}


@pytest.mark.parametrize(
    ('prepare', 'options', 'sentence'),
    [
        (fill_disk, {}, r'report.html is left out: OSError.*No space left.*--test'),
        (block_with_file, {}, r'report.html is left out: .*exists.*--test'),
        (do_nothing, UNLABELLED, 'No report: the images have no labels'),
        (do_nothing, IGNORE_ALL, 'No report: the images have no labels'),
        (do_nothing, {'report': False}, 'mIoU'),
    ],
)
def test_a_run_without_report_ends_well(tmp_path, prepare, options, sentence):
    run = tmp_path / 'run'
    cfg = make_config(run, **{'report': True, **options})
    if options is UNLABELLED:
        cfg.test_evaluator.output_dir = str(tmp_path / 'masks')
    runner = build(cfg)
    prepare(run)
    metrics = runner.test()
    assert options in (UNLABELLED, IGNORE_ALL) or metrics['mIoU'] > 0
    log = next(run.glob('*/*.log')).read_text()
    assert len(re.findall(sentence, log)) >= 1
    assert ('ERROR' in log) == (prepare is not do_nothing)
    assert not (run / 'report.html').exists()
    assert not list(run.glob('report.*'))


def test_the_tool_makes_the_page_again(run, tmp_path, capsys):
    (run / 'report.html').unlink()
    tool.main([str(run)])
    page = (run / 'report.html').read_text()
    assert '3 images of the validation data' in page
    tool.main([str(run), '--test', '--out', str(tmp_path / 'test.html')])
    page = (tmp_path / 'test.html').read_text()
    assert '3 images of the test data' in page
    assert str(find_checkpoint(run)) in page
    assert f'<h1>{run.name}</h1>' in page
    assert capsys.readouterr().out.endswith(f'{tmp_path / "test.html"}\n')


@pytest.mark.parametrize(
    ('prepare', 'sentence'),
    [
        (lambda run: run.rmdir(), 'is not a folder: give the folder of a run'),
        (do_nothing, 'has no config'),
        (
            write_damaged_file,
            'is damaged .*--test',
        ),
    ],
)
def test_user_errors_are_one_sentence(tmp_path, prepare, sentence):
    run = tmp_path / 'run'
    run.mkdir()
    prepare(run)
    with pytest.raises(SystemExit, match=sentence):
        tool.main([str(run)])
