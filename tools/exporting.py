"""Write a trained segmentor as one file that runs without mmseg: tools/export.py.

Shapes: N batch, C channels of the image, K classes.
"""

import first_screen  # noqa: F401  first: it keeps the screen free of the host's notes

# isort: split
import contextlib
import copy
import io
import json
import logging
import math
import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import Upsample, resize
from networks import find_test_dataset
from torch import Tensor, nn
from torch.nn import functional

import mmseg_plugins
from mmseg_plugins.data_preprocessor import MultiChannelDataPreProcessor
from mmseg_plugins.drawing import class_palette

try:
    import onnx
    import onnxscript  # noqa: F401  torch.onnx.export needs it
except ImportError:
    onnx = None

INPUT_TYPES = dict(uint8=torch.uint8, float32=torch.float32)
OUTPUTS = ('logits', 'labels', 'confidence')
#: Key of the metadata in each file; its value is the JSON of ``describe``.
METADATA_KEY = 'mmseg_plugins'
#: Axes of the images that have any size.
AXES = {0: 'batch', 2: 'height', 3: 'width'}
#: Batch, height and width of the images that a network is traced with.
TRACED = (2, 192, 256)


class ExportableNetwork(nn.Module):
    """From raw images to logits, labels and confidences, as mmseg tests a network.

    Normalization and the padding to the size divisor of the data preprocessor are
    inside; the outputs have the size of the image.

    Args:
        segmentor: Segmentor of ``networks.load_segmentor``; it is copied.
        input_type: 'uint8' or 'float32'.
        outputs: One or more of ``OUTPUTS``, in the order of the returned tuple.

    Raises:
        ValueError: If an argument is not one of these, the data preprocessor pads to a
            fixed size, or 8 bits cannot hold the image or the label.
    """

    def __init__(
        self,
        segmentor: nn.Module,
        input_type: str = 'uint8',
        outputs: Sequence[str] = ('labels',),
    ) -> None:
        super().__init__()
        if input_type not in INPUT_TYPES:
            raise ValueError(f'input_type={input_type!r}: must be uint8 or float32')
        if not outputs or {*outputs} - {*OUTPUTS} or len({*outputs}) < len(outputs):
            raise ValueError(
                f'outputs={outputs}: must be one or more of {", ".join(OUTPUTS)}'
            )
        if segmentor.num_classes > 255:
            raise ValueError(
                f'num_classes={segmentor.num_classes}: must be at most 255, since '
                'labels have 8 bits'
            )
        preprocessor = segmentor.data_preprocessor
        padding = preprocessor.test_cfg or {}
        if padding.get('size'):
            raise ValueError(
                f'data_preprocessor.test_cfg={padding}: a file takes images of any '
                'size; replace size by size_divisor in the config'
            )
        self.is_normalized = preprocessor._enable_normalize
        if (
            self.is_normalized
            and input_type == 'uint8'
            and preprocessor.mean.max() > 255
        ):
            raise ValueError(
                f'input_type=uint8: the mean of the training images is '
                f'{preprocessor.mean.max():g}, which 8 bits cannot hold; give '
                '--input float32'
            )
        self.input_type, self.outputs = input_type, tuple(outputs)
        self.size_divisor = padding.get('size_divisor') or 1
        self.pad_value = preprocessor.pad_val
        self.segmentor = copy.deepcopy(segmentor).cpu().float().eval()
        self.segmentor.auxiliary_head = None
        for module in [*self.segmentor.modules()]:
            for name, layer in module.named_children():
                if isinstance(layer, Upsample) and not layer.size:  # such as UNet's
                    # mmseg's layer makes numbers of the sizes, this one does not.
                    arguments = layer.scale_factor, layer.mode, layer.align_corners
                    setattr(module, name, nn.Upsample(None, *arguments))
        if self.is_normalized:
            self.register_buffer('mean', preprocessor.mean.cpu().clone())
            self.register_buffer('std', preprocessor.std.cpu().clone())
        self.register_buffer('temperature', segmentor.temperature.float().cpu())
        self.requires_grad_(False)
        self.program: torch.export.ExportedProgram | None = None
        if segmentor.out_channels == 1:
            threshold = segmentor.decode_head.threshold
            #: The logit above which the label is 1.
            self.threshold = math.log(threshold / (1 - threshold))
        self.channels = len(self.mean) if self.is_normalized else 3
        self.is_rgb = self.channels == 3 and not isinstance(
            preprocessor, MultiChannelDataPreProcessor
        )
        # mmseg loads BGR, which a data preprocessor may leave as it is. The attribute
        # has another name in each of the two lines of mmseg.
        names = ('channel_conversion', '_channel_conversion')
        is_converted = any(getattr(preprocessor, name, False) for name in names)
        self.is_flipped = self.is_rgb and not is_converted

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Map raw images (N, C, H, W) to ``outputs``; three channels are RGB.

        Returns:
            What ``outputs`` names: logits (N, K, H, W), float32; labels (N, H, W),
            uint8; confidence (N, H, W), float32 from 0 to 1.
        """
        results = dict(logits=self.predict_logits(images))
        if self.outputs != ('logits',):
            results['labels'] = self.classify(results['logits'])
        if 'confidence' in self.outputs:
            results['confidence'] = self.rate(results['logits'], results['labels'])
        return tuple(results[name] for name in self.outputs)

    def predict_logits(self, images: Tensor) -> Tensor:
        """Map raw images (N, C, H, W) to logits (N, K, H, W)."""
        height, width = images.shape[2:]
        images = images.flip(1) if self.is_flipped else images
        images = images.float()
        if self.is_normalized:
            images = (images - self.mean) / self.std
        bottom, right = -height % self.size_divisor, -width % self.size_divisor
        if self.size_divisor > 1:
            images = functional.pad(images, (0, right, 0, bottom), value=self.pad_value)
        logits = self._encode_decode(images)
        if self.size_divisor > 1:  # a negative padding cuts
            logits = functional.pad(logits, (0, -right, 0, -bottom))
        return logits

    def _encode_decode(self, images: Tensor) -> Tensor:
        head, size = self.segmentor.decode_head, images.shape[2:]
        names = ('predict', 'predict_by_feat')
        if any(
            getattr(type(head), name, None) is not getattr(BaseDecodeHead, name)
            for name in names
        ):
            return self.segmentor.encode_decode(images, [dict(img_shape=size)])
        # With align_corners=True, mmseg's warning makes constants of the sizes.
        logits = head(self.segmentor.extract_feat(images))
        return resize(logits, size, None, 'bilinear', head.align_corners, False)

    def example(self) -> Tensor:
        """Make the images that the network is traced with."""
        batch, *size = TRACED
        images = torch.arange(batch * self.channels * math.prod(size)) * 7919 % 256
        images = images.view(batch, self.channels, *size)
        return images.to(INPUT_TYPES[self.input_type])

    def classify(self, logits: Tensor) -> Tensor:
        """Return the labels (N, H, W), uint8, of logits (N, K, H, W)."""
        if logits.shape[1] == 1:
            return (logits[:, 0] > self.threshold).byte()
        return logits.argmax(1).byte()

    def rate(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the confidences (N, H, W) of labels, as ``tools/predict.py`` does."""
        index, temperature = labels[:, None].long(), self.temperature
        if len(temperature) > 1:  # that of the predicted class
            temperature = temperature[index]
        if logits.shape[1] == 1:
            probability = (logits / temperature).sigmoid()
            return torch.where(index > 0, probability, 1 - probability)[:, 0]
        margins = logits.gather(1, index) - logits
        return (margins / -temperature).exp().sum(1).reciprocal()


