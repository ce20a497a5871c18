"""The command that tools/inspect_encnet.py and tools/inspect_spnet.py share."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import cv2
import pytest
from inspected import CONFIGS, write_encnet, write_spnet, write_street
from tool_modules import ROOT, import_tool

FCN = CONFIGS / 'fcn/fcn-8s_vgg13-slim_1xb8-400_scenes-192x256.py'
PLAIN = CONFIGS / 'spnet/spnet-plain_r18-d8-slim_1xb4-400_scenes-192x256.py'


@dataclass
class Inspected:
    """A tool, its network, arguments that change the weights, and what it refuses."""

    tool: ModuleType
    write: Callable[..., tuple[str, str]]
    other: dict
    refused: str
    refusal: str


CASES = {
    'inspect_encnet': Inspected(
        import_tool('inspect_encnet'),
        write_encnet,
        dict(use_se_loss=False),
        str(FCN),
        'has no mmseg_plugins.EncHead: give an EncNet',
    ),
    'inspect_spnet': Inspected(
        import_tool('inspect_spnet'),
        write_spnet,
        dict(spm_blocks=([0], [], [], [])),
        str(PLAIN),
        'has no mmseg_plugins.StripPooling: give an SPNet',
    ),
}


@pytest.fixture(params=CASES)
def name(request) -> str:
    return request.param


@pytest.fixture
def case(name) -> Inspected:
    return CASES[name]


@pytest.fixture
def files(name, case, tmp_path_factory) -> tuple[str, str, str]:
    """Config, checkpoint, image."""
    folder = tmp_path_factory.mktemp(name)
    return *case.write(folder, name), write_street(folder)


def test_one_picture_for_each_image(case, files, tmp_path, capsys):
    config, checkpoint, image = files
    images = [image, 'scene://50x70/scene_000005.png']
    case.tool.main([config, checkpoint, *images, '--out-dir', str(tmp_path / 'out')])
    pictures = sorted((tmp_path / 'out').iterdir())
    assert [p.name for p in pictures] == ['scene_000005.png', 'street.png']
    assert capsys.readouterr().out.splitlines()[-1] == str(pictures[0])
    drawn = [cv2.imread(str(p)) for p in pictures]
    assert all(picture.shape[1] == 2000 for picture in drawn)
    assert all(picture.std() > 10 for picture in drawn)
    assert (drawn[0] != drawn[1]).any()


def test_a_look_leaves_no_hook_on_the_network(case, files):
    config, checkpoint, image = files
    model, cfg = import_tool('inspect_image').load(config, checkpoint, case.tool.check)
    case.tool.look(model, cfg, image)
    assert not any(module._forward_hooks for module in model.modules())
    model.decode_head.register_forward_hook(lambda *_: None)
    assert any(module._forward_hooks for module in model.modules())  # control


def fails(case: Inspected, *arguments: str) -> str:
    with pytest.raises(SystemExit) as stop:
        case.tool.main([*arguments, '--out-dir', '/dev/null/nowhere'])
    assert '\n' not in stop.value.code
    return stop.value.code


def test_mistakes_end_in_a_sentence(case, files, tmp_path):
    config, checkpoint, image = files
    assert 'nowhere.py' in fails(case, str(tmp_path / 'nowhere.py'), checkpoint, image)
    assert 'nowhere.pth' in fails(case, config, str(tmp_path / 'nowhere.pth'), image)
    assert 'has not the weights of' in fails(case, config, image, image)
    other = case.write(tmp_path, 'other', **case.other)[1]
    assert 'has not the weights of' in fails(case, config, other, image)
    said = fails(case, case.refused, checkpoint, image)
    assert said == f'{case.refused} {case.refusal}'
    assert '/dev/null/nowhere' in fails(case, config, checkpoint, image)


def test_a_missing_or_broken_image_is_told(case, files, tmp_path):
    config, checkpoint, _ = files
    (tmp_path / 'text.png').write_text('no image')
    for image, words in (('nowhere.png', 'nowhere.png'), ('text.png', 'is no image')):
        arguments = [config, checkpoint, str(tmp_path / image)]
        with pytest.raises(SystemExit, match=words):
            case.tool.main([*arguments, '--out-dir', str(tmp_path)])


def test_from_the_command_line(name, files, tmp_path):
    script = str(ROOT / 'tools' / f'{name}.py')
    command = [sys.executable, script, *files, '--out-dir', str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / 'street.png').is_file()
