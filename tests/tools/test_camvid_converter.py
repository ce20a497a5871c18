import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from tool_modules import ROOT, import_tool

from mmseg_plugins.datasets.camvid import CamVidDataset
from mmseg_plugins.datasets.loading import LoadLabels

SCRIPT = ROOT / 'tools/dataset_converters/camvid.py'
SPLITS = ('train', 'val', 'test')
# One colour of the original for each class, and void; by class index.
COLORS = {
    0: (128, 128, 128),
    1: (64, 192, 0),
    2: (0, 0, 64),
    3: (128, 0, 192),
    4: (64, 192, 128),
    5: (192, 192, 0),
    6: (0, 64, 64),
    7: (64, 64, 128),
    8: (192, 128, 192),
    9: (192, 128, 64),
    10: (192, 0, 192),
    255: (0, 0, 0),
}
LABELS = np.array(list(COLORS), np.uint8).reshape(3, 4).repeat(2, 0).repeat(2, 1)


@pytest.fixture(scope='module')
def converter():
    return import_tool('camvid', 'tools/dataset_converters')


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array, np.uint8)).save(path)


def colored(labels):
    return np.array([[COLORS[value] for value in row] for row in labels.tolist()])


@pytest.fixture
def color(tmp_path):
    """The original's folders, one frame for each split, at twice the size."""
    source = tmp_path / 'color'
    for split in SPLITS:
        labels = colored(LABELS).repeat(2, 0).repeat(2, 1)
        save(source / '701_StillsRaw_full' / f'{split}0.png', np.full((12, 16, 3), 90))
        save(source / 'LabeledApproved_full' / f'{split}0_L.png', labels)
        (source / f'{split}.txt').write_text(f'{split}0\n\n')
    return source


@pytest.fixture
def index(tmp_path):
    """The SegNet tutorial's folders, one frame for each split."""
    source = tmp_path / 'index'
    for split in SPLITS:
        save(source / split / f'{split}0.png', np.full((6, 8, 3), 90))
        save(
            source / f'{split}annot' / f'{split}0.png',
            np.where(LABELS > 10, 11, LABELS),
        )
    return source


@pytest.fixture
def run(converter, tmp_path, capsys):
    def run(source, *options, out='out', size=('6', '8')):
        argv = [str(source), '--out', str(tmp_path / out), '--size', *size, *options]
        code = converter.main(argv)
        return code, capsys.readouterr().err.strip()

    return run


def splits_of(source):
    return '--splits', str(source)


def read(out, split='train', **kwargs):
    prefix = dict(img_path=f'images/{split}', seg_map_path=f'annotations/{split}')
    dataset = CamVidDataset(
        data_root=str(out),
        data_prefix=prefix,
        pipeline=[LoadLabels(num_classes=11)],
        **kwargs,
    )
    return dataset[0]['gt_seg_map']


@pytest.mark.parametrize('split', SPLITS)
def test_color_form_gives_the_classes(run, color, tmp_path, split):
    assert run(color, *splits_of(color))[0] == 0
    np.testing.assert_array_equal(read(tmp_path / 'out', split), LABELS)


@pytest.mark.parametrize('split', SPLITS)
def test_index_form_gives_the_classes(run, index, tmp_path, split):
    assert run(index)[0] == 0
    np.testing.assert_array_equal(read(tmp_path / 'out', split), LABELS)


def test_a_label_painted_over_is_seen(run, color, tmp_path):
    """Control: one pixel of another class must not give the same labels."""
    labels = colored(LABELS).repeat(2, 0).repeat(2, 1)
    labels[:2, :2] = COLORS[5]
    save(color / 'LabeledApproved_full' / 'train0_L.png', labels)
    run(color, *splits_of(color))
    assert np.count_nonzero(read(tmp_path / 'out') != LABELS) == 1


def test_table_holds_the_32_colours(converter):
    assert len(converter.CLASS_OF) == 32


def test_table_has_the_classes_of_the_dataset(converter):
    assert set(converter.CLASS_OF.values()) == {*range(11), 255}


@pytest.mark.parametrize('name', ['Sky', 'Building', 'Road', 'Tree', 'Fence', 'Car'])
def test_table_is_in_the_order_of_the_dataset(converter, name):
    group = CamVidDataset.METAINFO['classes'].index(name)
    assert converter.GROUPS[group].startswith(f'{name}=')


def test_images_are_resized(run, color, tmp_path):
    run(color, *splits_of(color))
    assert Image.open(tmp_path / 'out/images/val/val0.jpg').size == (8, 6)


def test_size_may_stay(run, color, tmp_path):
    run(color, *splits_of(color), size=('12', '16'))
    assert read(tmp_path / 'out').shape == (12, 16)


def test_png_images(run, index, tmp_path):
    run(index, '--image-format', 'png')
    np.testing.assert_array_equal(read(tmp_path / 'out', img_suffix='.png'), LABELS)


def test_folders_of_other_names(run, color, tmp_path):
    for split in SPLITS:
        frame = color / '701_StillsRaw_full' / f'{split}0.png'
        save(color / split / f'{split}0.png', Image.open(frame))
        labels = Image.open(color / 'LabeledApproved_full' / f'{split}0_L.png')
        save(color / f'{split}_labels' / f'{split}0_L.png', labels)
    options = ('--form', 'color', '--images', '{split}', '--labels', '{split}_labels')
    assert run(color, *options)[0] == 0
    np.testing.assert_array_equal(read(tmp_path / 'out'), LABELS)


