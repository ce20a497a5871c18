"""new.py writes a config that trains on a user's images and masks."""

from pathlib import Path
from types import SimpleNamespace

import cv2
import new
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.runner import Runner
from mmseg.registry import DATASETS, MODELS
from PIL import Image

CLASSES = ['sky', 'road', 'a car']
COLOURS = [[0, 0, 255], [90, 90, 90], [200, 0, 0]]
CLASS_FILE = ''.join(f'{name}\n' for name in CLASSES)
COLOUR_FILE = ''.join(
    f'{name} {r} {g} {b}\n' for name, (r, g, b) in zip(CLASSES, COLOURS, strict=True)
)


@pytest.fixture(autouse=True)
def _folder_of_the_user(tmp_path, monkeypatch):
    """Ten images and palette PNGs in photos and masks of the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    write_files()


def write_files(folder: str = '', numbers: range = range(10)) -> None:
    random = np.random.default_rng(0)
    images, masks = Path('photos', folder), Path('masks', folder)
    for path in (images, masks):
        path.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        pixels = random.integers(0, 256, (70, 100, 3), np.uint8)
        cv2.imwrite(str(images / f'{number}.jpg'), pixels)
        labels = np.zeros((70, 100), np.uint8)
        labels[30:], labels[50:, :40], labels[:5] = 1, 2, 255
        save_mask(masks / f'{number}.png', labels)


def save_mask(path: Path, labels: np.ndarray) -> None:
    image = Image.fromarray(labels)
    image.putpalette(bytes(np.uint8(COLOURS)).ljust(768, b'\0'))
    image.save(path)


def read(path: str = 'own.py') -> Config:
    return Config.fromfile(path)


@pytest.mark.one_line
@pytest.mark.parametrize(
    ('network', 'backbone'),
    [
        ('fcn-2s', 'slim'),
        ('spnet', 'slim'),
        ('encnet', 'slim'),
        ('dfanet', 'slim'),
        ('fcn-8s', 'resnet18'),
    ],
)
def test_the_config_says_what_was_measured(network, backbone, capsys):
    Path('classes.txt').write_text(CLASS_FILE)
    arguments = f'photos masks --classes classes.txt --network {network}'.split()
    new.main([*arguments, '--backbone', backbone])
    assert 'a car' in (screen := capsys.readouterr().out)
    assert screen.endswith('Next: mmseg-plugins train own.py\n')
    settings = Path('own.py').read_text().split('_base_ = ')[1]
    assert max(map(len, settings.splitlines())) <= 88
    cfg = read()
    train_set, val_set, test_set = (
        DATASETS.build(cfg[f'{split}_dataloader'].dataset)
        for split in ('train', 'val', 'test')
    )
    assert (len(train_set), len(val_set), len(test_set)) == (8, 1, 1)
    assert train_set.metainfo['classes'] == CLASSES
    assert train_set.metainfo['palette'] == COLOURS
    assert cfg.crop_size == (64, 96)
    assert cfg.model.data_preprocessor.size == cfg.crop_size
    images = [cv2.imread(f'photos/{n}.jpg')[..., ::-1] for n in range(10)]
    preprocessor = cfg.model.data_preprocessor
    assert preprocessor.mean == pytest.approx(np.mean(images, (0, 1, 2)), abs=0.1)
    assert preprocessor.std == pytest.approx(np.std(images, (0, 1, 2)), abs=0.1)
    model = MODELS.build(cfg.model)
    heads = [
        model.decode_head,
        *([model.auxiliary_head] if network == 'encnet' else []),
    ]
    assert [head.num_classes for head in heads] == [3] * len(heads)
    assert len(train_set[0]['inputs']) == 3


def test_it_trains():
    new.main(['photos', 'masks', '--iters', '2', '--out', 'street.py'])
    cfg = read('street.py')
    cfg.work_dir = 'run'
    for split in ('train', 'val', 'test'):
        cfg[f'{split}_dataloader'].update(num_workers=0, persistent_workers=False)
    cfg.custom_hooks = [h for h in cfg.custom_hooks if 'Report' not in h.type]
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert runner.iter == 2
    assert list(Path('run').glob('best_mIoU_iter_*.pth'))


@pytest.mark.one_line
def test_colours_of_masks_and_folders_of_splits():
    for path in [*Path('masks').iterdir(), *Path('photos').iterdir()]:
        path.unlink()
    write_files('train', range(4))
    write_files('val', range(4, 6))
    for path in Path('masks').rglob('*.png'):
        labels = np.array(Image.open(path))
        Image.fromarray(np.uint8(COLOURS)[labels.clip(0, 2)]).save(path)
    Path('classes.txt').write_text(COLOUR_FILE)
    new.main(['photos', 'masks', '--classes', 'classes.txt'])
    cfg = read()
    train_set, test_set = (
        DATASETS.build(cfg[f'{split}_dataloader'].dataset)
        for split in ('train', 'test')
    )
    assert (len(train_set), len(test_set)) == (4, 2)
    labels = np.unique(test_set[0]['data_samples'].gt_sem_seg.data)
    assert labels.tolist() == [0, 1, 2]


def test_masks_of_0_and_255_end_in_a_fix_that_works():
    for path in Path('masks').iterdir():
        Image.fromarray(np.uint8(np.eye(100)[:70] * 255)).save(path)
    with pytest.raises(
        SystemExit, match=r'values 0 and 255 only.* set --classes to a file'
    ):
        new.main(['photos', 'masks'])
    assert not Path('own.py').exists()
    Path('classes.txt').write_text('background 0 0 0\nobject 255 255 255\n')
    new.main(['photos', 'masks', '--classes', 'classes.txt'])
    assert read().model.decode_head.num_classes == 2


def test_errors_end_in_one_sentence():
    with pytest.raises(SystemExit, match=r'fotos does not exist.*correct the path'):
        new.main(['fotos', 'masks'])
    with pytest.raises(SystemExit, match=r'fcn-2s.*fit it: fcn-32s'):
        new.main(['photos', 'masks', '--backbone', 'resnet18'])
    Path('masks/3.png').rename('masks/3_x.png')
    with pytest.raises(SystemExit, match=r'/3\.jpg needs masks/3\.png.*--mask-suffix'):
        new.main(['photos', 'masks'])
    Path('own.py').touch()
    with pytest.raises(SystemExit, match=r'own\.py exists: .*--overwrite'):
        new.main(['photos', 'masks'])


def test_a_gpu_gets_larger_crops_and_batches(monkeypatch):
    memory = SimpleNamespace(total_memory=24 * 2**30)
    monkeypatch.setattr('torch.cuda.is_available', lambda: True)
    monkeypatch.setattr('torch.cuda.get_device_properties', lambda _: memory)
    settings = new.choose_sizes(np.array([[3000, 4000]] * 3), num_images=3000)
    assert settings == dict(
        device='GPU',
        scale=(1024, 1024),
        crop_size=(512, 512),
        batch_size=12,
        max_iters=25000,
    )