def make_program(network: ExportableNetwork) -> torch.export.ExportedProgram:
    """Make the graph of a network for any batch, height and width, once.

    If code makes numbers of shapes, the graph may be for some sizes only.

    Raises:
        ValueError: If this version of torch is too old.
    """
    if network.program is not None:
        return network.program
    if not hasattr(torch.export.Dim, 'AUTO'):
        raise ValueError(
            f'torch {torch.__version__} has no torch.export.Dim.AUTO, which .onnx and '
            '.pt2 need: write .torchscript, or update torch'
        )
    sizes = dict.fromkeys(AXES, torch.export.Dim.AUTO)
    network.program = torch.export.export(
        network, (network.example(),), dynamic_shapes=(sizes,), strict=False
    )
    return network.program


def describe(network: ExportableNetwork) -> dict:
    """Return the metadata of a file: what JSON can hold, without the weights."""
    cfg, meta = network.segmentor.cfg, network.segmentor.dataset_meta
    classes = [str(name) for name in meta['classes']]
    pipeline = find_test_dataset(cfg).pipeline
    resize = next((step for step in pipeline if step['type'] == 'Resize'), None)
    layouts = dict(logits='NKHW', labels='NHW', confidence='NHW')
    dtypes = dict(logits='float32', labels='uint8', confidence='float32')
    return dict(
        classes=classes,
        palette=class_palette(meta)[: len(classes)].tolist(),
        input=dict(
            name='images',
            layout='NCHW',
            dtype=network.input_type,
            channels=network.channels,
            channel_order='RGB' if network.is_rgb else 'as in the training files',
            value_range=[0, 255] if network.is_rgb else None,
        ),
        outputs=[
            dict(name=name, layout=layouts[name], dtype=dtypes[name])
            for name in network.outputs
        ],
        # For information: the file normalizes and pads itself.
        mean=network.mean.flatten().tolist() if network.is_normalized else None,
        std=network.std.flatten().tolist() if network.is_normalized else None,
        size_divisor=network.size_divisor,
        # What the test pipeline does before: [width, height], or None.
        resize=resize
        and dict(scale=resize.get('scale'), keep_ratio=resize.get('keep_ratio', False)),
        temperature=network.temperature.flatten().tolist(),
        config=Path(cfg.filename).stem if cfg.filename else None,
        version=mmseg_plugins.__version__,
    )


