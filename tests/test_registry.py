"""What a config may write, each time in a fresh process: registration is global."""

import pytest
from mmengine.config import Config
from mmengine.hub import get_config

import mmseg_plugins  # noqa: F401
from tests.python_process import run_python

HEAD = 'in_channels=[8, 16, 32], in_index=[0, 1, 2], num_classes=5'
START = f"""
import importlib, sys
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS
assert 'mmseg_plugins' not in sys.modules
def head(type, **kwargs):
    return dict(type=type, {HEAD}, **kwargs)
"""
SEGMENTOR = """
custom_imports = dict(imports=['mmseg_plugins'])
model = dict(
    type='EncoderDecoder',
    backbone=dict(type='FCNVGG', depth=11, base_channels=4, fc_channels=32),
    decode_head=dict(
        type='FCNSkipHead', in_channels=[16, 32, 32], in_index=[0, 1, 2], num_classes=5,
        loss_decode=dict(type='CrossEntropyLoss'),
    ),
)
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run code in a process of its own, in a default scope, beside these modules."""

    monkeypatch.chdir(tmp_path)

    def run_code(code, scope='mmseg', **files):
        set_scope = f"DefaultScope.get_instance('test', scope_name={scope!r})\n"
        start = START + (set_scope if scope else '')
        for name, source in files.items():
            (tmp_path / f'{name}.py').write_text(source)
        done = run_python('-c', start + code)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    return run_code


@pytest.mark.parametrize('scope', ['mmseg', None])
def test_a_scoped_name_needs_no_import(run, scope):
    code = """
built = MODELS.build(head('mmseg_plugins.FCNSkipHead'))
from mmseg_plugins.decode_heads import FCNSkipHead
assert type(built) is FCNSkipHead
# The default scope of another project: only scoped names are found.
DefaultScope.get_instance('other', scope_name='mmengine')
loss = dict(type='mmseg.CrossEntropyLoss')
built = MODELS.build(head('mmseg_plugins.FCNSkipHead', loss_decode=loss))
assert type(built) is FCNSkipHead
"""
    run(code, scope=scope)


def test_plain_names_and_nested_types_after_custom_imports(run):
    code = """
stock = MODELS.get('EncHead')
cfg = Config.fromfile('config.py')
model = MODELS.build(cfg.model)
import mmseg_plugins
assert type(model.backbone) is mmseg_plugins.backbones.FCNVGG
assert type(model.decode_head) is mmseg_plugins.decode_heads.FCNSkipHead
# Names of mmseg keep their class, and a head of mmseg goes with one of ours.
from mmseg.models.decode_heads import EncHead
assert MODELS.get('EncHead') is stock is EncHead
cfg.model.decode_head = dict(
    type='FCNHead', in_channels=32, in_index=2, channels=8, num_classes=5)
cfg.model.auxiliary_head = head('mmseg_plugins.FCNSkipHead')
assert type(MODELS.build(cfg.model).decode_head).__module__.startswith('mmseg.models')
"""
    run(code, config=SEGMENTOR)


def test_classes_in_pure_python_configs(run):
    base = f"""
from mmseg.models.losses import CrossEntropyLoss
from mmseg_plugins.decode_heads import FCNSkipHead
head = dict(type=FCNSkipHead, {HEAD}, loss_decode=dict(type=CrossEntropyLoss))
"""
    config = """
from mmengine.config import read_base
with read_base():
    from .base import *
head.update(num_classes=7)
"""
    code = """
cfg = Config.fromfile('config.py', lazy_import=True)
built = MODELS.build(cfg.head)
from mmseg_plugins.decode_heads import FCNSkipHead
assert type(built) is FCNSkipHead and built.num_classes == 7
cfg.dump('dumped.py')
assert type(MODELS.build(Config.fromfile('dumped.py').head)) is FCNSkipHead
"""
    run(code, base=base, config=config)


