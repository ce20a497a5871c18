"""tools/export.py: the files it writes, what they say of themselves, and refusals."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from export import main, write_verified
from exporting import FORMATS, ExportableNetwork, describe
from mmengine.config import Config, ConfigDict
from mmseg.models.decode_heads import FCNHead
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from networks import load_segmentor
from PIL import Image
from prediction import Predictor
from torch.nn import functional
from verification import compare, make_batches, open_exported, read_metadata

from mmseg_plugins.datasets.scenes import CLASSES, PALETTE, render_scene
from mmseg_plugins.run_folder import TRAINED, find_checkpoint, find_config

one_line = pytest.mark.one_line  # what depends on torch and not on the host
MODEL = [str(find_config(TRAINED['scenes'])), str(find_checkpoint(TRAINED['scenes']))]
NORMALIZE = dict(mean=[120.0, 110.0, 100.0], std=[60.0, 50.0, 40.0])
RGB = dict(type='SegDataPreProcessor', bgr_to_rgb=True, **NORMALIZE)
PADDED = dict(RGB, pad_val=3, test_cfg=dict(size_divisor=32))
TEST_DATA = dict(type='x', pipeline=[dict(type='Resize', scale=(640, 480))])
WHOLE = ConfigDict(mode='whole')


class OneConv(torch.nn.Conv2d):
    """A backbone of stride 4."""

    def __init__(self, in_channels: int = 3) -> None:
        super().__init__(in_channels, 4, 4, 4, 2)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [super().forward(x)]


class FixedResize(FCNHead):
    """A copy of a head whose graph has the size of the traced image."""

    def predict_by_feat(self, seg_logits, batch_img_metas):
        size = [int(side) for side in batch_img_metas[0]['img_shape']]
        return functional.interpolate(seg_logits, size, mode='bilinear')


class OtherResize(FCNHead):
    """A copy of a head that resizes in another way in a graph."""

    def predict_by_feat(self, seg_logits, batch_img_metas):
        in_graph = torch.compiler.is_compiling() or torch.jit.is_tracing()
        size = batch_img_metas[0]['img_shape']
        return functional.interpolate(seg_logits, size, None, 'bilinear', in_graph)


def build(head=FCNHead, preprocessor=RGB, channels=3, temperature=(1.0,), **arguments):
    """Build a small segmentor with random weights, as ``load_segmentor`` does."""
    torch.manual_seed(0)
    head = dict(type=head, in_channels=4, channels=4, num_convs=0, in_index=0)
    backbone = dict(type=OneConv, in_channels=channels)
    segmentor = MODELS.build(
        dict(
            type='EncoderDecoder',
            data_preprocessor=preprocessor,
            backbone=backbone,
            decode_head=head | dict(num_classes=5, concat_input=False) | arguments,
            test_cfg=WHOLE,
        )
    )
    segmentor.decode_head.conv_seg.weight.data.normal_()
    segmentor.temperature = torch.tensor(temperature)
    names = [str(label) for label in range(segmentor.num_classes)]
    segmentor.dataset_meta = dict(classes=names)
    segmentor.cfg = Config(dict(test_dataloader=dict(dataset=TEST_DATA)))
    return segmentor.eval()


@one_line
@pytest.mark.parametrize('suffix', FORMATS)
def test_a_file_has_its_outputs_and_metadata(suffix, tmp_path):
    outputs = ['confidence', 'labels', 'logits']
    segmentor = build(preprocessor=PADDED, temperature=(2.0,), align_corners=True)
    network = ExportableNetwork(segmentor, 'float32', outputs)
    path = tmp_path / f'net{suffix}'
    write_verified(network, path, [])
    metadata = read_metadata(path)
    assert metadata == json.loads(json.dumps(describe(network)))
    assert [*open_exported(path)(np.zeros((2, 3, 40, 50), np.float32))] == outputs
    assert metadata['input']['channel_order'] == 'RGB'
    assert metadata['resize'] == dict(scale=[640, 480], keep_ratio=False)
    assert metadata['temperature'] == [2]


class TwoOutputs(FCNHead):
    """A head like mmseg's EncHead: ``predict`` takes the first output."""

    def forward(self, inputs):
        return super().forward(inputs), None

    def predict(self, inputs, batch_img_metas, test_cfg):
        return self.predict_by_feat(self.forward(inputs)[0], batch_img_metas)