def export(network: ExportableNetwork, path: Path, metadata: dict) -> None:
    """Write a network and its metadata in the format of the path's suffix.

    Raises:
        ValueError: If the suffix is not one of ``FORMATS``, a package is missing, or
            the format cannot hold the network.
    """
    check_format(path)
    try:
        with torch.no_grad(), _quiet():
            FORMATS[path.suffix](network, path, json.dumps(metadata))
    except (AssertionError, RuntimeError, TypeError) as error:
        reason = str(error).strip().split('\n')[0][:200]
        raise ValueError(
            f'this network cannot be written as {path.suffix}, try another format: '
            f'{type(error).__name__}: {reason}'
        ) from error


def check_format(path: Path) -> None:
    """Raise a ValueError if ``export`` cannot write a file of this name."""
    if path.suffix not in FORMATS:
        raise ValueError(f'{path}: must end with one of {", ".join(FORMATS)}')
    if path.suffix == '.onnx' and onnx is None:
        raise ValueError(
            f"{path}: needs more packages: pip install 'mmseg-plugins[export]'"
        )


def _write_onnx(network: ExportableNetwork, path: Path, metadata: str) -> None:
    model = torch.onnx.export(
        make_program(network),
        dynamo=True,
        input_names=['images'],
        output_names=network.outputs,
        verbose=False,
    ).model_proto
    _name_axes(model.graph)
    model.metadata_props.add(key=METADATA_KEY, value=metadata)
    onnx.save(model, path)


def _name_axes(graph: 'onnx.GraphProto') -> None:
    """Call the free axes batch, height and width; torch calls them s34, s14, s54."""
    axes = graph.input[0].type.tensor_type.shape.dim
    names = {axes[axis].dim_param: name for axis, name in AXES.items()}
    for value in (*graph.input, *graph.value_info, *graph.output):
        for axis in value.type.tensor_type.shape.dim:
            if axis.dim_param:  # s14, or a formula such as s14//2
                words = re.split(r'\b(s\d+)\b', axis.dim_param)
                axis.dim_param = ''.join(names.get(word, word) for word in words)


def _write_program(network: ExportableNetwork, path: Path, metadata: str) -> None:
    torch.export.save(make_program(network), path, extra_files={METADATA_KEY: metadata})


def _write_torchscript(network: ExportableNetwork, path: Path, metadata: str) -> None:
    traced = torch.jit.trace(network, (network.example(),), check_trace=False)
    traced.save(str(path), _extra_files={METADATA_KEY: metadata})


FORMATS = {
    '.onnx': _write_onnx,
    '.pt2': _write_program,
    '.torchscript': _write_torchscript,
}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporters' notes on their progress off the screen."""
    level = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter('ignore')
            yield
    finally:
        logging.disable(level)
