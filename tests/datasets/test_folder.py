from pathlib import Path

import numpy as np
import pytest
from mmengine.logging import MMLogger
from PIL import Image

from mmseg_plugins.datasets import FolderDataset, LoadLabels

pytestmark = pytest.mark.one_line


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))


LABELS = np.arange(48, dtype=np.uint8).reshape(6, 8) % 3
COLOURS = dict(sky=[0, 0, 255], road=[128, 64, 128], car=[64, 0, 128])
CLASSES = dict(metainfo=dict(classes=('sky', 'road', 'car')))


def save(path: Path, array, palette=None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.asarray(array, np.uint8))
    if palette is not None:
        image.putpalette(palette)
    image.save(path)


def write(root: Path, names, mask='{}.png', labels=LABELS, **kwargs) -> Path:
    """Write images, whose names have suffixes, and their masks."""
    for number, name in enumerate(names):
        save(root / 'images' / name, np.full((6, 8, 3), 10 * number))
        save(root / 'masks' / mask.format(Path(name).with_suffix('')), labels, **kwargs)
    return root


def make(root: Path, **kwargs) -> FolderDataset:
    shared = CLASSES | dict(serialize_data=False)  # to serialize is slow
    return FolderDataset(data_root=str(root), **shared | kwargs)


def names_of(dataset: FolderDataset) -> list[tuple]:
    paths = [(entry['img_path'], entry.get('seg_map_path')) for entry in dataset]
    return [tuple(path and Path(path).name for path in pair) for pair in paths]


@pytest.mark.parametrize('mask', ['{}.png', '{}_mask.png', '{}_gt.TIF'])
def test_usual_suffixes_are_found_whatever_their_case(tmp_path, mask):
    images = ['a.JPG', 'b.jpeg', 'c.PNG', 'd.bmp', 'e.Tif', 'f.webp', 'sub/g.jpg']
    write(tmp_path, images, mask)
    (tmp_path / 'images/notes.txt').write_text('not an image')
    found = names_of(make(tmp_path))
    stems = 'abcdefg'
    assert found == [
        (Path(image).name, mask.format(stem))
        for image, stem in zip(images, stems, strict=True)
    ]
    assert names_of(make(tmp_path, data_prefix=dict(img_path='images')))[0][1] is None


def test_suffixes_that_are_given(tmp_path):
    write(tmp_path, ['a_left.png', 'a_right.png', 'b_left.png'], mask='{}.png')
    for name in 'ab':
        save(tmp_path / f'masks/{name}_classes.png', LABELS)
    found = names_of(
        make(tmp_path, img_suffix='_left.png', seg_map_suffix='_classes.png')
    )
    assert found == [(f'{n}_left.png', f'{n}_classes.png') for n in 'ab']


def test_splits_are_disjoint_complete_and_reproducible(tmp_path):
    write(tmp_path, [f'{n:02}.jpg' for n in range(20)])
    splits = {s: names_of(make(tmp_path, split=s)) for s in ('train', 'val', 'test')}
    assert [len(names) for names in splits.values()] == [16, 2, 2]
    assert sorted(pair for names in splits.values() for pair in names) == names_of(
        make(tmp_path)
    )
    assert splits['val'] == [('01.jpg', '01.png'), ('11.jpg', '11.png')]
    assert names_of(make(tmp_path, split='val', split_seed=1)) != splits['val']
    with pytest.raises(ValueError, match=r"split='test' .*\(0.9, 0.1, 0\): .* none of"):
        make(tmp_path, split='test', split_shares=(0.9, 0.1, 0))


def test_sub_folders_are_splits(tmp_path):
    write(tmp_path, ['train/a.jpg', 'train/b.jpg', 'val/c.jpg'])
    assert names_of(make(tmp_path, split='val')) == [('c.jpg', 'c.png')]
    assert len(make(tmp_path)) == 3
    with pytest.raises(FileNotFoundError, match=r'/test does not .*, but train'):
        make(tmp_path, split='test')


@pytest.mark.parametrize(
    'text',
    ['a b\nd\n\n', 'a b.JPG\n d.png', 'images/a b.JPG\nimages/d.png',
     'a b\nimages/d.png masks/c.png', 'a b\r\nd.png, c.png\r\n'],
)  # fmt: skip
def test_split_files_have_names_files_or_pairs(tmp_path, text):
    write(tmp_path, ['a b.JPG', 'c.png', 'd.png'])
    (tmp_path / 'train.txt').write_text(text)
    mask = 'c.png' if 'c.png' in text else 'd.png'
    found = names_of(make(tmp_path, ann_file='train.txt', split='train'))
    assert found == [('a b.JPG', 'a b.png'), ('d.png', mask)]


