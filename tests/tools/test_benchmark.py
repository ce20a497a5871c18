"""tools/benchmark.py on tiny networks: its modes, its numbers, its refusals."""

import copy
import functools
import importlib.util
import json
import sys
import time
from pathlib import Path

import pytest
import torch
from mmcv.cnn import ConvModule, fuse_conv_bn
from mmengine.config import Config
from torch import nn

ROOT = Path(__file__).parents[2]
SCENES = ROOT / 'configs/fcn/fcn-2s_vgg13-slim_1xb8-400_scenes-192x256.py'
DFANET_X1 = ROOT / 'configs/dfanet/dfanet-x1_xception-a_1xb8-400_scenes-192x256.py'
FAST_SCNN = 'mmseg::fastscnn/fast_scnn_8xb4-160k_cityscapes-512x1024.py'
QUICK = ['--shape', '64', '96', '--rounds', '2', '--calls', '1', '--device', 'cpu']


@pytest.fixture
def tool(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / 'tools')
    spec = importlib.util.spec_from_file_location(
        'benchmark', ROOT / 'tools/benchmark.py'
    )
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, 'benchmark', module)  # dataclasses look there
    spec.loader.exec_module(module)
    threads = torch.get_num_threads()
    yield module
    torch.set_num_threads(threads)


@pytest.fixture
def modes(tool):
    return sys.modules['benchmarks.modes']


@pytest.fixture
def config(tmp_path) -> str:
    """A tiny FCN with synchronised normalisation, as stock configs have it."""
    cfg = Config.fromfile(SCENES)
    norm = dict(type='SyncBN', requires_grad=True)
    cfg.model.backbone.update(base_channels=4, fc_channels=8, norm_cfg=norm)
    cfg.model.decode_head.in_channels = [4, 8, 16, 32, 8]
    cfg.dump(tmp_path / 'tiny.py')
    return str(tmp_path / 'tiny.py')


def rows(printed: str) -> list[list[str]]:
    table = [line.split(' | ') for line in printed.splitlines() if line[:1] == '|']
    return table[2:]


def test_every_mode_of_a_cpu_side_by_side(tool, config, tmp_path, capsys, monkeypatch):
    quick = functools.partial(torch.compile, backend='aot_eager')
    monkeypatch.setattr(torch, 'compile', quick)
    modes = ['eager', 'channels_last', 'fused', 'fused+channels_last', 'fused+compiled']
    arguments = [config, *QUICK, '--threads', '1', '--json', str(tmp_path / 'times')]
    tool.main([*arguments, '--modes', *modes])
    printed = capsys.readouterr().out
    assert f'1 threads, torch {torch.__version__}, fp32, batch 1' in printed
    assert [row[2] for row in rows(printed)] == modes
    assert all(row[0] == '| tiny' and row[1] == '64 x 96' for row in rows(printed))
    written = json.loads((tmp_path / 'times').read_text())
    for row in written['rows']:
        assert len(row['milliseconds']) == 2
        assert min(row['milliseconds']) > 0
        assert row['difference'] <= 1e-5
        assert row['peak_mib'] > 64 * 96 * 8 * 4 / 2**20  # the logits alone
    assert written['rows'][0]['difference'] == 0
    assert written['rows'][2]['difference'] > 0  # fusion rounds otherwise


def test_two_networks_take_turns_at_two_sizes(tool, config, capsys, monkeypatch):
    order = []
    clock = tool.milliseconds

    def note(call, *how):
        order.append(call)
        return clock(call, *how)

    monkeypatch.setattr(tool, 'milliseconds', note)
    sizes = ['--shape', '64', '96', '65', '33']
    tool.main([config, FAST_SCNN, *QUICK, *sizes, '--modes', 'eager'])
    assert len(order) == 8
    assert order[:4] == order[4:]
    assert len(set(order)) == 4
    found = rows(capsys.readouterr().out)
    assert [row[1] for row in found] == ['64 x 96', '64 x 96', '65 x 33', '65 x 33']
    assert found[1][0] == '| fast_scnn_8xb4-160k_cityscapes-512x1024'


def test_parameters_and_multiply_adds_are_of_the_inference_path(tool):
    networks = sys.modules['benchmarks.networks']
    segmentor = networks.load_segmentor(FAST_SCNN, (64, 96))
    inference = nn.ModuleList([segmentor.backbone, segmentor.decode_head])
    parameters, small = networks.count(segmentor, (64, 96))
    assert parameters == sum(p.numel() for p in inference.parameters())
    assert segmentor.with_auxiliary_head  # not counted
    assert 3.9 < networks.count(segmentor, (128, 192))[1] / small < 4.1


