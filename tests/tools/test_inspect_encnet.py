"""tools/inspect_encnet.py on a tiny EncNet of random weights and an embedded scene."""

import cv2
import numpy as np
import pytest
import torch
from inspected import CHANNELS, CODES, write_encnet, write_street
from tool_modules import import_tool

from mmseg_plugins.datasets.scenes import CLASSES

tool = import_tool('inspect_encnet')
load = import_tool('inspect_image').load


@pytest.fixture
def files(tmp_path_factory) -> tuple[str, str, str]:
    """Config, checkpoint, image."""
    folder = tmp_path_factory.mktemp('encnet')
    return *write_encnet(folder, 'encnet'), write_street(folder)


def test_the_numbers_are_what_their_names_say(files):
    config, checkpoint, image = files
    seen = tool.look(*load(config, checkpoint, tool.check), image)
    assert seen['assignment'].shape == (CODES, 7, 9)
    np.testing.assert_allclose(seen['assignment'].sum(0), 1, rtol=1e-5)
    assert seen['assignment'].std() > 1e-3
    assert seen['gates'].shape == (CHANNELS,)
    assert seen['presence'].shape == (len(CLASSES),)
    for name in ('gates', 'presence', 'assignment'):
        assert seen[name].min() >= 0
        assert seen[name].max() <= 1
    np.testing.assert_array_equal(seen['image'][..., ::-1], cv2.imread(image))
    assert set(np.unique(seen['labels'])) <= set(range(len(CLASSES)))


def test_they_are_those_of_the_network_by_hand(files):
    """The head's parts, applied one after another, without hooks."""
    config, checkpoint, image = files
    model, cfg = load(config, checkpoint, tool.check)
    seen = tool.look(model, cfg, image)
    pixels = torch.from_numpy(cv2.imread(image)).permute(2, 0, 1)
    batch = dict(inputs=[pixels], data_samples=None)
    levels = model.extract_feat(model.data_preprocessor(batch)['inputs'])
    head, module = model.decode_head, model.decode_head.enc_module
    x = head.bottleneck(levels[3])
    x = torch.cat(
        [x, head.lateral_convs[0](levels[1]), head.lateral_convs[1](levels[2])], 1
    )
    x = module.encoding_project(head.fusion(x))
    encoding = module.encoding[0]
    residuals = x.flatten(2).transpose(1, 2)[0, :, None] - encoding.codewords
    weights = (encoding.scale * residuals.square().sum(2)).softmax(1)
    found = seen['assignment'].reshape(CODES, -1).T
    np.testing.assert_allclose(found, weights.numpy(), rtol=1e-3, atol=1e-6)
    wrong = (-encoding.scale * residuals.square().sum(2)).softmax(1).numpy()
    assert abs(found - wrong).max() > 0.1  # control
    code = module.encoding(x).mean(1)
    np.testing.assert_allclose(seen['gates'], module.fc(code)[0].numpy(), rtol=1e-4)
    presence = head.se_layer(code).sigmoid()[0].numpy()
    np.testing.assert_allclose(seen['presence'], presence, rtol=1e-4)


def test_without_an_se_branch_presence_is_empty(files, tmp_path):
    config, checkpoint = write_encnet(tmp_path, 'plain', use_se_loss=False)
    tool.main([config, checkpoint, files[2], '--out-dir', str(tmp_path)])
    assert (tmp_path / 'street.png').is_file()
    seen = tool.look(*load(config, checkpoint, tool.check), files[2])
    assert seen['presence'].size == 0