@pytest.mark.parametrize('suffix', ['_mask.png', '.png'])
def test_images_and_masks_in_one_folder(tmp_path, suffix):
    for name in 'ab':
        save(tmp_path / f'{name}.jpg', np.zeros((6, 8, 3)))
        save(tmp_path / f'{name}{suffix}', LABELS)
    arguments = dict(
        data_prefix=dict(img_path='', seg_map_path=''), seg_map_suffix=suffix
    )
    found = [(f'{name}.jpg', f'{name}{suffix}') for name in 'ab']
    assert names_of(make(tmp_path, **arguments)) == found


@pytest.mark.parametrize(
    'text', ['sky 0 0 255\nroad 128,64,128\ncar\t64 0 128\n', '\ufeffa\nb c']
)
def test_classes_of_a_file(tmp_path, text):
    write(tmp_path, ['a.jpg'], labels=LABELS % 2)
    (tmp_path / 'classes.txt').write_text(text)
    dataset = make(tmp_path, class_file='classes.txt', metainfo=None)
    names = list(COLOURS) if 'sky' in text else ['a', 'b c']
    assert dataset.metainfo['classes'] == names
    assert dataset[0]['num_classes'] == len(names)
    if 'sky' in text:
        assert dataset.metainfo['palette'] == list(COLOURS.values())


def test_classes_and_palette_of_the_masks(tmp_path):
    palette = [*range(30, 39)]
    write(tmp_path, ['a.jpg', 'b.jpg'], palette=palette)
    metainfo = make(tmp_path, split='val', metainfo=None, split_shares=(0.5, 0.5, 0))
    assert metainfo.metainfo['classes'] == ['class 0', 'class 1', 'class 2']
    assert metainfo.metainfo['palette'] == np.reshape(palette, (3, 3)).tolist()
    write(tmp_path, ['a.jpg', 'b.jpg'], labels=np.where(LABELS == 1, 255, LABELS))
    assert len(make(tmp_path, metainfo=None).metainfo['classes']) == 3


@pytest.mark.parametrize('given_by', ['colours', 'class_file'])
def test_colours_become_labels(tmp_path, given_by):
    colours = COLOURS | dict(ignore=[0, 0, 0])
    table = np.array([*colours.values()])
    write(tmp_path, ['a.jpg'], labels=table[(LABELS + 1) % 4])
    if given_by == 'class_file':
        lines = [f'{name} {r} {g} {b}' for name, (r, g, b) in colours.items()]
        (tmp_path / 'classes.txt').write_text('\n'.join(lines))
        colours = None
    arguments = dict(colours=colours) if colours else dict(class_file='classes.txt')
    dataset = make(tmp_path, metainfo=None, pipeline=[LoadLabels()], **arguments)
    labels = dataset[0]['gt_seg_map']
    np.testing.assert_array_equal(labels, np.where(LABELS == 2, 255, LABELS + 1))
    assert dataset.metainfo['classes'] == list(COLOURS)
    save(tmp_path / 'masks/a.png', np.full((6, 8, 3), 7))
    with pytest.raises(ValueError, match=r'masks/a\.png has the colour \[7, 7, 7\]'):
        dataset[0]


@pytest.mark.parametrize('mode', ['L', 'P', '1', 'RGB'])
def test_grey_colours_turn_masks_of_0_and_255_into_labels(tmp_path, mode):
    mask = Image.fromarray((LABELS == 1).astype(np.uint8) * 255)
    write(tmp_path, ['a.jpg'])
    mask.convert(mode).save(tmp_path / 'masks/a.png')
    colours = dict(ground=[0, 0, 0], crack=[255, 255, 255])
    dataset = make(tmp_path, metainfo=None, colours=colours, pipeline=[LoadLabels()])
    np.testing.assert_array_equal(dataset[0]['gt_seg_map'], LABELS == 1)


def remove(*paths):
    return lambda root: [(root / path).unlink() for path in paths]


def text(name, content):
    return lambda root: (root / name).write_text(content)


