"""The text of a config for own data, which new.py writes."""

import keyword
from typing import Any

TEMPLATE = '''\
"""{title}

Run:      mmseg-plugins train {file}{place}
Measured: {summary}
Chosen:   sizes, batch and iterations for a {device}; change what does not fit
"""

_base_ = {bases}
data = {data}
scale = {scale}  # images are resized to fit into this width and height
crop_size = {crop_size}  # height and width
max_iters = {max_iters}
train_pipeline = [
    dict(type='mmseg_plugins.SeedByPosition'),
    dict(type='LoadImageFromFile'),
    _base_.load_labels,
    dict(type='RandomResize', scale=scale, ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs'),
]
resize = dict(type='Resize', scale=scale, keep_ratio=True)
load_image = dict(type='LoadImageFromFile')
test_pipeline = [load_image, resize, _base_.load_labels, dict(type='PackSegInputs')]
tta = dict(type='TestTimeAug', transforms=[[resize], *_base_.tta_after_resize])
tta_pipeline = [load_image, tta]
train_set = dict(**data, pipeline=train_pipeline)
test_set = dict(**data, pipeline=test_pipeline)
train_dataloader = dict(batch_size={batch_size}, dataset=train_set)
val_dataloader = dict(dataset=test_set)
test_dataloader = dict(dataset={test_set})
{comment}model = {model}
optim_wrapper = dict(optimizer=dict(lr={lr}))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end={warmup}, by_epoch=False),
    dict(type='PolyLR', power=0.9, begin={warmup}, end=max_iters, by_epoch=False),
]
train_cfg = dict(max_iters=max_iters, val_interval={interval})
default_hooks = dict(checkpoint=dict(interval={interval}))
'''


class Code(str):
    """A piece of Python that stands in a value as it is."""

    __repr__ = str.__str__


def format_value(value: Any, indent: int = 0, before: int = 0) -> str:
    """Format as ruff does: on one line of 88 columns, or an item on each line.

    Args:
        value: Dicts, lists and tuples of what ``repr`` shows.
        indent: Spaces before the line that the value ends in.
        before: Length of the text before the value on its line, without ``indent``.
    """
    if isinstance(value, dict):
        is_call = all(k.isidentifier() and not keyword.iskeyword(k) for k in value)
        start, end = ('dict(', ')') if is_call else ('{', '}')
        heads = [f'{key}=' if is_call else f'{key!r}: ' for key in value]
        values = list(value.values())
    elif isinstance(value, list | tuple):
        start, end, heads, values = '[', ']', [''] * len(value), list(value)
    else:
        return repr(value)
    items = [
        head + format_value(item, indent + 4, len(head))
        for head, item in zip(heads, values, strict=True)
    ]
    line = f'{start}{", ".join(items)}{end}'
    if '\n' not in line and indent + before + len(line) < 88:
        return line
    lines = [f'{" " * (indent + 4)}{item},' for item in items]
    return '\n'.join([start, *lines, ' ' * indent + end])


def differences(new: dict, base: dict) -> dict:
    """Return what a config has to say to turn ``base`` into ``new``."""
    return {
        key: differences(value, base[key])
        if isinstance(value, dict) and key in base
        else value
        for key, value in new.items()
        if format_value(value) != format_value(base.get(key))
    }
