import draw_scenes
import numpy as np
import predict
import pytest
import tifffile
import torch
from mmengine.config import Config
from mmengine.structures import PixelData
from mmseg.registry import MODELS, TRANSFORMS
from mmseg.structures import SegDataSample
from PIL import Image

from mmseg_plugins.data_preprocessor import MultiChannelDataPreProcessor
from mmseg_plugins.datasets import FolderDataset, LoadMultiChannelImage, multi_channel
from mmseg_plugins.datasets.file_checks import check_files
from mmseg_plugins.run_folder import TRAINED
from tests.faults import small_run
from tests.tools.tiny_training import ROOT

CONFIG = ROOT / 'configs/fcn/fcn-2s_vgg13-slim-4ch_1xb8-400_scenes-192x256.py'
NOISE = np.random.default_rng(0)


def make_image(channels: int, dtype: str = 'uint16') -> np.ndarray:
    return NOISE.integers(0, 250, (6, 8, channels)).astype(dtype)


def write(path, image) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == '.npy':
        np.save(path, image)
    else:
        tifffile.imwrite(path, image, photometric='minisblack')
    return str(path)


@pytest.mark.one_line
@pytest.mark.parametrize('name', ['a.tif', 'a.TIFF', 'a.npy'])
@pytest.mark.parametrize('dtype', ['uint8', 'uint16', 'float32'])
@pytest.mark.parametrize('channels', [1, 2, 4, 5])
def test_channels_first_and_last_load_alike(tmp_path, name, dtype, channels):
    image = make_image(channels, dtype)
    for number, stored in enumerate([image, image.transpose(2, 0, 1), image.squeeze()]):
        path = write(tmp_path / str(number) / name, stored)
        results = LoadMultiChannelImage()(dict(img_path=path))
        np.testing.assert_array_equal(results['img'], image)
        assert results['img'].dtype == np.float32
        assert results['img_shape'] == results['ori_shape'] == (6, 8)


@pytest.mark.one_line
def test_the_layout_decides_where_the_shape_does_not(tmp_path):
    path = write(tmp_path / 'a.npy', np.zeros((6, 6, 8), np.uint8))
    with pytest.raises(ValueError, match=r"shape \(6, 6, 8\): .* set layout='HWC'"):
        LoadMultiChannelImage().read(path)
    assert LoadMultiChannelImage(layout='HWC').read(path).shape == (6, 6, 8)
    assert LoadMultiChannelImage(layout='CHW').read(path).shape == (6, 8, 6)


@pytest.mark.one_line
@pytest.mark.parametrize(
    ('name', 'image', 'words'),
    [
        ('a.npy', np.zeros((6, 8, 4)), 'data type float64: must be one of'),
        ('a.tif', np.zeros((6, 8), np.int32), 'data type int32: must be one of'),
        ('a.npy', np.full((6, 8), np.nan, np.float32), 'NaN or infinite values'),
        ('a.npy', np.zeros((2, 6, 8, 4), np.uint8), r'shape \(2, 6, 8, 4\)'),
        ('a.npy', np.array([{}]), 'a.npy cannot be decoded'),  # a pickle
    ],
)
def test_a_wrong_array_is_refused(tmp_path, name, image, words):
    path = write(tmp_path / name, image)
    with pytest.raises(ValueError, match=words):
        LoadMultiChannelImage().read(path)


@pytest.mark.one_line
@pytest.mark.parametrize('name', ['a.tif', 'a.npy'])
@pytest.mark.parametrize('share', [0, 0.1, 0.5])
def test_a_truncated_file_is_refused(tmp_path, name, share):
    path = tmp_path / name
    write(path, make_image(4).transpose(2, 0, 1))
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=f'{name} cannot be decoded: .* restore it'):
        LoadMultiChannelImage().read(str(path))


@pytest.mark.one_line
def test_without_tifffile_the_error_names_the_extra(tmp_path, monkeypatch):
    path = write(tmp_path / 'a.tif', make_image(4))
    monkeypatch.setattr(multi_channel, 'tifffile', None)
    with pytest.raises(ValueError, match=r"pip install 'mmseg-plugins\[channels\]'"):
        LoadMultiChannelImage().read(path)