@one_line
@pytest.mark.parametrize('suffix', FORMATS)
def test_a_head_with_a_predict_of_its_own(suffix, tmp_path):
    path = tmp_path / f'net{suffix}'
    write_verified(ExportableNetwork(build(TwoOutputs)), path, [])


@one_line
@pytest.mark.parametrize('suffix', FORMATS)
def test_a_file_that_cannot_be_opened(suffix, tmp_path):
    path = tmp_path / f'net{suffix}'
    path.write_bytes(b'no network')
    with pytest.raises(ValueError, match='the file cannot be opened: '):
        next(compare(ExportableNetwork(build()), path, []))


@one_line
def test_the_temperature_is_that_of_the_predicted_class():
    segmentor = build(temperature=(0.5, 1.0, 2.0, 3.0, 4.0))
    network = ExportableNetwork(segmentor, outputs=['logits', 'labels', 'confidence'])
    logits, labels, confidence = network(network.example())
    index = labels.long()[:, None]
    scaled = logits / segmentor.temperature[index]
    torch.testing.assert_close(confidence, scaled.softmax(1).gather(1, index)[:, 0])
    assert len(labels.unique()) > 1


@one_line
@pytest.mark.parametrize('suffix', FORMATS)
@pytest.mark.parametrize('outputs', [['logits'], ['labels'], ['confidence']])
def test_a_head_that_resizes_in_another_way_in_a_graph(suffix, outputs, tmp_path):
    network = ExportableNetwork(build(OtherResize), outputs=outputs)
    with pytest.raises(ValueError, match='is not kept: the largest difference'):
        write_verified(network, tmp_path / f'net{suffix}', [])
    assert not [*tmp_path.iterdir()]


class EvenSizes(OneConv):
    """A backbone that takes some sizes only, such as mmseg's UNet."""

    def forward(self, x):
        if x.shape[3] % 32:
            raise ValueError('the width must be a multiple of 32')
        return super().forward(x)


def test_a_network_that_itself_fails_at_a_size(tmp_path):
    segmentor = build()
    segmentor.backbone = EvenSizes()
    out = tmp_path / 'net.torchscript'
    with pytest.raises(ValueError, match='the network itself fails at images of'):
        write_verified(ExportableNetwork(segmentor), out, [])
    segmentor.data_preprocessor.test_cfg = dict(size_divisor=32)  # as it says
    write_verified(ExportableNetwork(segmentor), out, [])


class Branch(FCNHead):
    """A head with a branch that depends on the values of the image."""

    def forward(self, inputs):
        return super().forward([inputs[0] + 1] if inputs[0].sum() > 0 else inputs)


@one_line
@pytest.mark.parametrize('suffix', ['.onnx', '.pt2'])
def test_a_head_that_cannot_become_a_graph(suffix, tmp_path):
    network = ExportableNetwork(build(Branch))
    with pytest.raises(ValueError, match=f'cannot be written as {suffix}, try another'):
        write_verified(network, tmp_path / f'net{suffix}', [])
    assert not [*tmp_path.iterdir()]


@one_line
@pytest.mark.parametrize('suffix', FORMATS)
def test_a_head_that_fixes_the_size(suffix, tmp_path):
    with pytest.raises(ValueError, match=r'is not kept: .*\(1, (3, )?97, 131\)'):
        write_verified(
            ExportableNetwork(build(FixedResize)), tmp_path / f'net{suffix}', []
        )
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ('preprocessor', 'arguments'),
    [
        (RGB, {}),
        (dict(type='SegDataPreProcessor', **NORMALIZE), {}),  # BGR
        (dict(type='SegDataPreProcessor', bgr_to_rgb=True), {}),  # not normalized
        (PADDED, {}),
        (RGB, dict(align_corners=True)),
        (RGB, dict(num_classes=2, out_channels=1, threshold=0.4)),
    ],
)
def test_logits_and_labels_are_those_of_mmseg(preprocessor, arguments):
    segmentor = build(preprocessor=preprocessor, **arguments)
    image = torch.from_numpy(render_scene(3, (50, 70))[0].transpose(2, 0, 1).copy())
    sample = SegDataSample(metainfo=dict(ori_shape=(50, 70), img_shape=(50, 70)))
    with torch.no_grad():
        (result,) = segmentor.test_step(dict(inputs=[image], data_samples=[sample]))
        network = ExportableNetwork(segmentor, 'uint8', ['logits', 'labels'])
        logits, labels = network(image.flip(0)[None])
    expected = result.seg_logits.data
    if len(logits[0]) == 1:
        logits = logits.sigmoid()
    torch.testing.assert_close(logits[0], expected)
    assert labels.any()
    assert (labels[0] == result.pred_sem_seg.data[0]).all()


