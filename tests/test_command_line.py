"""The command ``mmseg-plugins``."""

import subprocess
import venv
from pathlib import Path

import pytest

import mmseg_plugins_command
from mmseg_plugins_command import MIM, resolve_config

ROOT = Path(__file__).parents[1]
NAME = 'fcn/fcn-2s_vgg13-slim_1xb8-400_scenes-192x256.py'
COMMAND = 'from mmseg_plugins_command import main; main()'
pytestmark = pytest.mark.one_line


def run(*arguments: object) -> subprocess.CompletedProcess:
    """Run the command in the repository: ``run(python, tool, ...)``."""
    python, *words = map(str, arguments)
    command = [python, '-c', COMMAND, *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


@pytest.fixture(scope='module')
def bare_python(tmp_path_factory) -> Path:
    """Return a Python without any package."""
    folder = tmp_path_factory.mktemp('bare')
    venv.create(folder, symlinks=True)
    return folder / 'bin' / 'python'


@pytest.mark.parametrize('arguments', [(), ('--help',)])
def test_help_lists_tools_with_a_sentence_and_no_helpers(bare_python, arguments):
    done = run(bare_python, *arguments)
    assert done.returncode == 0
    sentences = dict(
        line.split(maxsplit=1)
        for line in done.stdout.splitlines()
        if line.startswith('  ')
    )
    assert {'train', 'test', 'check-env', 'get-flops', 'camvid'} <= set(sentences)
    helpers = {'host-tool', 'networks', 'output-file', 'trust-argument'}
    assert not helpers & set(sentences)
    assert all(sentence.endswith('.') for sentence in sentences.values())


def test_usage_of_a_tool_shows_the_command(bare_python):
    for name in ('check-env', 'check_env'):
        done = run(bare_python, name, '--help')
        assert done.stdout.startswith('usage: mmseg-plugins check-env [-h]')


def test_check_env_works_where_the_package_cannot_be_imported(bare_python):
    done = run(bare_python, 'check-env')
    assert done.returncode == 1
    assert 'Fix: pip install torch' in done.stdout
    train = run(bare_python, 'train', NAME)
    assert 'Fix: pip install torch' in train.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ('word', 'nearest'), [('trian', 'did you mean train? '), ('zzz', '')]
)
def test_an_unknown_name_ends_in_one_sentence(bare_python, word, nearest):
    done = run(bare_python, word)
    assert done.returncode == 1
    assert done.stderr == (
        f"no tool '{word}': {nearest}'mmseg-plugins --help' lists the tools\n"
    )


@pytest.mark.parametrize('prefix', ['', 'configs/', 'mmseg_plugins::'])
def test_a_config_of_the_package_is_found_by_name(prefix, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert resolve_config(prefix + NAME) == str(MIM / 'configs' / NAME)


@pytest.mark.parametrize('argument', ['--resume', 'fcn', 'fcn/other.py', 'a=b.py'])
def test_other_arguments_do_not_change(argument, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert resolve_config(argument) == argument


def test_the_users_own_file_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(NAME).parent.mkdir()
    Path(NAME).touch()
    assert resolve_config(NAME) == NAME


def test_a_checkout_without_links_says_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setattr(mmseg_plugins_command, 'MIM', tmp_path)
    with pytest.raises(SystemExit, match=r'git config core\.symlinks true'):
        mmseg_plugins_command.main()
