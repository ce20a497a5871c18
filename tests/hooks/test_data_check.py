from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.dataset import ConcatDataset, RepeatDataset
from PIL import Image
from torch.utils.data import DataLoader

from mmseg_plugins.datasets import FolderDataset, file_facts
from mmseg_plugins.hooks import DataCheckHook
from tests.faults import small_run
from tests.tools.tiny_training import ROOT

LABELS = np.arange(64 * 48, dtype=np.uint8).reshape(48, 64) % 3
SPLITS = ('train', 'val')
CLASSES = dict(metainfo=dict(classes=('sky', 'road', 'car')))


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Two splits of three images."""
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    noise = np.random.default_rng(0)
    for split in SPLITS:
        for folder in ('images', 'masks'):
            (tmp_path / folder / split).mkdir(parents=True)
        for name in 'abc':
            pixels = noise.integers(0, 255, (48, 64, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / f'images/{split}/{name}.jpg')
            save(tmp_path / f'masks/{split}/{name}.png', LABELS)
    return tmp_path


def save(path, labels, **kwargs):
    Image.fromarray(np.asarray(labels, np.uint8)).save(path, **kwargs)


def make(root, name, **kwargs):
    shared = CLASSES | dict(split=name, serialize_data=False)  # that collects garbage
    return FolderDataset(data_root=str(root), **shared | kwargs)


def check(root, wrap=lambda dataset: dataset, channels=3, **kwargs) -> list[str]:
    """Run the hook; return the warnings."""
    loops = {}
    for split in SPLITS:
        dataset = wrap(make(root, split, **kwargs))
        loops[f'{split}_loop'] = SimpleNamespace(dataloader=DataLoader(dataset))
    warnings = []
    logger = SimpleNamespace(warning=warnings.append)
    model = SimpleNamespace(data_preprocessor=SimpleNamespace(mean=[0] * channels))
    runner = SimpleNamespace(logger=logger, model=model, **loops)
    DataCheckHook().before_train(runner)
    return warnings


def cut(path, size):
    path.write_bytes(path.read_bytes()[:size])


def of_all(function):
    return lambda root: [function(path) for path in sorted(root.glob('masks/*/*'))]


def as_jpeg(path):
    save(path.with_suffix('.jpg'), LABELS, quality=100)
    path.unlink()


def mask(labels):
    return lambda root: save(root / 'masks/val/b.png', labels)


RGB = np.stack([LABELS, LABELS, 9 * LABELS], 2)
WRONG = [
    (of_all(lambda path: save(path, LABELS % 2 * 255)), {},
     r'masks/train/a\.png .* 0 and 255 only, .* "sky 0 0 0" and "road 255 255 255"'),
    (mask(RGB), {}, r'masks/val/b\.png has 3 channels.*colours.* \[1, 1, 9\], '),
    (mask(LABELS + 1), {}, r'b\.png holds label 3: must be 0 to 2 .* begin at 1, '),
    (mask(LABELS + 5), {}, r'b\.png holds label 5, 6, 7: must be 0 to 2'),
    (mask(LABELS * 127), {}, r'b\.png holds label 127, 254'),
    (mask(LABELS.T), {}, r'b\.png has .*= \(64, 48\), .*: if the EXIF tag'),
    (mask(LABELS[::2, ::2]), {}, r'b\.png has .*= \(24, 32\), but its .*\(48, 64\)'),
    (of_all(as_jpeg), {}, r'(?s)3 of 3 files are wrong:\n.*/train/a\.jpg is a JPEG'),
    (lambda root: cut(root / 'masks/val/b.png', 60), {}, r'val/b\.png cannot be'),
    (lambda root: cut(root / 'images/val/b.jpg', 900), {}, r'val/b\.jpg cannot'),
    (lambda root: cut(root / 'images/val/b.jpg', 60), {}, r'val/b\.jpg cannot'),
    (lambda root: [cut(root / f'images/val/{name}.jpg', 900) for name in 'ac'], {},
     r'(?s)2 of 3 files are wrong:.*val/a\.jpg cannot.*val/c\.jpg cannot'),
    (None, dict(data_prefix=dict(img_path='images/train', seg_map_path='masks/train'),
                split='all'),
     r'3 images are in the training and in the .* first is .*/train/a\.jpg'),
]  # fmt: skip


@pytest.mark.one_line
@pytest.mark.parametrize(('change', 'arguments', 'message'), WRONG)
def test_wrong_files_are_named(root, change, arguments, message):
    assert check(root) == []  # control, and now all files are remembered
    if change:
        change(root)
    with pytest.raises(ValueError, match=message):
        check(root, **arguments)


@pytest.mark.one_line
def test_the_printed_fixes_work(root):
    of_all(lambda path: save(path, LABELS % 2 * 255))(root)
    colours = dict(sky=[0, 0, 0], road=[255, 255, 255])
    assert check(root, colours=colours, metainfo=None) == []
    of_all(lambda path: save(path, LABELS + 1))(root)
    assert check(root, reduce_zero_label=True) == []


@pytest.mark.one_line
def test_warnings(root):
    of_all(lambda path: save(path, np.where(LABELS == 1, 0, 255)))(root)
    save(root / 'masks/train/a.png', np.where(LABELS, LABELS, 255))
    (root / 'images/val/c.jpg').write_bytes((root / 'images/train/b.jpg').read_bytes())
    first, *others, last = check(root)
    assert first == (
        'training data: 56% of the pixels have label 255, which is not trained'
    )
    assert others == [
        'validation data: no mask has a pixel of road, car',
        'validation data: 67% of the pixels have label 255, which is not trained',
    ]
    assert last.startswith('1 images of the validation data are in the training data')
    assert last.endswith(f'val/c.jpg is {root}/images/train/b.jpg')


@pytest.mark.one_line
@pytest.mark.parametrize(
    'wrap', [lambda data: ConcatDataset([data]), lambda data: RepeatDataset(data, 2)]
)
def test_wrapped_datasets_are_checked(root, wrap):
    assert check(root, wrap) == []
    mask(RGB)(root)
    with pytest.raises(ValueError, match='3 channels'):
        check(root, wrap)


@pytest.mark.one_line
def test_a_second_start_reads_only_what_changed(root, monkeypatch):
    read = []

    def read_file(entry, key, **kwargs):
        read.append(Path(entry[key]).name)
        return original(entry, key, **kwargs)

    original = file_facts.read_file
    monkeypatch.setattr(file_facts, 'read_file', read_file)
    check(root)
    assert len(read) == 12
    check(root)
    assert len(read) == 12
    mask(LABELS[::-1] // 2)(root)
    check(root)
    assert read[12:] == ['b.png']
    for path in root.glob('cache/mmseg_plugins/*'):
        cut(path, 20)
    check(root)
    assert len(read) == 25


def test_a_training_ends_before_its_first_iteration(root):
    names = ('models/fcn-8s_vgg13-slim', 'datasets/folder', 'schedules/schedule_400')
    bases = [str(ROOT / f'configs/_base_/{n}.py') for n in (*names, 'default_runtime')]
    (root / 'config.py').write_text(f'_base_ = {bases}')
    cfg = Config.fromfile(root / 'config.py')
    options = {
        'model.data_preprocessor.size': (64, 64),
        'model.backbone.base_channels': 4,
        'model.backbone.fc_channels': 8,
        'model.decode_head.in_channels': [16, 32, 8],
        'model.decode_head.num_classes': 3,
        'train_cfg.max_iters': 2,
        'report': False,
        'work_dir': str(root / 'work'),
    }
    for split in SPLITS:
        loader = f'{split}_dataloader'
        options[f'{loader}.dataset.data_root'] = str(root)
        options[f'{loader}.dataset.metainfo'] = CLASSES['metainfo']
        options[f'{loader}.num_workers'] = 1
    cfg.merge_from_dict(options)
    cfg.train_pipeline[3].scale = cfg.train_pipeline[4].crop_size = (64, 64)
    cfg.train_dataloader.dataset.pipeline = cfg.train_pipeline
    cfg.val_dataloader.dataset.pipeline[1].scale = (64, 64)
    assert small_run.train(cfg).iter == 2  # control

    cfg.work_dir = str(root / 'other')
    mask(LABELS + 1)(root)
    mask(LABELS[::2, ::2])(root)
    cut(root / 'masks/train/a.png', 60)
    runner = small_run.build(cfg)
    with pytest.raises(ValueError, match=r'^\S+train/a\.png cannot be decoded'):
        runner.train()
    assert runner.iter == 0