def test_a_network_with_five_channels(tmp_path):
    preprocessor = dict(
        type='mmseg_plugins.MultiChannelDataPreProcessor',
        mean=[900.0] * 5,
        std=[300.0] * 5,
    )
    segmentor = build(FCNHead, preprocessor, 5)
    with pytest.raises(ValueError, match='is 900, which 8 bits cannot hold'):
        ExportableNetwork(segmentor)
    network = ExportableNetwork(segmentor, 'float32')
    (first, *_) = make_batches(network)
    assert first.shape == (1, 5, 97, 131)
    assert 800 < first.mean() < 1000
    path = tmp_path / 'net.torchscript'
    write_verified(network, path, [])
    assert read_metadata(path)['input']['channels'] == 5


def test_the_command_writes_what_predict_predicts(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out = Path('new/scenes.torchscript')
    Path('streets').mkdir()
    Image.fromarray(render_scene(5, (192, 256))[0]).save('streets/a.png')
    words = [str(out), '--outputs', 'labels', 'confidence', '--images', 'streets']
    main(['scenes', *words])
    printed = capsys.readouterr().out
    for text in ('1 x 3 x 97 x 131', '2 x 3 x 360 x 480', '1 x 3 x 512 x 1024'):
        assert text in printed
    segmentor = load_segmentor(*MODEL)
    image = render_scene(1000001, (192, 256))[0]
    expected = Predictor(segmentor)(image)
    results = open_exported(out)(image[..., ::-1].transpose(2, 0, 1)[None].copy())
    assert (results['labels'][0] == expected.labels).all()
    confidence = 255 * results['confidence'][0]
    assert np.abs(confidence - expected.confidence).max() < 0.51
    metadata = read_metadata(out)
    assert metadata['classes'] == [*CLASSES]
    assert metadata['palette'] == [[*colour] for colour in PALETTE]


@one_line
def test_control_another_temperature_is_a_difference(tmp_path):
    network = ExportableNetwork(build(temperature=(3.0,)), outputs=['confidence'])
    path = tmp_path / 'net.torchscript'
    write_verified(network, path, [])
    network.temperature /= 2
    with pytest.raises(ValueError, match='the largest difference is'):
        list(compare(network, path, make_batches(network)))


@pytest.mark.parametrize(
    ('words', 'complaint'),
    [
        (['scenes'], 'OUT: give one file to write after the model'),
        (
            ['scenes', 'net.pb'],
            'net.pb: must end with one of .onnx, .pt2, .torchscript',
        ),
        (['scenes', 'net.pt2', '--fp16'], 'net.pt2: must end with .onnx for --int8'),
        (['missing.py', 'a.pth', 'net.onnx'], 'missing.py: no such config'),
        (['scenes', 'missing/net.pt2', '--images', 'x'], 'x does not exist'),
        (['scenes', 'a/net.torchscript'], 'a is not a folder'),
        (
            ['scenes', 'net.torchscript', '--images', 'broken'],
            'broken/a.png: it is empty or not an image; restore or remove it',
        ),
        (
            ['scenes', 'net.torchscript', '--images', 'videos'],
            '--images videos: has videos only',
        ),
        (
            ['scenes', 'net.onnx', '--outputs', 'confidence', '--fp16'],
            '--outputs confidence: add labels for --int8 and --fp16',
        ),
    ],
)
def test_wrong_arguments_end_in_a_sentence(words, complaint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'a').touch()
    for name in ('broken/a.png', 'videos/a.mp4'):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    with pytest.raises(SystemExit, match=re.escape(complaint)):
        main(words)


@pytest.mark.parametrize(
    ('changes', 'arguments', 'complaint'),
    [
        (dict(num_classes=300), {}, 'num_classes=300'),
        ({}, dict(input_type='float16'), "input_type='float16'"),
        ({}, dict(outputs=['labels', 'labels']), r"outputs=\['labels', 'labels'\]"),
        (
            dict(preprocessor=dict(RGB, test_cfg=dict(size=(9, 9)))),
            {},
            'replace size by size_divisor',
        ),
    ],
)
def test_networks_that_no_file_can_hold(changes, arguments, complaint):
    with pytest.raises(ValueError, match=complaint):
        ExportableNetwork(build(**changes), **arguments)
