"""The modes of tools/benchmark.py: ways to run one network on one input."""

from collections.abc import Callable

import torch
from mmcv.cnn import ConvModule, fuse_conv_bn
from torch import Tensor, nn

try:
    import onnxruntime
    import onnxscript  # noqa: F401  torch.onnx.export needs it
except ImportError:
    onnxruntime = None

DTYPES = dict(fp32=torch.float32, bf16=torch.bfloat16, fp16=torch.float16)
MODES = ('eager', 'channels_last', 'fused', 'compiled', 'cudagraph', 'onnx')


def check_mode(mode: str, device: str, dtype: str, train: bool) -> None:
    """Raise a ValueError for a mode that is unknown or cannot run."""
    parts = set(mode.split('+'))
    needs = ''
    if unknown := parts - set(MODES):
        needs = f'{unknown.pop()!r} is unknown, choose from {", ".join(MODES)}'
    elif len({'compiled', 'cudagraph', 'onnx'} & parts) > 1:
        needs = 'compiled, cudagraph and onnx exclude each other'
    elif train and {'fused', 'cudagraph', 'onnx'} & parts:
        needs = 'for inference only, leave out --train'
    elif 'cudagraph' in parts and device != 'cuda':
        needs = 'CUDA graphs need a GPU: --device cuda'
    elif 'onnx' in parts and (device, dtype) != ('cpu', 'fp32'):
        needs = 'ONNX Runtime is timed on the CPU in fp32: --device cpu --dtype fp32'
    elif 'onnx' in parts and onnxruntime is None:
        needs = "it needs more packages: pip install 'mmseg-plugins[export]'"
    if needs:
        raise ValueError(f'--modes {mode}: {needs}')


def make_step(
    net: nn.Module, x: Tensor, mode: str, dtype: str, half: bool
) -> Callable[[], Tensor]:
    """Bring a network and its input into a mode; return one step of it.

    A step returns the logits. In training mode it returns the loss and runs backward.
    With ``half``, weights and input become ``dtype``; without, autocast uses it.
    """
    if 'fused' in mode:
        fuse(net)
    if half:
        net, x.data = net.to(DTYPES[dtype]), x.data.to(DTYPES[dtype])
    if 'channels_last' in mode:
        net.to(memory_format=torch.channels_last)
        x.data = x.data.contiguous(memory_format=torch.channels_last)
    if 'onnx' in mode:
        return _export_onnx(net, x)
    forward = net
    if 'compiled' in mode:
        torch._dynamo.reset()  # it counts the compilations of all networks together
        forward = torch.compile(net)
    autocast = dtype != 'fp32' and not half

    def infer() -> Tensor:
        with torch.autocast(x.device.type, DTYPES[dtype], enabled=autocast):
            return forward(x)

    def train() -> Tensor:
        net.zero_grad()
        x.grad = None
        output = infer()
        # The output of a layer is a map: its mean square is a loss.
        loss = output if output.ndim == 0 else output.float().square().mean()
        loss.backward()
        return loss

    if net.training:
        return train
    step = torch.no_grad()(infer)
    return _capture_cuda_graph(step) if 'cudagraph' in mode else step


def fuse(net: nn.Module) -> None:
    """Fuse each batch norm into the convolution before it, with mmcv's function.

    That function takes the order of registration for the order of data. A ConvModule
    that starts with its norm registers the convolution first: it is put last here.
    """
    for module in net.modules():
        if isinstance(module, ConvModule) and module.order[0] != 'conv':
            module._modules['conv'] = module._modules.pop('conv')
    fuse_conv_bn(net)


def _export_onnx(net: nn.Module, x: Tensor) -> Callable[[], Tensor]:
    """Export for the size of ``x``, and run ONNX Runtime on the CPU."""
    program = torch.onnx.export(net, (x,), dynamo=True, verbose=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    model = program.model_proto.SerializeToString()
    session = onnxruntime.InferenceSession(model, options, ['CPUExecutionProvider'])
    feed = {session.get_inputs()[0].name: x.numpy()}
    return lambda: torch.from_numpy(session.run(None, feed)[0])


def _capture_cuda_graph(run: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """Capture the kernels of one run; to replay them costs Python nothing."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):  # libraries choose their algorithms here
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = run()

    def replay() -> Tensor:
        graph.replay()
        return output

    return replay