@pytest.mark.parametrize('clock', ['wall', 'process'])
def test_a_clock_tells_how_long_a_call_takes(tool, clock):
    spent = tool.milliseconds(lambda: time.sleep(0.05), 'cpu', clock)
    assert (spent >= 50) is (clock == 'wall')


def test_training_step(tool, config, capsys):
    arguments = [
        '--train',
        '--batch',
        '2',
        '--clock',
        'process',
        '--modes',
        'eager',
        'channels_last',
    ]
    tool.main([config, *QUICK, *arguments])
    printed = capsys.readouterr().out
    assert 'batch 2, training, process time' in printed
    assert [row[2] for row in rows(printed)] == ['eager', 'channels_last']


@pytest.mark.slow
def test_onnx_runtime(tool, capsys):
    tool.main([str(DFANET_X1), *QUICK, '--modes', 'onnx', 'fused+blocked+onnx'])
    for row in rows(capsys.readouterr().out):
        assert row[4] == '-'  # its memory is not torch's
        assert float(row[5]) <= 1e-4


def test_normalisation_before_a_convolution_stays(tool, modes):
    """The order of a pyramid pooling in DDRNet and PIDNet."""
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
        wrong = fuse_conv_bn(copy.deepcopy(net))(x)
        fused = modes.fuse(net)
        torch.testing.assert_close(fused(x), expected, rtol=1e-5, atol=1e-6)
    assert (wrong - expected).abs().max() > 1e-2  # control: the host's alone
    assert isinstance(fused[0].bn, nn.Identity)
    assert isinstance(fused[1].bn, nn.BatchNorm2d)


def refusal(tool, *arguments: str) -> str:
    with pytest.raises(SystemExit) as stop:
        tool.main(list(arguments))
    assert '\n' not in stop.value.code
    return stop.value.code


def test_a_mode_that_computes_something_else_is_refused(
    tool, modes, config, monkeypatch
):
    def halve(net):
        for parameter in net.parameters():
            parameter.data.mul_(0.5)
        return net

    monkeypatch.setattr(modes, 'fuse', halve)
    said = refusal(tool, config, *QUICK, '--modes', 'eager', 'fused')
    assert 'in mode fused differs from eager by' in said


def test_mistakes_end_in_a_sentence(tool, modes, config, monkeypatch):
    said = refusal(tool, 'nowhere.py', *QUICK)
    assert said.startswith('nowhere.py: no such config; give a file, or package::')
    for name in ('mmseg::nowhere.py', 'no_such_package::nowhere.py'):
        assert name in refusal(tool, name, *QUICK)
    assert "unknown 'fast', choose from eager" in refusal(
        tool, config, *QUICK, '--modes', 'fast'
    )
    assert 'exclude each other' in refusal(
        tool, config, *QUICK, '--modes', 'onnx+compiled'
    )
    assert 'leave out --train' in refusal(
        tool, config, *QUICK, '--train', '--modes', 'fused'
    )
    assert 'write fused+blocked' in refusal(tool, config, *QUICK, '--modes', 'blocked')
    assert 'has no DFANet' in refusal(tool, config, *QUICK, '--modes', 'fused+blocked')
    assert '--device cuda' in refusal(tool, config, *QUICK, '--modes', 'cudagraph')
    monkeypatch.setattr(modes, 'onnxruntime', None)
    said = refusal(tool, config, *QUICK, '--modes', 'onnx')
    assert "pip install 'mmseg-plugins[export]'" in said


def test_wrong_numbers_are_told(tool, config, capsys):
    for arguments, words in (
        (['--shape', '64'], 'pairs of H and W'),
        (['--rounds', '1', '--calls', '1'], 'raise --rounds'),
        (['--device', 'cuda', '--clock', 'process'], 'is for a CPU'),
    ):
        with pytest.raises(SystemExit):
            tool.main([config, *arguments])
        assert words in capsys.readouterr().err


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')
@pytest.mark.parametrize('dtype', ['fp32', 'fp16'])
def test_modes_of_a_gpu(tool, config, capsys, dtype):
    modes = ['eager', 'fused+channels_last', 'fused+cudagraph']
    tool.main([config, *QUICK[:-2], '--dtype', dtype, '--modes', *modes])
    found = rows(capsys.readouterr().out)
    assert [row[2] for row in found] == modes
    assert [row[4] == '-' for row in found] == [False, False, True]
