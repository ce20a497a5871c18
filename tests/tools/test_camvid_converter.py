import os
import shutil
import stat
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import camvid
import numpy as np
import pytest
from PIL import Image

from mmseg_plugins.datasets.camvid import CamVidDataset
from mmseg_plugins.datasets.label_checks import LoadLabels
from tests.tools.tiny_training import ROOT

pytestmark = pytest.mark.one_line

SCRIPT = ROOT / 'tools/dataset_converters/camvid.py'
SPLITS = ('train', 'val', 'test')
# One colour of the original for each class, and black for void, by class index.
HEXADECIMAL = '808080 40c000 000040 8000c0 40c080 c0c000 004040 404080 c080c0 c08040'
RGB = [tuple(bytes.fromhex(c)) for c in f'{HEXADECIMAL} c000c0 000000'.split()]
COLORS = dict(zip([*range(11), 255], RGB, strict=True))
LABELS = np.array(list(COLORS), np.uint8).reshape(3, 4).repeat(2, 0).repeat(2, 1)
STORED = np.where(LABELS > 10, 11, LABELS)  # as the index form has them


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array, np.uint8)).save(path)


def colored(labels):
    return np.array([[COLORS[value] for value in row] for row in labels.tolist()])


@pytest.fixture
def color(tmp_path):
    """The folders of the original, one frame in each split, at twice the size."""
    source = tmp_path / 'color'
    for split in SPLITS:
        labels = colored(LABELS).repeat(2, 0).repeat(2, 1)
        save(source / '701_StillsRaw_full' / f'{split}0.png', np.full((12, 16, 3), 90))
        save(source / 'LabeledApproved_full' / f'{split}0_L.png', labels)
        (source / f'{split}.txt').write_text(f'{split}0\n\n')
    return source


@pytest.fixture
def index(tmp_path):
    """The folders of the SegNet tutorial, one frame in each split."""
    source = tmp_path / 'index'
    for split in SPLITS:
        save(source / split / f'{split}0.png', np.full((6, 8, 3), 90))
        save(source / f'{split}annot' / f'{split}0.png', STORED)
    return source


@pytest.fixture
def run(tmp_path, capsys):
    def run(source, *options, out='out', size=('6', '8')):
        argv = [str(source), '--out', str(tmp_path / out), '--size', *size, *options]
        code = camvid.main(argv)
        return code, capsys.readouterr().err.strip()

    return run


def read(out, split='train'):
    prefix = dict(img_path=f'images/{split}', seg_map_path=f'annotations/{split}')
    dataset = CamVidDataset(
        data_root=str(out),
        data_prefix=prefix,
        pipeline=[LoadLabels(num_classes=11)],
    )
    return dataset[0]['gt_seg_map']


def test_both_forms_give_the_classes(run, color, index, tmp_path):
    assert run(color, '--splits', str(color), out='a')[0] == 0
    assert run(index, out='b')[0] == 0
    for out in ('a', 'b'):
        for split in SPLITS:
            np.testing.assert_array_equal(read(tmp_path / out, split), LABELS)


def test_control_one_pixel_of_another_class_is_seen(run, color, tmp_path):
    labels = colored(LABELS).repeat(2, 0).repeat(2, 1)
    labels[:2, :2] = COLORS[5]
    save(color / 'LabeledApproved_full/train0_L.png', labels)
    run(color, '--splits', str(color))
    assert np.count_nonzero(read(tmp_path / 'out') != LABELS) == 1


def test_the_table_has_32_colours_in_the_order_of_the_dataset():
    assert len(camvid.CLASS_OF) == 32
    assert set(camvid.CLASS_OF.values()) == {*range(11), 255}
    for index, name in enumerate(CamVidDataset.METAINFO['classes']):
        if name in ('Sky', 'Building', 'Road', 'Tree', 'Fence', 'Car'):
            assert camvid.GROUPS[index].startswith(f'{name}=')


def test_images_are_resized(run, color, tmp_path):
    run(color, '--splits', str(color))
    assert Image.open(tmp_path / 'out/images/val/val0.jpg').size == (8, 6)


def test_other_folders_and_split_files_of_path_pairs(run, index, tmp_path):
    for split in SPLITS:
        (index / split).rename(index / f'{split}_images')
        line = f'/data/{split}/{split}0.png /data/{split}annot/{split}0.png\n'
        (index / f'{split}.txt').write_text(line)
    assert run(index, '--images', '{split}_images', '--splits', str(index))[0] == 0
    np.testing.assert_array_equal(read(tmp_path / 'out'), LABELS)


def cut(path):
    path.write_bytes(path.read_bytes()[:45])


def replace_by(make):
    def replace(path):
        path.unlink()
        make(path)

    return replace


