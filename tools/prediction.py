"""Predict the classes of an image as tools/test.py does; a large one in windows."""

import math
from itertools import product
from typing import NamedTuple

import mmcv
import numpy as np
import torch
from mmcv.transforms import LoadAnnotations
from mmengine.dataset import Compose
from mmseg.datasets.transforms import LoadImageFromNDArray
from mmseg.models.utils import resize
from networks import find_test_dataset
from torch import Tensor, nn

from mmseg_plugins.decode_heads import EncHead, PresenceHead

#: Up to this many pixels (1024 x 2048) after the pipeline, an image stays whole.
WHOLE_PIXELS = 2**21
#: Windows have at most this many pixels, or those of one training crop.
WINDOW_PIXELS = 2**20


class Prediction(NamedTuple):
    """Classes and confidences (H, W), uint8, and the presence (K,) or None.

    The confidence is the largest softmax probability times 255. The presence is the
    probability from 0 to 1 that a class occurs, from an EncHead or a PresenceHead.
    """

    labels: np.ndarray
    confidence: np.ndarray
    presence: np.ndarray | None


class Predictor:
    """Applies the test pipeline of a config and its segmentor to images.

    A config with ``test_cfg.mode='slide'`` has its windows. Otherwise, an image of more
    than ``WHOLE_PIXELS`` and four training crops is predicted in windows of one crop or
    a multiple of it, which overlap by a third of a crop.

    Args:
        model: Segmentor of ``networks.load_segmentor``.

    Raises:
        ValueError: If the pipeline does not begin with ``LoadImageFromFile``, or the
            model has more classes than an 8-bit mask can hold.
    """

    track = staticmethod(lambda items, total, text: items)  # may show the progress

    def __init__(self, model: nn.Module) -> None:
        first, *steps = Compose(find_test_dataset(model.cfg).pipeline).transforms
        if not isinstance(first, mmcv.transforms.LoadImageFromFile):
            raise ValueError(
                f'the test pipeline begins with {type(first).__name__}: must be '
                'LoadImageFromFile, to read images from files'
            )
        if model.num_classes > 255:
            raise ValueError(f'num_classes={model.num_classes}: must be at most 255')
        self.model, self.load = model, first
        self.start = LoadImageFromNDArray(to_float32=first.to_float32)
        self.steps = [step for step in steps if not isinstance(step, LoadAnnotations)]
        self.presences: list[Tensor] = []
        features = model.neck if model.with_neck else model.backbone
        heads = [
            head
            for head in model.modules()
            if isinstance(head, PresenceHead)
            or (isinstance(head, EncHead) and head.use_se_loss)
        ]
        self.presence_head = heads[0] if heads else None
        if heads:
            features.register_forward_hook(self._keep_presence)

    def decode(self, content: bytes) -> np.ndarray | None:
        """Return the image (H, W, 3), BGR, of a file's content; None if it is none."""
        kwargs = dict(flag=self.load.color_type, backend=self.load.imdecode_backend)
        return mmcv.imfrombytes(content, **kwargs)

    @torch.inference_mode()
    def __call__(self, image: np.ndarray) -> Prediction:
        """Predict an image (H, W, 3), BGR; the result has its size."""
        data = self.start(dict(img=image))
        for step in self.steps:
            data = step(data)
        batch = dict(inputs=[data['inputs']], data_samples=[data['data_samples']])
        batch = self.model.data_preprocessor(batch, False)
        inputs, meta = batch['inputs'], batch['data_samples'][0].metainfo
        self.presences.clear()
        window, stride = self._window(inputs.shape[2:])
        if window:
            logits = self._slide(inputs, meta, window, stride)
        else:
            logits = self.model.encode_decode(inputs, [meta])
        left, right, top, bottom = meta.get('img_padding_size', [0] * 4)
        height, width = logits.shape[2:]
        logits = logits[..., top : height - bottom, left : width - right]
        presence = torch.stack(self.presences).amax(0) if self.presences else None
        labels, confidence = self._classify(logits, image.shape[:2])
        return Prediction(
            labels.cpu().numpy(),
            (confidence * 255).round().byte().cpu().numpy(),
            None if presence is None else presence.cpu().numpy(),
        )

    def _window(self, size: tuple) -> tuple:
        test_cfg = self.model.test_cfg
        if test_cfg.get('mode') == 'slide':
            return test_cfg.crop_size, test_cfg.stride
        crop = self.model.data_preprocessor.size or (512, 512)
        pixels = crop[0] * crop[1]
        if size[0] * size[1] <= max(WHOLE_PIXELS, 4 * pixels):
            return None, None
        factor = max(math.isqrt(WINDOW_PIXELS // pixels), 1)
        window = [factor * side for side in crop]
        return window, [w - side // 3 for w, side in zip(window, crop, strict=True)]

    def _slide(
        self, inputs: Tensor, meta: dict, window: tuple, stride: tuple
    ) -> Tensor:
        """Return the mean logits of overlapping windows, on the CPU.

        These are the numbers of mmseg's ``slide_inference``, which adds a map of the
        full size for every window.
        """
        size = inputs.shape[2:]
        starts = [
            [min(i, max(s - w, 0)) for i in range(0, max(s - w, 0) + step, step)]
            for s, w, step in zip(size, window, stride, strict=True)
        ]
        logits = torch.zeros(1, self.model.out_channels, *size)
        counts = torch.zeros(size)
        corners = [*product(*starts)]
        for top, left in self.track(corners, len(corners), 'windows'):
            place = np.s_[..., top : top + window[0], left : left + window[1]]
            part = inputs[place]
            part_meta = dict(meta, img_shape=part.shape[2:])
            logits[place] += self.model.encode_decode(part, [part_meta]).cpu()
            counts[place] += 1
        return logits.div_(counts)

    def _classify(self, logits: Tensor, size: tuple) -> tuple[Tensor, Tensor]:
        """Resize logits (1, C, h, w), and return the best class and its probability.

        Class by class: all logits of a large photo would not fit into the memory.
        """
        align = self.model.align_corners
        maps = (
            resize(part, size, None, 'bilinear', align, False)[0, 0]
            for part in logits.float().split(1, 1)
        )
        best = next(maps)
        if logits.shape[1] == 1:
            probability = best.sigmoid()
            labels = probability > self.model.decode_head.threshold
            return labels.byte(), torch.where(labels, probability, 1 - probability)
        labels, total = best.new_zeros(size, dtype=torch.uint8), torch.ones_like(best)
        for label, scores in enumerate(maps, 1):
            higher = scores > best
            labels[higher] = label
            ratio = (scores - best).abs_().neg_().exp_()
            total = torch.where(higher, total.mul_(ratio).add_(1), total + ratio)
            best = torch.maximum(best, scores)
        return labels, total.reciprocal_()

    def _keep_presence(self, module: nn.Module, args: tuple, levels: tuple) -> None:
        head = self.presence_head
        is_enc = isinstance(head, EncHead)
        scores = head.presence(levels) if is_enc else head(levels).flatten(1).sigmoid()
        self.presences.append(scores[0].float())
