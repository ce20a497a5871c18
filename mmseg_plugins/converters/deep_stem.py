"""What the networks of PyTorch-Encoding's family share: a deep-stem ResNet, FCN's head.

Source: zhanghang1989/PyTorch-Encoding, encoding/models (resnet.py, fcn.py), MIT.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from torch import Tensor

#: A layer: its name in the source, its name in the result, its tensors.
Layer = tuple[str, str, tuple[str, ...]]

BIASED = ('weight', 'bias')
KERNEL = ('weight',)
NORM = ('weight', 'bias', 'running_mean', 'running_var')
#: What the authors' own SyncBN and PyTorch before 0.4.1 do not store.
COUNTER = 'num_batches_tracked'

AUXILIARY: tuple[Layer, ...] = (
    ('auxlayer.conv5.0', 'auxiliary_head.convs.0.conv', KERNEL),
    ('auxlayer.conv5.1', 'auxiliary_head.convs.0.bn', NORM),
    ('auxlayer.conv5.4', 'auxiliary_head.conv_seg', BIASED),
)
_STEM: tuple[Layer, ...] = (
    ('conv1.0', 'stem.0', KERNEL),
    ('conv1.1', 'stem.1', NORM),
    ('conv1.3', 'stem.3', KERNEL),
    ('conv1.4', 'stem.4', NORM),
    ('conv1.6', 'stem.6', KERNEL),
    ('bn1', 'stem.7', NORM),
)
_NUM_STAGES = 4


def unwrap(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """Take the weights out of ``state_dict``, and ``module.`` off their names."""
    if isinstance(checkpoint.get('state_dict'), Mapping):
        checkpoint = checkpoint['state_dict']
    return {key.removeprefix('module.'): value for key, value in checkpoint.items()}


def refuse_our_keys(source: Iterable[str]) -> None:
    """Raise a ValueError if the weights have the keys of MMSegmentation already."""
    for key in source:
        if key.startswith(('backbone.', 'decode_head.')):
            raise ValueError(
                f"{key!r} is a key of MMSegmentation's models, not of the authors': "
                'give the checkpoint to load_from as it is'
            )


def backbone_prefix(source: Iterable[str]) -> str:
    """Return what the backbone's names start with: nothing in an ImageNet file."""
    whole = any(key.startswith(('pretrained.', 'head.')) for key in source)
    return 'pretrained.' if whole else ''


def count_blocks(source: Iterable[str], prefix: str) -> list[int]:
    """Tell by the keys how many blocks each stage has; one that is missing has 1."""
    found: list[set[str]] = [set() for _ in range(_NUM_STAGES)]
    for stage, blocks in enumerate(found, 1):
        start = f'{prefix}layer{stage}.'
        blocks |= {k[len(start) :].split('.')[0] for k in source if k.startswith(start)}
    return [max(len(blocks), 1) for blocks in found]


def resnet_layers(prefix: str, blocks: list[int]) -> Iterator[Layer]:
    """Yield the layers of a deep-stem ResNet of bottleneck blocks."""
    for theirs, ours, slots in _STEM:
        yield f'{prefix}{theirs}', f'backbone.{ours}', slots
    for stage, count in enumerate(blocks, 1):
        for index in range(count):
            for layer, slots in _block_layers(first=index == 0):
                place = f'layer{stage}.{index}.{layer}'
                yield f'{prefix}{place}', f'backbone.{place}', slots


def _block_layers(*, first: bool) -> Iterator[tuple[str, tuple[str, ...]]]:
    for i in (1, 2, 3):
        yield f'conv{i}', KERNEL
        yield f'bn{i}', NORM
    if first:
        yield 'downsample.0', KERNEL
        yield 'downsample.1', NORM


def rename(
    source: Mapping[str, Tensor], layers: Iterable[Layer], network: str
) -> dict[str, Tensor]:
    """Use every key once; only the counters of batch norms may be missing.

    The ImageNet classifier ``fc`` is left out.

    Args:
        source: Weights by name.
        layers: All that the network has.
        network: What to call it in an error, such as ``the authors' EncNet``.

    Raises:
        KeyError: If a layer is missing, or a key belongs to none.
    """
    left = {key: v for key, v in source.items() if not _is_classifier(key)}
    renamed = {}
    for old, new, slots in layers:
        for slot in slots:
            if f'{old}.{slot}' not in left:
                raise KeyError(
                    f"'{old}.{slot}' is missing, which {network} has: give the weights "
                    'of one such network, or of its ResNet alone, whose blocks are '
                    'bottlenecks and whose stem is deep (resnet50s, 101s, 152s)'
                )
            renamed[f'{new}.{slot}'] = left.pop(f'{old}.{slot}')
        counter = left.pop(f'{old}.{COUNTER}', None)
        if slots is NORM and counter is not None:
            renamed[f'{new}.{COUNTER}'] = counter
    if left:
        raise KeyError(
            f"'{next(iter(left))}' is no key of {network} with a deep-stem ResNet "
            f'({len(left)} such keys): give the weights of that network alone'
        )
    return renamed


def _is_classifier(key: str) -> bool:
    return key.removeprefix('pretrained.') in ('fc.weight', 'fc.bias')
