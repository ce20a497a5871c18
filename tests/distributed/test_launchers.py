"""The scripts that start a training in several processes, run as a user runs them.

Without GPUs the processes of torchrun communicate over gloo; Slurm's command is faked.
"""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.device import get_device

from mmseg_plugins.safe_loading import load
from tests.tools.tiny_training import CONFIG, OPTIONS, ROOT

TOOLS = ROOT / 'tools'


def start(script: str, *arguments: object, path: Path = TOOLS, **variables: str):
    """Run a script with this Python, and with the programs in ``path``, on the PATH."""
    folders = [path, Path(sys.executable).parent, os.environ['PATH']]
    return subprocess.run(
        ['bash', TOOLS / script, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, 'PATH': os.pathsep.join(map(str, folders)), **variables},
    )


@pytest.mark.slow
@pytest.mark.skipif(get_device() != 'cpu', reason='for machines without GPU')
def test_dist_train_trains_in_two_processes(tmp_path):
    with socket.socket() as free_socket:
        free_socket.bind(('127.0.0.1', 0))
        port = free_socket.getsockname()[1]
    done = start(
        'dist_train.sh',
        *(CONFIG, 2, '--work-dir', tmp_path, '--cfg-options', *OPTIONS),
        'train_cfg.max_iters=2',
        'model_wrapper_cfg.device_ids=None',
        PORT=str(port),
        TORCH_DISTRIBUTED_DEBUG='INFO',
        TORCH_CPP_LOG_LEVEL='INFO',
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output[-3000:]
    assert 'processes meet over gloo' in output
    assert 'DDP Initialized with' in output
    assert [path.name for path in tmp_path.glob('iter_*')] == ['iter_2.pth']
    assert len(list(tmp_path.rglob('scalars.json'))) == 1  # of the first process
    weights = load(str(tmp_path / 'iter_2.pth'))['state_dict']
    assert not [key for key in weights if key.startswith('module.')]


#: It prints its arguments, one a line.
FAKE_SRUN = '#!/usr/bin/env bash\nprintf "%s\\n" "$@"\nexit 3\n'


@pytest.mark.parametrize(
    ('tool', 'files'),
    [
        ('train', ['my config.py']),
        ('test', ['my config.py', 'weights.pth']),
        ('test', ['.']),  # a run folder
    ],
)
def test_slurm_scripts_pass_the_arguments_of_the_scripts_of_mmseg(
    tmp_path, tool, files
):
    arguments = [*files, '--cfg-options', 'model.decode_head.in_channels=[4, 8]']
    variables = dict(GPUS='16', GPUS_PER_NODE='8', SRUN_ARGS='--quotatype=auto -x n1')
    (tmp_path / 'srun').write_text(FAKE_SRUN)
    (tmp_path / 'srun').chmod(0o755)
    script = f'slurm_{tool}.sh'
    done = start(script, 'gpus', 'a job', *arguments, path=tmp_path, **variables)
    assert done.returncode == 3  # the exit code of srun
    assert done.stdout.splitlines() == [
        '--partition=gpus',
        '--job-name=a job',
        '--gres=gpu:8',
        '--ntasks=16',
        '--ntasks-per-node=8',
        '--cpus-per-task=5',
        '--kill-on-bad-exit=1',
        *('--quotatype=auto', '-x', 'n1'),
        *('python', '-u', str(TOOLS / f'{tool}.py'), *arguments),
        *('--launcher', 'slurm'),
    ]


@pytest.mark.parametrize(
    'name', ['dist_train', 'dist_test', 'slurm_train', 'slurm_test']
)
def test_a_script_without_arguments_prints_its_usage(name):
    done = start(f'{name}.sh')
    assert done.returncode != 0
    assert f'usage: tools/{name}.sh ' in done.stderr