def make_socket(path):
    os.mknod(path, stat.S_IFSOCK | 0o600)


def link(target):
    return lambda path: path.symlink_to(target or path)


def store_floats(value):
    floats = Image.fromarray(np.full((6, 8), value, np.float32))
    return lambda path: floats.save(path, 'TIFF')


def claim_pixels(count):
    """Change the width in the header of a PNG."""

    def claim(path):
        content = bytearray(path.read_bytes())
        content[16:20] = struct.pack('>I', count // 6)
        content[29:33] = struct.pack('>I', zlib.crc32(content[12:29]))
        path.write_bytes(content)

    return claim


def add_file(name):
    return lambda path: save(path.with_name(name), np.zeros((6, 8)))


def paint(path):
    labels = np.array(Image.open(path))
    labels[0, :3] = (1, 2, 3)
    save(path, labels)


def fill(*shape, value=0):
    return lambda path: save(path, np.full(shape, value))


STILL, COLOR_LABEL = '701_StillsRaw_full/val0.png', 'LabeledApproved_full/val0_L.png'
FAULTS = [  # form, file, what is done to it, the error
    ('index', 'valannot', shutil.rmtree, 'valannot is not a folder'),
    ('index', 'test/test0.png', Path.unlink, 'of the test split'),
    *(
        (form, file, spoil, f'{Path(file).name} is a folder, pipe or broken link')
        for form, file in (('index', 'val/val0.png'), ('color', COLOR_LABEL))
        for spoil in (
            replace_by(os.mkfifo),
            replace_by(make_socket),
            replace_by(Path.mkdir),
            replace_by(link('/dev/zero')),
            replace_by(link('nowhere')),
            replace_by(link(None)),
        )
    ),
    ('index', 'val/val0.png', add_file('val0.jpg'), 'are of one frame: remove one'),
    ('index', 'val/val0.png', add_file('val0_L.PNG'), 'are of one frame: remove one'),
    ('index', 'valannot/val0.png', add_file('val0_L.png'), 'are of one frame'),
    ('index', 'val/val0.png', cut, 'val/val0.png cannot be read'),
    ('index', 'val/val0.png', claim_pixels(100_000_000), 'exceeds limit of 89478485'),
    ('index', 'val/val0.png', claim_pixels(800_000_000), 'exceeds limit of 178956970'),
    (
        'index',
        'valannot/val0.png',
        claim_pixels(100_000_000),
        'valannot/val0.png cannot',
    ),
    ('index', 'val/val0.png', fill(5, 8, 3), 'must have one size: ((8, 5), (8, 6))'),
    ('index', 'valannot/val0.png', fill(6, 8, value=12), 'val0.png holds 12'),
    ('index', 'valannot/val0.png', store_floats(1.7), 'val0.png cannot be read as PNG'),
    ('index', 'valannot/val0.png', store_floats(np.nan), 'cannot be read as PNG'),
    ('index', 'valannot/val0.png', fill(6, 8, 3), '3 channels: give --form color'),
    ('color', 'val.txt', Path.unlink, 'val.txt is not a file: correct --splits'),
    ('color', 'val.txt', replace_by(os.mkfifo), 'val.txt is not a file'),
    ('color', 'val.txt', replace_by(link('/dev/zero')), 'val.txt is not a file'),
    ('color', 'val.txt', lambda path: path.write_bytes(b'\xff\n'), 'have no image'),
    ('color', STILL, Path.unlink, '1 of 1 frames of the val split have no image'),
    ('color', COLOR_LABEL, Path.unlink, 'have no label'),
    ('color', COLOR_LABEL, paint, 'val0_L.png has pixels of colour (1, 2, 3)'),
]


def fails(run, source, *options, **kwargs):
    """Return the one sentence of a run that must fail."""
    code, message = run(source, *options, **kwargs)
    assert code == 2
    assert '\n' not in message
    return message


def write_old_result(out):
    """Write what an earlier run left, and return all its files with their content."""
    save(out / 'images/train/old.jpg', np.zeros((6, 8, 3)))
    save(out / 'annotations/train/old.png', LABELS)
    return content_of(out)


def content_of(out):
    return {
        str(path.relative_to(out)): path.is_file() and path.read_bytes()
        for path in sorted(out.rglob('*'))
    }


@pytest.mark.parametrize(('form', 'file', 'spoil', 'words'), FAULTS)
def test_a_fault_is_named_and_changes_nothing(
    run, color, index, tmp_path, form, file, spoil, words
):
    source = dict(color=color, index=index)[form]
    spoil(source / file)
    options = ('--splits', str(source)) if form == 'color' else ()
    assert words in fails(run, source, *options)
    assert not list(tmp_path.glob('out/*'))
    old = write_old_result(tmp_path / 'out')
    assert words in fails(run, source, *options, '--overwrite')
    assert content_of(tmp_path / 'out') == old


def test_missing_arguments_are_named(run, color, tmp_path):
    assert 'nowhere has no folder' in fails(run, tmp_path / 'nowhere')
    assert 'give --form' in fails(run, tmp_path)
    assert '--splits' in fails(run, color)


def test_an_output_is_replaced_only_on_request_and_as_a_whole(run, index, tmp_path):
    run(index)
    assert 'give --overwrite' in fails(run, index)
    labels = index / 'testannot/test0.png'
    save(index / 'trainannot/train0.png', LABELS * 0)
    save(labels, np.full((6, 8), 12))
    fails(run, index, '--overwrite')
    np.testing.assert_array_equal(read(tmp_path / 'out'), LABELS)
    save(labels, LABELS * 0)
    assert run(index, '--overwrite')[0] == 0
    assert not read(tmp_path / 'out').any()


OLD = ['images', 'annotations']
MOVES = [  # what lies under --out before each move of --overwrite
    [*OLD],
    ['annotations', 'old-images'],
    ['old-images', 'old-annotations'],
    ['old-images', 'old-annotations', 'new annotations'],
]


@pytest.mark.parametrize(('count', 'left'), [*enumerate(MOVES)])
def test_a_swap_that_fails_never_leaves_old_beside_new(
    run, index, tmp_path, monkeypatch, count, left
):
    out = tmp_path / 'out'
    old, rename, moves = write_old_result(out), Path.rename, []

    def overwrite(*failures):
        def fail(path, target):
            moves.append(path)
            if len(moves) - 1 in failures:
                raise PermissionError(f'{path} cannot be moved')
            return rename(path, target)

        moves.clear()
        with monkeypatch.context() as patch:
            patch.setattr(Path, 'rename', fail)
            return run(index, '--overwrite')

    assert 'cannot be moved' in overwrite(count)[1]
    assert content_of(out) == old
    overwrite(*range(count, 10))  # no move back either, as if the process is killed
    kept = {name for name in OLD if list(out.glob(f'{name}/train/old.*'))}
    new = {f'new {name}' for name in OLD if list(out.glob(f'{name}/train/train0.*'))}
    saved = {path.name.removeprefix('.unfinished-') for path in out.glob('.*-old-*')}
    assert kept | new | saved == set(left)
    if saved:
        assert 'is from a run that stopped' in fails(run, index, '--overwrite')
    for path in out.glob('.unfinished-*'):  # what the error says
        path.rename(tmp_path / path.name)
    assert run(index, '--overwrite')[0] == 0
    assert sorted(os.listdir(out)) == sorted(OLD)
    np.testing.assert_array_equal(read(out), LABELS)


@pytest.mark.parametrize(
    ('place', 'make', 'words'),
    [
        ('images', link('..'), 'out/images is a link or a file: remove it'),
        ('annotations', link(None), 'out/annotations is a link or a file'),
        ('images', link('nowhere'), 'out/images is a link or a file'),
        ('images', Path.touch, 'out/images is a link or a file'),
        ('images', os.mkfifo, 'out/images is a link or a file'),
        ('', Path.touch, 'out is not a folder: give another --out'),
        ('', link(None), 'out is not a folder'),
        ('', link('nowhere'), 'out is not a folder'),
        ('.unfinished-x', Path.mkdir, '.unfinished-x is from a run that stopped'),
    ],
)
def test_a_wrong_place_is_refused(run, index, tmp_path, place, make, words):
    if place:
        (tmp_path / 'out').mkdir()
    path = tmp_path / 'out' / place
    make(path)
    mode, before = path.lstat().st_mode, os.listdir(tmp_path)
    assert words in fails(run, index, '--overwrite')
    assert path.lstat().st_mode == mode
    assert os.listdir(tmp_path) == before
    assert not place or os.listdir(tmp_path / 'out') == [place]


def test_the_source_is_never_overwritten(run, index, tmp_path):
    index.rename(tmp_path / 'images')
    options = ('--overwrite', '--form', 'index')
    message = fails(run, tmp_path / 'images', *options, out='.')
    assert 'holds the source itself' in message
    assert len(list(tmp_path.glob('images/*/*.png'))) == 6


def test_from_the_command_line(index, tmp_path):
    def convert(source):
        command = [sys.executable, SCRIPT, source, '--out', tmp_path / 'out']
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert convert(index).returncode == 0
    assert (tmp_path / 'out/images/test/test0.jpg').is_file()
    failed = convert(tmp_path / 'nowhere')
    assert (failed.returncode, failed.stderr.count('\n')) == (2, 2)
