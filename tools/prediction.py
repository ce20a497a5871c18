"""Predict the classes of an image as tools/test.py does; a large one in windows."""

import math
from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import NamedTuple

import cv2
import mmcv
import numpy as np
import torch
from mmcv.transforms import LoadAnnotations
from mmengine.dataset import Compose
from mmseg.datasets.transforms import LoadImageFromNDArray
from mmseg.models.utils import resize
from networks import find_test_dataset
from sources import PREDICTABLE, read_image
from torch import Tensor, nn

from mmseg_plugins.datasets import LoadMultiChannelImage
from mmseg_plugins.datasets.multi_channel import MULTI_CHANNEL_SUFFIXES
from mmseg_plugins.decode_heads import EncHead, PresenceHead

#: Up to this many pixels (1024 x 2048) after the pipeline, an image stays whole.
WHOLE_PIXELS = 2**21
#: Windows have at most this many pixels, or those of one training crop.
WINDOW_PIXELS = 2**20


class Prediction(NamedTuple):
    """Classes and confidences (H, W), uint8, and the presence (K,) or None.

    The confidence is the softmax probability of the label times 255, of logits divided
    by the temperature of the checkpoint. The presence is the probability from 0 to 1
    that a class occurs, from an EncHead or a PresenceHead.
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
        absent_below: Classes with a presence below this are not predicted; the class
            with the highest presence always can be. None leaves all classes.

    Raises:
        ValueError: If the pipeline does not begin with ``LoadImageFromFile`` or
            ``LoadMultiChannelImage``, the model has more classes than an 8-bit mask can
            hold, or ``absent_below`` is not from 0 to 1 or given for a model that
            predicts no presence.
    """

    track = staticmethod(lambda items, total, text: items)  # may show the progress

    def __init__(self, model: nn.Module, absent_below: float | None = None) -> None:
        first, *steps = Compose(find_test_dataset(model.cfg).pipeline).transforms
        self.is_multi_channel = isinstance(first, LoadMultiChannelImage)
        if not isinstance(
            first, mmcv.transforms.LoadImageFromFile | LoadMultiChannelImage
        ):
            raise ValueError(
                f'the test pipeline begins with {type(first).__name__}: must be '
                'LoadImageFromFile or LoadMultiChannelImage, to read images from files'
            )
        if model.num_classes > 255:
            raise ValueError(f'num_classes={model.num_classes}: must be at most 255')
        self.model, self.load = model, first
        to_float32 = self.is_multi_channel or first.to_float32
        self.start = LoadImageFromNDArray(to_float32=to_float32)
        #: How the names of the files end that it reads.
        self.suffixes = PREDICTABLE
        if self.is_multi_channel:
            self.suffixes = MULTI_CHANNEL_SUFFIXES
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
        if absent_below is not None and not 0 <= absent_below <= 1:
            raise ValueError(f'--suppress-absent {absent_below}: must be from 0 to 1')
        if absent_below is not None and not heads:
            raise ValueError(
                f'--suppress-absent {absent_below}: the network predicts no presence; '
                'leave it out, or train with an EncHead with use_se_loss=True, or with '
                'a PresenceHead'
            )
        self.absent_below = absent_below

    def read(self, address: str) -> np.ndarray:
        """Return the image of a file: (H, W, 3), BGR, or (H, W, C) of a TIFF or .npy.

        Raises:
            OSError: If it cannot be read.
            ValueError: If it is not an image.
        """
        if self.is_multi_channel:
            return self.load.read(address)
        return read_image(address, self.decode)

    def read_named(self, address: str) -> np.ndarray:
        """Return the image of a file; an error is a ValueError with its name."""
        try:
            return self.read(address)
        except (OSError, ValueError) as error:
            raise ValueError(f'{address}: {error}; restore or remove it') from error

    def picture(self, image: np.ndarray) -> np.ndarray:
        """Return what to show of an image, (H, W, 3), RGB, uint8."""
        if self.is_multi_channel:
            return self.load.draw(image)
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)

    def decode(self, content: bytes) -> np.ndarray | None:
        """Return the image (H, W, 3), BGR, of a file's content; None if it is none."""
        kwargs = dict(flag=self.load.color_type, backend=self.load.imdecode_backend)
        return mmcv.imfrombytes(content, **kwargs)

    @torch.inference_mode()
    def __call__(self, image: np.ndarray) -> Prediction:
        """Predict an image from :meth:`read`; the result has its size."""
        logits, presence = self.predict_logits(image)
        kept = self.find_present(presence, self.absent_below)
        labels, confidence = self.classify(logits, image.shape[:2], kept)
        return Prediction(
            labels.cpu().numpy(),
            (confidence * 255).round().byte().cpu().numpy(),
            None if presence is None else presence.cpu().numpy(),
        )

    def predict_logits(self, image: np.ndarray) -> tuple[Tensor, Tensor | None]:
        """Return the logits (1, C, h, w) of an image, and the presence (K,) or None.

        They have the size of the image after the pipeline.
        """
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
        return logits, presence

    def find_present(
        self, presence: Tensor | None, absent_below: float | None
    ) -> list[bool] | None:
        """Return which classes can be predicted; None if all, without a threshold."""
        if presence is None or absent_below is None:
            return None
        if len(presence) == 1:  # that of label 1
            presence = torch.cat([torch.ones_like(presence), presence])
        return (presence >= presence.max().clamp(max=absent_below)).tolist()

    def score_maps(self, logits: Tensor, size: tuple) -> Iterator[Tensor]:
        """Resize logits (1, C, h, w), and yield the map (H, W) of each label.

        One after the other: all of a large photo would not fit into the memory. With
        ``out_channels=1``, that of label 0 is zero.
        """
        align = self.model.align_corners
        if logits.shape[1] == 1:
            yield logits.new_zeros(size, dtype=torch.float32)
        for part in logits.float().split(1, 1):
            yield resize(part, size, None, 'bilinear', align, False)[0, 0]

    def classify(
        self, logits: Tensor, size: tuple, kept: list[bool] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the labels (H, W), uint8, and their confidences from 0 to 1.

        Args:
            logits: (1, C, h, w), of :meth:`predict_logits`.
            size: Height and width of the image.
            kept: Which labels can be predicted.
        """
        maps = partial(self.score_maps, logits, size)
        is_kept = kept or [True] * max(logits.shape[1], 2)
        best = torch.full(size, -math.inf, device=logits.device)
        labels = torch.zeros_like(best, dtype=torch.uint8)
        if logits.shape[1] == 1 and all(is_kept):
            *_, best = maps()
            labels = (best.sigmoid() > self.model.decode_head.threshold).byte()
            best = best * labels
        else:
            for label, scores in enumerate(maps()):
                if is_kept[label]:
                    labels[scores > best] = label
                    best = torch.maximum(best, scores)
        temperature, total = self.temperature_at(labels), torch.zeros_like(best)
        for label, scores in enumerate(maps()):
            if is_kept[label]:
                total += (scores - best).div_(temperature).exp_()
        return labels, total.reciprocal_()

    def temperature_at(self, labels: Tensor) -> Tensor:
        """Return the temperature of predicted labels (H, W), shape (H, W) or (1,)."""
        temperature = self.model.temperature.to(labels.device)
        return temperature[labels.long()] if len(temperature) > 1 else temperature

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

    def _keep_presence(self, module: nn.Module, args: tuple, levels: tuple) -> None:
        head = self.presence_head
        is_enc = isinstance(head, EncHead)
        scores = head.presence(levels) if is_enc else head(levels).flatten(1).sigmoid()
        self.presences.append(scores[0].float())