# One import fails in this package, one in mmcv, which this package imports.
@pytest.mark.parametrize('refused', ['mmseg_plugins.decode_heads', 'mmcv.cnn'])
def test_a_failed_import_says_why(run, refused):
    code = f"""
# Control: mmengine hides the failed import of another plug-in.
try:
    MODELS.build(dict(type='other_plugin.Head'))
except KeyError as error:
    assert 'is not in the' in str(error)
else:
    raise SystemExit('the control was built')
import mmseg.models
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name == {refused!r}:
            raise ImportError('libnothing.so: cannot open shared object file')
for name in [n for n in sys.modules if n.split('.')[:2] == {refused!r}.split('.')]:
    del sys.modules[name]
sys.meta_path.insert(0, Refuse())
ways = (
    lambda: MODELS.build(head('mmseg_plugins.FCNSkipHead')),
    lambda: MODELS.build(head('mmseg_plugins.FCNSkipHead')),  # not only the first time
    lambda: Config.fromfile('config.py'),
)
for way in ways:
    try:
        way()
    except RuntimeError as error:
        print(error)
    else:
        raise SystemExit('nothing was raised')
"""
    files = dict(other_plugin='raise ImportError("libnothing.so")', config=SEGMENTOR)
    output = run(code, **files)
    assert output.count('mmseg_plugins could not be imported: ImportError') == 3
    assert output.count('libnothing.so: cannot open') == 3
    assert output.count('Fix: pip ') == 3


def test_reloading(run):
    code = """
import mmseg_plugins
from mmseg_plugins import registry
from mmseg_plugins.decode_heads import fcn_skip_head
children = dict(MODELS.children)
importlib.reload(registry)
assert MODELS.children == children
before = fcn_skip_head.FCNSkipHead
importlib.reload(fcn_skip_head)
after = fcn_skip_head.FCNSkipHead
assert before is not after
assert MODELS.get('mmseg_plugins.FCNSkipHead') is MODELS.get('FCNSkipHead') is after
"""
    assert 'belongs to' not in run(code)


@pytest.mark.parametrize('order', ['other mmseg_plugins', 'mmseg_plugins other'])
def test_another_plugin_with_the_same_plain_name(run, order):
    other = """
from mmseg.registry import MODELS
@MODELS.register_module()
class FCNSkipHead:
    pass
"""
    code = f"""
for name in {order.split()}:
    importlib.import_module(name)
import mmseg_plugins, other
assert MODELS.get('FCNSkipHead') is other.FCNSkipHead
ours = MODELS.build(head('mmseg_plugins.FCNSkipHead'))
assert type(ours) is mmseg_plugins.decode_heads.FCNSkipHead
"""
    output = run(code, other=other)
    warning = "'FCNSkipHead' belongs to other; write type='mmseg_plugins.FCNSkipHead'"
    assert (warning in output) == order.startswith('other')


def test_our_scope_as_the_default(run):
    code = """
import mmseg.registry as host
MODELS.build(head('mmseg_plugins.FCNSkipHead'))  # finds the package
built = MODELS.build(Config.fromfile('config.py').model)
import mmseg_plugins
assert type(built.decode_head) is mmseg_plugins.decode_heads.FCNSkipHead
MODELS.build(dict(
    type='FCNHead', in_channels=8, channels=8, num_classes=5, norm_cfg=dict(type='BN')))
host.TRANSFORMS.build(dict(type='Resize', scale=(8, 8)))  # mmcv's
host.VISUALIZERS.build(dict(type='SegLocalVisualizer', name='test'))
host.HOOKS.build(dict(type='CheckpointHook'))  # mmengine's
host.METRICS.build(dict(type='IoUMetric'))
"""
    run(code, scope='mmseg_plugins', config=SEGMENTOR)


def test_a_config_anywhere_can_inherit_from_mmsegs(tmp_path):
    name = 'mmseg::pspnet/pspnet_r50-d8_4xb2-40k_cityscapes-512x1024.py'
    file = tmp_path / 'change.py'
    file.write_text(f'_base_ = {name!r}')
    assert Config.fromfile(file).model.decode_head.type == 'PSPHead'
    assert get_config(name).model.decode_head.type == 'PSPHead'
