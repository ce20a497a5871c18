"""The modes of tools/benchmark.py: forms in which one network runs."""

from collections.abc import Callable

import torch
from mmcv.cnn import ConvModule, fuse_conv_bn
from torch import Tensor, nn

from mmseg_plugins.backbones.channel_blocks import fill_channel_blocks

try:
    import onnxruntime
    import onnxscript  # noqa: F401  what torch.onnx.export needs
except ImportError:
    onnxruntime = None

RUNNERS = ('compiled', 'onnx', 'cudagraph')
PARTS = ('eager', 'fused', 'blocked', 'channels_last', *RUNNERS)


def check_mode(mode: str, device: str, train: bool) -> None:
    """Refuse a mode that is unknown or cannot run.

    Raises:
        ValueError: With the mend.
    """
    parts = mode.split('+')
    runners = [part for part in parts if part in RUNNERS]
    mend = ''
    if unknown := [part for part in parts if part not in PARTS]:
        mend = f'unknown {unknown[0]!r}, choose from {", ".join(PARTS)}, joined by +'
    elif len(runners) > 1:
        mend = f'{" and ".join(runners)} exclude each other'
    elif 'blocked' in parts and 'fused' not in parts:
        mend = 'blocks need fused weights, write fused+blocked'
    elif train and {*parts} & {'fused', 'onnx', 'cudagraph'}:
        mend = 'for inference only, leave out --train'
    elif 'onnx' in parts and device != 'cpu':
        mend = 'ONNX Runtime is timed on the CPU only, add --device cpu'
    elif 'onnx' in parts and onnxruntime is None:
        mend = "it needs more packages: pip install 'mmseg-plugins[export]'"
    elif 'cudagraph' in parts and device != 'cuda':
        mend = 'CUDA graphs need a GPU, add --device cuda'
    if mend:
        raise ValueError(f'mode {mode}: {mend}')


def fuse(segmentor: nn.Module) -> nn.Module:
    """Fuse each BN into the convolution before it, by mmcv's own function.

    That one takes the order of registration for the order of data, which in a
    ConvModule of another order it is not: there the convolution is put last.
    """
    for module in segmentor.modules():
        if isinstance(module, ConvModule) and module.order[0] != 'conv':
            module._modules['conv'] = module._modules.pop('conv')
    return fuse_conv_bn(segmentor)


def prepare(net: nn.Module, image: Tensor, mode: str) -> Callable[[], Tensor]:
    """Bring a network into a mode; return what runs it on the image."""
    parts = mode.split('+')
    if 'fused' in parts:
        fuse(net)
    if 'blocked' in parts:
        fill_channel_blocks(net)
    if 'channels_last' in parts:
        net.to(memory_format=torch.channels_last)
        image = image.contiguous(memory_format=torch.channels_last)
    if 'onnx' in parts:
        return _prepare_onnx(net, image)
    if 'cudagraph' in parts:
        return _prepare_cuda_graph(net, image)
    if 'compiled' in parts:
        net = torch.compile(net)
    return lambda: net(image)


def _prepare_onnx(net: nn.Module, image: Tensor) -> Callable[[], Tensor]:
    with torch.no_grad():
        program = torch.onnx.export(net, (image,), dynamo=True, verbose=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(
        program.model_proto.SerializeToString(),
        options,
        providers=['CPUExecutionProvider'],
    )
    feed = {session.get_inputs()[0].name: image.numpy()}
    return lambda: torch.from_numpy(session.run(None, feed)[0])


def _prepare_cuda_graph(net: nn.Module, image: Tensor) -> Callable[[], Tensor]:
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.no_grad(), torch.cuda.stream(side):  # libraries set themselves up here
        for _ in range(3):
            net(image)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.no_grad(), torch.cuda.graph(graph):
        logits = net(image)

    def replay() -> Tensor:
        graph.replay()
        return logits

    return replay