MASKS = [f'masks/{name}.png' for name in 'abc']
WRONG = [
    (None, dict(data_prefix=dict(img_path='imgs')), 'img_path=.*/imgs does not exist'),
    (None, dict(data_root='/nowhere'), 'data_root=/nowhere does not exist'),
    (remove(*MASKS), {}, 'seg_map_suffix=.*/masks has no such file'),
    (remove('images/a.jpg', 'images/b.jpg', 'images/c.jpg'), {}, '/images has no such'),
    (remove(MASKS[1]), {}, r'1 of 3 images have .*images/b\.jpg needs .*masks/b\.png '),
    (lambda root: [(root / path).rename(root / f'{path[:-4]}_x.png') for path in MASKS],
     {}, r"3 of 3 .* needs .*/masks/a\.png .*a_x\.png.* seg_map_suffix='_word\.png"),
    (lambda root: save(root / 'images/b.png', LABELS), {}, r'b\.jpg and .*b\.png have'),
    (text('images/b.jpg', ''), {}, r'images/b\.jpg is empty'),
    (None, dict(ann_file='trian.txt'), 'ann_file=.*/trian.txt is not a file'),
    (text('train.txt', 'a\nz.jpg'), dict(ann_file='train.txt'),
     r"train\.txt, line 2: 'z\.jpg' is not the name of an image"),
    (text('train.txt', 'a.jpg z.png'), dict(ann_file='train.txt'), 'line 1: .*z.png'),
    (text('train.txt', '\n'), dict(ann_file='train.txt'), r'train\.txt is empty'),
    (None, dict(split='training'), "split='training': must be one of"),
    (None, dict(split_shares=(0.8, 0.1)), r'split_shares=\(0\.8, 0\.1\): must be 3'),
    (None, dict(class_file='x.txt', metainfo=None), 'class_file=.*/x.txt is not'),
    (text('x.txt', 'a\na'), dict(class_file='x.txt', metainfo=None), "'a' twice"),
    (text('x.txt', 'a 1 2 3\nb'), dict(class_file='x.txt', metainfo=None), "for 'b'"),
    (text('x.txt', ''), dict(class_file='x.txt', metainfo=None), 'x.txt is empty'),
    (None, dict(class_file='x.txt'), 'leave out metainfo'),
    (None, dict(colours=dict(sky=[0, 0, 0])), "differ in 'car', 'road'"),
    (None, dict(colours=COLOURS | dict(car=[0, 0, 300])), r"colours\['car'\]="),
    (None, dict(colours=COLOURS | dict(car=[0, 0, 255])), r"\['sky', 'car'\] have the"),
    (lambda root: write(root, ['a.jpg'], labels=LABELS * 127), dict(metainfo=None),
     r'masks/a\.png have the labels \[0, 1, 2, 127, 254\]: .* "name 254 254 254"'),
    (lambda root: write(root, ['a.jpg', 'b.jpg', 'c.jpg'], labels=LABELS // 2 * 255),
     dict(metainfo=None), r'a\.png and all .* "background 0 0 0" and "object 255'),
    (None, dict(data_prefix=dict(img_path='images', seg_map_path='images/')),
     r"images has images and masks: set seg_map_suffix='_word\.png'"),
    (lambda root: (root / 'x.txt').write_bytes('Stra\xdfe'.encode('latin-1')),
     dict(class_file='x.txt', metainfo=None), r'x\.txt is not in UTF-8'),
    (None, dict(metainfo=dict(classes=[*map(str, range(300))])), '300 classes: must'),
]  # fmt: skip


@pytest.mark.parametrize(('change', 'arguments', 'message'), WRONG)
def test_what_is_wrong_is_named(tmp_path, change, arguments, message):
    write(tmp_path, ['a.jpg', 'b.jpg', 'c.jpg'])
    assert len(make(tmp_path)) == 3  # control
    if change:
        change(tmp_path)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        FolderDataset(**dict(data_root=str(tmp_path)) | CLASSES | arguments)


def test_masks_without_image_are_named(tmp_path, caplog):
    MMLogger.get_current_instance().addHandler(caplog.handler)
    write(tmp_path, ['a.jpg', 'b.jpg'])
    assert names_of(make(tmp_path)) == [('a.jpg', 'a.png'), ('b.jpg', 'b.png')]
    assert not caplog.text  # control
    (tmp_path / 'images/b.jpg').unlink()
    assert names_of(make(tmp_path)) == [('a.jpg', 'a.png')]
    assert '1 masks have no image; the first: ' in caplog.text