@pytest.mark.one_line
def test_pictures_show_the_bands():
    image = make_image(5, 'uint8')
    np.testing.assert_array_equal(
        LoadMultiChannelImage(bands=(4, 0, 2)).draw(image), image[..., [4, 0, 2]]
    )
    first = image[..., :1].repeat(3, 2)
    np.testing.assert_array_equal(LoadMultiChannelImage(bands=[0]).draw(image), first)
    np.testing.assert_array_equal(LoadMultiChannelImage().draw(image[..., :2]), first)
    ramp = np.linspace(-500, 1500, 101, dtype=np.float32).reshape(1, 101, 1)
    picture = LoadMultiChannelImage().draw(ramp)[0, :, 0]
    assert picture[[0, 2, 50, 98, 100]].tolist() == [0, 0, 128, 255, 255]
    assert not LoadMultiChannelImage().draw(np.ones_like(ramp)).any()
    with pytest.raises(ValueError, match=r'bands=\(0, 1, 5\): the image has 5'):
        LoadMultiChannelImage(bands=(0, 1, 5)).draw(image)


@pytest.mark.parametrize('channels', [1, 4, 8])
def test_the_steps_of_mmseg_keep_all_channels(channels):
    steps = [
        dict(type='RandomResize', scale=(16, 12), ratio_range=(0.9, 2)),
        dict(type='Resize', scale=(16, 12)),
        dict(type='RandomCrop', crop_size=(8, 10), cat_max_ratio=0.75),
        dict(type='RandomFlip', prob=1.0),
        dict(type='PackSegInputs'),
    ]
    image = make_image(channels, 'float32')
    results = dict(img=image, gt_seg_map=image[..., 0].astype(np.uint8) % 3)
    results |= dict(img_shape=(6, 8), seg_fields=['gt_seg_map'])
    for step in steps:
        results = TRANSFORMS.build(step)(results)
    assert results['inputs'].shape == (channels, 8, 10)
    assert results['inputs'].dtype == torch.float32


@pytest.mark.parametrize('channels', [1, 2, 4, 5])
def test_the_preprocessor_normalizes_pads_and_stacks(channels):
    mean, std = torch.arange(1.0, channels + 1), torch.arange(2.0, channels + 2)
    images = [torch.rand(channels, 6, width) for width in (8, 7)]
    labels = [torch.ones(1, *image.shape[1:], dtype=torch.long) for image in images]
    samples = [SegDataSample() for _ in images]
    for sample, label in zip(samples, labels, strict=True):
        sample.set_data(dict(gt_sem_seg=PixelData(data=label)))
    layer = MODELS.build(
        dict(
            type='mmseg_plugins.MultiChannelDataPreProcessor',
            mean=mean.tolist(),
            std=std.tolist(),
            size=(8, 8),
            pad_val=-1,
            test_cfg=dict(size_divisor=4),
        )
    )
    x = layer(dict(inputs=images, data_samples=samples), True)['inputs']
    assert x.shape == (2, channels, 8, 8)
    expected = (images[1] - mean[:, None, None]) / std[:, None, None]
    torch.testing.assert_close(x[1, :, :6, :7], expected)
    assert (x[:, :, 6:] == -1).all()
    data = dict(inputs=images[1:], data_samples=samples[1:])
    assert layer(data)['inputs'].shape == (1, channels, 8, 8)
    with pytest.raises(ValueError, match=f'has 9 channels, but mean has {channels}'):
        layer(dict(inputs=[torch.zeros(9, 6, 8)], data_samples=samples[:1]))
    assert not layer.state_dict()


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (dict(mean=[1, 2], std=[1]), 'mean has 2 values and std 1'),
        (dict(mean=[], std=[]), 'mean has 0 values and std 0'),
        (dict(mean=[1, 2], std=[1, 0]), r'std=\[1, 0\]: .* greater than 0'),
        (dict(mean=[1], std=[1], bgr_to_rgb=True), 'bgr_to_rgb=True: must be False'),
    ],
)
def test_the_preprocessor_refuses(arguments, words):
    with pytest.raises(ValueError, match=words):
        MultiChannelDataPreProcessor(**arguments)


