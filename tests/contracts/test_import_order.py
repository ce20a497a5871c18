"""Imports point down only: a part may import what its line names, and no more."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = 'mmseg_plugins'
MAY_IMPORT = {  # part: (parts of ours, outside packages besides the standard library)
    'environment': (set(), set()),
    'registry': (set(), {'mmengine', 'mmseg'}),
    'safe_globals': (set(), {'mmengine', 'numpy', 'torch'}),
    'fsdp': (set(), {'mmengine', 'torch'}),
    'layers': ({'registry'}, {'mmcv', 'torch'}),
    'converters': (set(), {'torch'}),
    'datasets.scenes': ({'datasets.scene_parts'}, {'cv2', 'numpy'}),
    'datasets.scene_parts': (set(), {'cv2', 'numpy'}),
    'losses': ({'registry'}, {'mmseg', 'torch'}),
    'backbones': (
        {'converters', 'layers', 'registry'},
        {'mmcv', 'mmengine', 'mmseg', 'torch'},
    ),
    'decode_heads': ({'layers', 'registry'}, {'mmcv', 'mmseg', 'torch'}),
    'datasets': (
        {'datasets.scenes', 'registry'},
        {'cv2', 'mmcv', 'mmengine', 'mmseg', 'numpy'},
    ),
    'hooks': ({'registry'}, {'mmengine', 'mmseg', 'torch'}),
    '': (
        {
            'backbones',
            'datasets',
            'decode_heads',
            'environment',
            'hooks',
            'layers',
            'losses',
            'safe_globals',
        },
        set(),
    ),
}
FORBIDDEN = ('mmcv.ops', 'pkg_resources', 'mmseg.digit_version', 'build_loss')
ROOT = Path(__file__).parents[2] / PACKAGE


def part_of(module: str) -> str:
    """Return the longest key of the table that holds a dotted name of ours."""
    inner = module.removeprefix(PACKAGE).lstrip('.')
    keys = [k for k in MAY_IMPORT if inner == k or inner.startswith(f'{k}.')]
    return max(keys, key=len, default='')


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
    blocks = [tree, *(node for node in tree.body if isinstance(node, ast.Try | ast.If))]
    top_level = [statement for block in blocks for statement in block.body]
    part = part_of(module)
    ours, outside = MAY_IMPORT[part]
    for node in ast.walk(tree):
        for name in imported_names(node, module):
            root = name.split('.')[0]
            if node not in top_level:
                yield f'{module} imports {name} inside a function'
            if any(word in name for word in FORBIDDEN):
                yield f'{module} imports {name}, which the host does not always have'
            if root == PACKAGE:
                if part_of(name) not in ours | {part} - {''}:
                    yield f'{module} imports {name}, which is not below it'
            elif root not in outside | set(sys.stdlib_module_names):
                yield f'{module} imports {name}, which is outside its table'


def modules() -> list[tuple[str, Path]]:
    found = []
    for path in sorted(ROOT.rglob('*.py')):
        parts = path.relative_to(ROOT.parent).with_suffix('').parts
        found.append(('.'.join(parts), path))
    return found


@pytest.mark.parametrize(('module', 'path'), modules(), ids=[m for m, _ in modules()])
def test_imports_point_down(module, path):
    assert list(violations(path.read_text(), module)) == []


@pytest.mark.parametrize(
    ('module', 'source', 'complaint'),
    [
        ('layers.upsample', 'import mmseg', 'outside its table'),
        ('layers.upsample', 'from mmseg_plugins.losses import SELoss', 'not below'),
        ('layers.upsample', 'from ..losses import SELoss', 'not below'),
        ('backbones.dfanet', 'from mmseg_plugins import decode_heads', 'not below'),
        ('datasets.scenes', 'from .synthetic import Scenes', 'not below'),
        ('hooks.x', 'def f():\n    import mmengine', 'inside a function'),
        ('backbones.x', 'from mmcv.ops import roi_align', 'not always have'),
    ],
)
def test_control_a_forbidden_import_is_found(module, source, complaint):
    found = ' '.join(violations(source, f'{PACKAGE}.{module}'))
    assert complaint in found


def test_every_part_of_the_package_has_a_line():
    parts = {
        part_of(module) for module, path in modules() if path.name != '__init__.py'
    }
    assert '' not in parts
