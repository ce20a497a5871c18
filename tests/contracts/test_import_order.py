"""Imports point down only: a part may import what its line names, and no more."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = 'mmseg_plugins'
HOST = {'mmcv', 'mmengine', 'mmseg', 'torch'}
MAY_IMPORT = {  # part: (parts of ours, outside packages besides the standard library)
    '__main__': (set(), {'mmseg_plugins_command'}),
    'environment': (set(), set()),
    'registry': ({'environment'}, {'mmengine', 'mmseg'}),
    'safe_unpickling': (set(), {'mmengine', 'numpy', 'torch'}),
    'safe_loading': ({'safe_unpickling'}, {'mmengine', 'torch'}),
    'fsdp': (set(), {'mmengine', 'torch'}),
    'layers': ({'registry'}, {'mmcv', 'mmengine', 'torch'}),
    'losses': ({'registry'}, {'mmseg', 'numpy', 'torch'}),
    'timm_weights': (set(), {'mmengine', 'timm', 'torch'}),
    'backbones': ({'layers', 'registry'}, HOST),
    'decode_heads': ({'layers', 'losses', 'registry'}, HOST),
    'data_preprocessor': ({'registry'}, {'mmseg', 'torch'}),
    'datasets': (
        {'registry'},
        HOST - {'torch'} | {'PIL', 'cv2', 'numpy', 'rich', 'tifffile'},
    ),
    'confidence': (set(), {'torch'}),
    'drawing': (set(), {'PIL', 'cv2', 'numpy'}),
    'run_folder': (set(), set()),
    'checkpoint_files': (set(), {'mmengine', 'torch'}),
    'report': (
        {'backbones', 'decode_heads', 'drawing', 'layers', 'run_folder'},
        HOST | {'PIL', 'cv2', 'jinja2', 'markupsafe', 'matplotlib', 'numpy'},
    ),
    'hooks': (
        {
            'checkpoint_files',
            'datasets',
            'layers',
            'registry',
            'report',
            'safe_unpickling',
        },
        HOST | {'numpy'},
    ),
    'named_networks': (set(), {'mmengine', 'mmseg', 'torch'}),
    'converters': ({'backbones', 'decode_heads', 'layers'}, {'torch'}),
    '': (
        {
            'backbones',
            'data_preprocessor',
            'datasets',
            'decode_heads',
            'environment',
            'hooks',
            'layers',
            'losses',
            'named_networks',
        },
        set(),
    ),
}
NOT_IN_EVERY_HOST = ('mmcv.ops', 'pkg_resources', 'mmseg.digit_version', 'build_loss')
ROOT = Path(__file__).parents[2] / PACKAGE


def part_of(module: str) -> str:
    """Return the part of the package that a dotted name belongs to."""
    part = module.removeprefix(PACKAGE).lstrip('.').split('.')[0]
    return part if part in MAY_IMPORT else ''


def imported_names(node: ast.AST, module: str) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = node.module or ''
        if node.level:
            base = '.'.join([*module.split('.')[: -node.level], base]).rstrip('.')
        return [f'{base}.{alias.name}' for alias in node.names]
    return []


def violations(source: str, module: str) -> Iterator[str]:
    """Yield a sentence for each import of ``source`` that the table forbids."""
    tree = ast.parse(source)
    blocks = [tree, *(node for node in tree.body if isinstance(node, ast.Try))]
    top_level = [statement for block in blocks for statement in block.body]
    part = part_of(module)
    ours, outside = MAY_IMPORT[part]
    for node in ast.walk(tree):
        for name in imported_names(node, module):
            root = name.split('.')[0]
            if node not in top_level:
                yield f'{module} imports {name} inside a function'
            if any(word in name for word in NOT_IN_EVERY_HOST):
                yield f'{module} imports {name}, which not every host has'
            if root == PACKAGE:
                if part_of(name) not in ours | {part} - {''}:
                    yield f'{module} imports {name}, which is not below it'
            elif root not in outside | set(sys.stdlib_module_names):
                yield f'{module} imports {name}, which is not in its line'


def modules() -> dict[str, Path]:
    return {
        '.'.join(path.relative_to(ROOT.parent).with_suffix('').parts): path
        for path in sorted(ROOT.rglob('*.py'))
    }


@pytest.mark.parametrize(('module', 'path'), modules().items(), ids=modules())
def test_imports_point_down(module, path):
    assert list(violations(path.read_text(), module)) == []


@pytest.mark.parametrize(
    ('module', 'source', 'complaint'),
    [
        ('layers.upsample', 'import mmseg', 'not in its line'),
        ('layers.upsample', 'from mmseg_plugins.losses import SELoss', 'not below'),
        ('layers.upsample', 'from ..losses import SELoss', 'not below'),
        ('backbones.fcn_vgg', 'from mmseg_plugins import converters', 'not below'),
        ('hooks.x', 'def f():\n    import mmengine', 'inside a function'),
        ('backbones.x', 'from mmcv.ops import roi_align', 'not every host'),
    ],
)
def test_control_a_forbidden_import_is_found(module, source, complaint):
    assert complaint in ' '.join(violations(source, f'{PACKAGE}.{module}'))