@pytest.mark.one_line
def test_files_are_checked_with_all_their_channels(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    for name, channels in dict(a=4, b=4, c=5).items():
        write(tmp_path / f'images/{name}.npy', make_image(channels))
        (tmp_path / 'masks').mkdir(exist_ok=True)
        Image.new('L', (8, 6)).save(tmp_path / f'masks/{name}.png')
    dataset = FolderDataset(
        data_root=str(tmp_path),
        metainfo=dict(classes=('sky', 'road')),
        img_suffix='.npy',
        pipeline=[dict(type='mmseg_plugins.LoadMultiChannelImage')],
    )
    with pytest.raises(ValueError, match=r'c\.npy has 5 channels, but mean .* 4 val'):
        check_files(dataset, channels=4)
    write(tmp_path / 'images/c.npy', make_image(4))
    pixels, digests = check_files(dataset, channels=4)
    assert pixels == {0: 3 * 6 * 8}
    assert len(set(digests.values())) == 3


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """Train four channels from the weights of three, two iterations, and test."""
    root = tmp_path_factory.mktemp('run')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(draw_scenes, 'SPLITS', dict(train=(0, 3), val=(3, 2)))
        options = ['--channels', '4', '--size', '64', '96']
        assert draw_scenes.main(['--out', str(root / 'data'), *options]) == 0
    cfg = Config.fromfile(CONFIG)
    (weights,) = TRAINED['scenes'].glob('*.pth')
    for part in ('train', 'val', 'test'):
        cfg[f'{part}_dataloader'].update(num_workers=0, persistent_workers=False)
        cfg[f'{part}_dataloader'].dataset.data_root = str(root / 'data')
    cfg.train_dataloader.batch_size = 2
    cfg.merge_from_dict(
        {
            'load_from': str(weights),
            'model.data_preprocessor.size': (64, 96),
            'train_cfg.max_iters': 2,
            'train_cfg.val_interval': 2,
            'default_hooks.checkpoint.interval': 2,
            'default_hooks.visualization.draw': True,
            'default_hooks.visualization.interval': 1,
            'visualizer.save_dir': str(root / 'shown'),
            'visualizer.name': 'bands',  # mmengine keeps one of each name
            'work_dir': str(root / 'work'),
        }
    )
    runner = small_run.train(cfg)
    runner.test()
    cfg.dump(root / 'work/config.py')
    return runner, root, weights


def test_the_stem_keeps_the_weights_and_learns_the_fourth_channel(run):
    runner, _, weights = run
    key = 'backbone.conv1_1.conv.weight'
    before = small_run.load(weights)['state_dict'][key].float()
    after = runner.model.state_dict()[key]
    assert after.shape[1] == 4
    # Two steps of AdamW with a warm-up change a weight by 0.002 at most.
    torch.testing.assert_close(after[:, :3], 0.75 * before, rtol=0, atol=0.002)
    moved = (after[:, 3] - 0.75 * before.mean(1)).abs()
    assert 0 < moved.max() <= 0.002


def test_pictures_of_a_run_show_the_bands(run):
    _, root, _ = run
    image, _ = draw_scenes.draw_channels(3, (64, 96), 4)
    bands = LoadMultiChannelImage(bands=(3, 0, 1)).draw(image)
    drawn = np.asarray(Image.open(root / 'work/report/images/sample_0_image.png'))
    np.testing.assert_array_equal(drawn, bands)
    assert (root / 'work/report/images/network_0.png').is_file()
    shown = (root / 'shown').rglob('test_*.png')
    names = {path.name.rpartition('_')[0] for path in shown}  # without the iteration
    assert names == {'test_0000003.tif', 'test_0000004.tif'}


def test_predict_reads_the_files(run, capsys):
    _, root, _ = run
    config, (checkpoint, *_) = root / 'work/config.py', (root / 'work').glob('*.pth')
    out = root / 'predictions'
    (root / 'data/images/val/drive.mp4').touch()  # no video has four channels
    folder = root / 'data/images/val'
    predict.main([str(config), str(checkpoint), str(folder), '--out-dir', str(out)])
    assert f'2 of 2 are in {out}' in capsys.readouterr().out
    assert Image.open(out / '0000003.png').size == (96, 64)
    assert (out / '0000003_overlay.jpg').is_file()
