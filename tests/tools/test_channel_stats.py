import channel_stats
import numpy as np
import pytest
from mmengine.config import Config
from mmseg.registry import DATASETS

from tests.tools.tiny_training import CONFIG

pytestmark = pytest.mark.one_line


def values_of(text: str) -> list:
    return [value for value in eval(f'dict({text})').values()]


def test_large_offsets_and_different_sizes_are_exact():
    noise = np.random.default_rng(0)
    shapes = [(5, 7, 4), (3, 9, 4), (1, 1, 4)]
    images = [noise.normal(1e6, 1, shape) for shape in shapes]
    pixels = np.concatenate([image.reshape(-1, 4) for image in images])
    mean, std = channel_stats.measure(images)
    np.testing.assert_allclose(mean, pixels.mean(0), rtol=1e-14)
    np.testing.assert_allclose(std, pixels.std(0), rtol=1e-9)


def test_a_folder_prints_lines_for_the_config(tmp_path, capsys):
    image = np.arange(6 * 8 * 4, dtype=np.uint16).reshape(6, 8, 4)
    (tmp_path / 'sub').mkdir()
    np.save(tmp_path / 'a.npy', image)
    np.save(tmp_path / 'sub/b.npy', image)
    channel_stats.main([str(tmp_path)])
    mean, std = values_of(capsys.readouterr().out)
    np.testing.assert_allclose(mean, image.mean((0, 1)), rtol=1e-5)
    np.testing.assert_allclose(std, image.std((0, 1)), rtol=1e-5)


def test_a_config_gets_values_in_the_order_of_its_mean(capsys):
    options = ['train_dataloader.dataset.num_scenes=3']
    channel_stats.main([str(CONFIG), '--cfg-options', *options])
    mean, _ = values_of(capsys.readouterr().out)
    cfg = Config.fromfile(CONFIG)
    dataset = DATASETS.build(cfg.train_dataloader.dataset | dict(num_scenes=3))
    load = dataset.pipeline.transforms[1]
    images = [load(dataset.get_data_info(index))['img'] for index in range(3)]
    np.testing.assert_allclose(mean, np.mean(images, (0, 1, 2))[::-1], rtol=1e-5)


@pytest.mark.parametrize(
    ('shapes', 'words'),
    [
        ([], 'has no file that ends with .tif, .tiff, .npy'),
        ([(6, 8, 4), (6, 8, 5)], 'has 5 channels, those before it have 4'),
    ],
)
def test_wrong_folders_end_in_a_sentence(tmp_path, shapes, words):
    for number, shape in enumerate(shapes):
        np.save(tmp_path / f'{number}.npy', np.zeros(shape, np.uint8))
    with pytest.raises(SystemExit, match=words):
        channel_stats.main([str(tmp_path)])