def test_split_file_of_path_pairs(run, index):
    for split in SPLITS:
        line = f'/data/{split}/{split}0.png /data/{split}annot/{split}0.png\n'
        (index / f'{split}.txt').write_text(line)
    assert run(index, *splits_of(index))[0] == 0


def fails(run, source, *options):
    """Return the one sentence of a run that must fail."""
    code, message = run(source, *options)
    assert code == 2
    assert '\n' not in message
    return message


def test_missing_source_is_named(run, tmp_path):
    assert 'nowhere does not exist' in fails(run, tmp_path / 'nowhere')


def test_unknown_form_is_told(run, tmp_path):
    (tmp_path / 'other').mkdir()
    assert 'say --form' in fails(run, tmp_path / 'other')


def test_original_without_split_is_told(run, color):
    assert 'give --splits' in fails(run, color)


def test_missing_split_file_is_named(run, color):
    (color / 'val.txt').unlink()
    assert 'val.txt does not exist' in fails(run, color, *splits_of(color))


def test_missing_folder_is_named(run, index):
    (index / 'valannot').rename(index / 'away')
    assert 'valannot does not exist' in fails(run, index)


@pytest.mark.parametrize('kind', ['image', 'label'])
def test_missing_frame_is_named(run, color, kind):
    if kind == 'image':
        (color / '701_StillsRaw_full' / 'val0.png').unlink()
    else:
        (color / 'LabeledApproved_full' / 'val0_L.png').unlink()
    message = fails(run, color, *splits_of(color))
    assert f'1 of 1 frames of the val split have no {kind}' in message
    assert 'val0' in message


def test_empty_split_is_an_error(run, index):
    (index / 'test' / 'test0.png').unlink()
    assert 'of the test split' in fails(run, index)


def test_unknown_colour_is_named_and_counted(run, color):
    path = color / 'LabeledApproved_full' / 'val0_L.png'
    labels = np.array(Image.open(path))
    labels[0, :3] = (1, 2, 3)
    save(path, labels)
    message = fails(run, color, *splits_of(color))
    assert 'val0_L.png has 3 pixels of colour (1, 2, 3)' in message


def test_white_is_an_unknown_colour(run, color):
    save(color / 'LabeledApproved_full' / 'val0_L.png', np.full((12, 16, 3), 255))
    assert 'colour (255, 255, 255)' in fails(run, color, *splits_of(color))


def test_unknown_index_is_named(run, index):
    save(index / 'valannot' / 'val0.png', np.full((6, 8), 12))
    assert 'val0.png holds 12' in fails(run, index)


def test_colours_in_the_index_form_are_told(run, index):
    save(index / 'valannot' / 'val0.png', np.zeros((6, 8, 3)))
    assert 'val0.png has 3 channels: say --form color' in fails(run, index)


@pytest.mark.parametrize('folder', ['val', 'valannot'])
def test_unreadable_file_is_named(run, index, folder):
    path = index / folder / 'val0.png'
    path.write_bytes(path.read_bytes()[:45])
    assert f'{folder}/val0.png cannot be read' in fails(run, index)


def test_sizes_that_differ_are_named(run, index):
    save(index / 'val' / 'val0.png', np.zeros((5, 8, 3)))
    assert 'val0.png is (8, 5), but' in fails(run, index)


def test_existing_output_is_kept(run, index, tmp_path):
    run(index)
    assert 'say --overwrite' in fails(run, index)


def test_overwrite_replaces_the_output(run, index, tmp_path):
    run(index)
    save(index / 'trainannot' / 'train0.png', LABELS * 0)
    run(index, '--overwrite')
    assert not read(tmp_path / 'out').any()


def test_failed_overwrite_keeps_the_former_output(run, index, tmp_path):
    run(index)
    save(index / 'testannot' / 'test0.png', np.full((6, 8), 12))
    fails(run, index, '--overwrite')
    np.testing.assert_array_equal(read(tmp_path / 'out'), LABELS)


def test_source_is_never_overwritten(run, index, tmp_path):
    index.rename(tmp_path / 'images')
    options = ('--overwrite', '--form', 'index')
    code, message = run(tmp_path / 'images', *options, out='.')
    assert (code, 'holds the source itself' in message) == (2, True)


def test_a_failure_leaves_nothing(run, index, tmp_path):
    save(index / 'testannot' / 'test0.png', np.full((6, 8), 12))
    fails(run, index)
    assert not list((tmp_path / 'out').iterdir())


def test_from_the_command_line(index, tmp_path):
    out = tmp_path / 'out'
    done = subprocess.run(
        [sys.executable, SCRIPT, index, '--out', out, '--size', '6', '8'],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, (out / 'images/test/test0.jpg').is_file()) == (0, True)


def test_from_the_command_line_a_mistake_is_one_sentence(tmp_path):
    done = subprocess.run(
        [sys.executable, SCRIPT, tmp_path / 'nowhere', '--out', tmp_path / 'out'],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.count('\n')) == (2, 2)
