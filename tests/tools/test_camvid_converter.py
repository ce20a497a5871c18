import os
import shutil
import subprocess
import sys
from pathlib import Path

import camvid
import numpy as np
import pytest
from PIL import Image

from mmseg_plugins.datasets.camvid import CamVidDataset
from mmseg_plugins.datasets.label_checks import LoadLabels
from tests.tools.tiny_training import ROOT

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


def make_pipe(path):
    path.unlink()
    os.mkfifo(path)


def store_floats(path):
    Image.fromarray(np.full((6, 8), 1.7, np.float32)).save(path, 'TIFF')


def add_second_file(path):
    save(path.with_name('val0_L.jpg'), np.zeros((6, 8, 3)))


def paint(path):
    labels = np.array(Image.open(path))
    labels[0, :3] = (1, 2, 3)
    save(path, labels)


def fill(*shape, value=0):
    return lambda path: save(path, np.full(shape, value))


STILL, COLOR_LABEL = '701_StillsRaw_full/val0.png', 'LabeledApproved_full/val0_L.png'
FAULTS = [  # form, file, what is done to it, the error
    ('index', 'valannot', shutil.rmtree, 'valannot does not exist'),
    ('index', 'test/test0.png', Path.unlink, 'of the test split'),
    ('index', 'val/val0.png', make_pipe, 'have no image'),
    ('index', 'val/val0.png', add_second_file, 'are of one frame'),
    ('index', 'val/val0.png', cut, 'val/val0.png cannot be read'),
    ('index', 'val/val0.png', fill(5, 8, 3), '(width, height) = (8, 5), but'),
    ('index', 'valannot/val0.png', fill(6, 8, value=12), 'val0.png holds 12'),
    ('index', 'valannot/val0.png', store_floats, 'val0.png holds 1.7'),
    ('index', 'valannot/val0.png', fill(6, 8, 3), '3 channels: give --form color'),
    ('color', 'val.txt', Path.unlink, 'val.txt'),
    ('color', STILL, Path.unlink, '1 of 1 frames of the val split have no image'),
    ('color', COLOR_LABEL, Path.unlink, 'have no label'),
    ('color', COLOR_LABEL, paint, 'val0_L.png has 3 pixels of colour (1, 2, 3)'),
]


def fails(run, source, *options, **kwargs):
    """Return the one sentence of a run that must fail."""
    code, message = run(source, *options, **kwargs)
    assert code == 2
    assert '\n' not in message
    return message


@pytest.mark.parametrize(('form', 'file', 'spoil', 'words'), FAULTS)
def test_a_fault_is_named_and_leaves_nothing(
    run, color, index, tmp_path, form, file, spoil, words
):
    source = dict(color=color, index=index)[form]
    spoil(source / file)
    options = ('--splits', str(source)) if form == 'color' else ()
    assert words in fails(run, source, *options)
    assert not list(tmp_path.glob('out/*'))


def test_a_huge_image_is_named(run, index, monkeypatch):
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 10)
    assert 'train0.png cannot be read' in fails(run, index)


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


def test_source_and_links_are_never_overwritten(run, index, tmp_path):
    options = ('--overwrite', '--form', 'index')
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/images').symlink_to(tmp_path)
    assert 'out/images is a link' in fails(run, index, *options)
    index.rename(tmp_path / 'images')
    message = fails(run, tmp_path / 'images', *options, out='.')
    assert 'holds the source itself' in message


def test_from_the_command_line(index, tmp_path):
    def convert(source):
        command = [sys.executable, SCRIPT, source, '--out', tmp_path / 'out']
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert convert(index).returncode == 0
    assert (tmp_path / 'out/images/test/test0.jpg').is_file()
    failed = convert(tmp_path / 'nowhere')
    assert (failed.returncode, failed.stderr.count('\n')) == (2, 2)
