"""What the tests of converters share: networks in float64, as after a training."""

from pathlib import Path

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

WIDTH, CLASSES = 4, 5
COMMON = dict(num_classes=CLASSES, norm_cfg=dict(type='BN'), align_corners=True)
#: The auxiliary head of the authors' networks, on the third stage.
AUXILIARY = dict(
    type='mmseg.FCNHead',
    in_channels=16 * WIDTH,
    in_index=2,
    channels=4 * WIDTH,
    num_convs=1,
    concat_input=False,
    **COMMON,
)


def segmentor(backbone: dict, decode_head: dict, aux: bool) -> nn.Module:
    """Build a network for testing out of a backbone and a head of the sizes above."""
    cfg = dict(
        type='mmseg.EncoderDecoder',
        backbone=dict(backbone, norm_cfg=dict(type='BN')),
        decode_head=dict(decode_head, **COMMON),
    )
    if aux:
        cfg['auxiliary_head'] = AUXILIARY
    return MODELS.build(cfg).double().eval()


def trained(net: nn.Module) -> nn.Module:
    """Make the network float64, with batch norms as after a training, for testing."""
    for module in net.double().modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            for tensor in (module.weight.data, module.running_var):
                tensor.uniform_(0.5, 1.5)
            for tensor in (module.bias.data, module.running_mean):
                tensor.normal_(std=0.2)
            module.num_batches_tracked.fill_(7)
    return net.eval()


@torch.no_grad()
def outputs(model: nn.Module, image: Tensor) -> tuple[Tensor, Tensor | None]:
    """Logits at the size of the image, and those of the auxiliary head."""
    logits = model.encode_decode(image, [dict(img_shape=image.shape[2:])] * len(image))
    if not model.with_auxiliary_head:
        return logits, None
    return logits, model.auxiliary_head(model.extract_feat(image))


def initialised(
    backbone: nn.Module, weights: dict[str, Tensor], folder: Path
) -> nn.Module:
    """Give a backbone its weights as a config's init_cfg does, from a file."""
    checkpoint = str(folder / 'backbone.pth')
    torch.save(dict(state_dict=weights), checkpoint)
    backbone.init_cfg = dict(
        type='Pretrained', checkpoint=checkpoint, prefix='backbone.'
    )
    backbone.init_weights()
    return backbone
