"""tools/benchmark.py on slim networks: its modes, its rows, its refusals."""

import copy
import functools

import benchmark as tool
import benchmark_modes as modes
import networks
import pytest
import torch
from mmcv.cnn import ConvModule, fuse_conv_bn
from mmengine.config import Config
from torch import nn

from tests.tools.tiny_training import CONFIG, ROOT

DFANET_X1 = ROOT / 'configs/dfanet/dfanet-x1_xception-a_1xb8-400_scenes-192x256.py'
FAST_SCNN = 'mmseg::fastscnn/fast_scnn_8xb4-160k_cityscapes-512x1024.py'
QUICK = ['--shape', '64', '96', '--rounds', '5', '--device', 'cpu', '--threads', '1']


@pytest.fixture
def config(tmp_path) -> str:
    """A slim FCN with synchronised norms and pre-trained weights, as in configs."""
    cfg = Config.fromfile(CONFIG)
    cfg.model.backbone.norm_cfg = dict(type='SyncBN')
    cfg.model.backbone.init_cfg = dict(type='Pretrained', checkpoint='http://nowhere')
    cfg.dump(tmp_path / 'slim.py')
    return str(tmp_path / 'slim.py')


def run(capsys, *arguments: str, code: int = 0) -> list[list[str]]:
    """Return the cells of the rows that are printed."""
    with pytest.raises(SystemExit) as stop:
        tool.main(list(arguments))
    assert stop.value.code == code
    lines = [line for line in capsys.readouterr().out.splitlines() if line[:1] == '|']
    header, _, *rows = [line.strip('| ').split(' | ') for line in lines]
    assert header == list(tool.COLUMNS)
    return rows


@pytest.mark.one_line
def test_each_mode_of_a_cpu(config, capsys, monkeypatch):
    quick = functools.partial(torch.compile, backend='aot_eager')
    monkeypatch.setattr(torch, 'compile', quick)
    names = ['eager', 'channels_last', 'fused+channels_last', 'fused+compiled']
    rows = run(capsys, config, *QUICK, '--modes', *names)
    assert [row[:3] for row in rows] == [['slim', '64 x 96', mode] for mode in names]
    assert rows[0][6] == '0e+00'
    assert 0 < float(rows[2][6]) <= 1e-5  # fused weights are rounded otherwise


def test_quartiles_are_measured_times(config, capsys, monkeypatch):
    times = iter([9.0, 1.0, 30.0, 2.0, 4.0])
    monkeypatch.setattr(tool, 'milliseconds', lambda *_: next(times))
    (row,) = run(capsys, config, *QUICK)
    assert row[3] == '4.00 (2.00 to 9.00)'


def test_inference_has_no_auxiliary_heads_and_training_has(capsys):
    arguments = [FAST_SCNN, *QUICK, '--shape', '64', '96', '64', '32']
    inference, smaller = run(capsys, *arguments)
    assert (inference[5], smaller[1]) == ('1.40', '64 x 32')
    training, _ = run(capsys, *arguments, '--batch', '2', '--train')
    assert training[5] == '1.46'


def test_layers(capsys):
    for options in ([], ['--train']):
        rows = run(capsys, *networks.LAYERS, *QUICK, *options)
        assert [row[0] for row in rows] == [*networks.LAYERS]
        assert [float(row[6]) for row in rows] == [0] * len(rows)
    net, x = networks.build_with_input('layer:Encoding', 1, (64, 64), True, 'cpu')
    modes.make_step(net, x, 'channels_last', 'fp32', False)()
    assert x.grad.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize('options', [['--train'], [], ['--half']])
def test_bfloat16(capsys, options):
    arguments = ['layer:Encoding', FAST_SCNN, *QUICK, '--dtype', 'bf16', *options]
    rows = run(capsys, *arguments, '--batch', '2')
    assert rows[0][6] == '0e+00'
    assert 'failed' not in rows[1][3]  # torch computes some gradients wrongly on a CPU


@pytest.mark.one_line
@pytest.mark.slow
def test_onnx_runtime(capsys):
    (row,) = run(capsys, str(DFANET_X1), *QUICK, '--modes', 'onnx')
    assert 0 < float(row[6]) <= 1e-4


def test_a_mode_that_fails_or_computes_something_else_is_seen(
    config, capsys, monkeypatch
):
    def fail(net):
        raise RuntimeError('out of memory\nat length')

    def halve(net):
        for parameter in net.parameters():
            parameter.data.mul_(0.5)

    monkeypatch.setattr(modes, 'fuse', fail)
    rows = run(capsys, config, *QUICK, '--modes', 'fused', 'eager', code=1)
    assert [rows[0][3], rows[1][6]] == ['failed: out of memory', '0e+00']
    monkeypatch.setattr(modes, 'fuse', halve)
    (row,) = run(capsys, config, *QUICK, '--modes', 'fused')
    assert float(row[6]) > 1e-2


def test_a_norm_before_its_convolution_is_not_fused():
    """It is so in the pyramid pooling of DDRNet and PIDNet."""
    torch.manual_seed(0)
    norm = dict(type='BN')
    net = nn.Sequential(
        ConvModule(4, 4, 3, norm_cfg=norm),
        ConvModule(4, 4, 1, norm_cfg=norm, order=('norm', 'act', 'conv')),
    ).eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.normal_(module.bias)
    x = torch.randn(1, 4, 8, 8)
    with torch.no_grad():
        expected = net(x)
        control = fuse_conv_bn(copy.deepcopy(net))(x)
        modes.fuse(net)
        torch.testing.assert_close(net(x), expected, rtol=1e-5, atol=1e-6)
    assert (control - expected).abs().max() > 1e-2
    assert isinstance(net[0].bn, nn.Identity)


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        ([str(CONFIG), '--shape', '64'], 'give pairs of H and W'),
        ([str(CONFIG), '--rounds', '4'], '--rounds 4: must be at least 5'),
        ([str(CONFIG), '--modes', 'fast'], "'fast' is unknown, choose from eager"),
        ([str(CONFIG), '--modes', 'onnx+compiled'], 'exclude each other'),
        ([str(CONFIG), '--modes', 'fused', '--train'], 'leave out --train'),
        ([str(CONFIG), '--modes', 'cudagraph', '--device', 'cpu'], '--device cuda'),
        ([str(CONFIG), '--modes', 'onnx', '--dtype', 'bf16'], 'in fp32'),
        (['nothing::nowhere.py'], 'nothing::nowhere.py: no such config'),
        (['layer:no'], 'layer:no: choose from layer:StripPooling'),
    ],
)
def test_mistakes_end_in_a_sentence(capsys, arguments, words):
    with pytest.raises(SystemExit, match='2'):
        tool.main(arguments)
    assert words in capsys.readouterr().err


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')
@pytest.mark.parametrize('options', [[], ['--dtype', 'fp16', '--half']])
def test_modes_of_a_gpu(config, capsys, options):
    names = ['eager', 'fused+channels_last', 'fused+cudagraph']
    arguments = [*QUICK, '--device', 'cuda', *options, '--modes', *names]
    rows = run(capsys, config, *arguments)
    assert [row[4] == '-' for row in rows] == [False, False, True]
    assert all(float(row[6]) < 2e-2 for row in rows)
