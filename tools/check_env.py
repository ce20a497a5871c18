"""Print what is installed for MMSegmentation, each problem, and how to fix it.

It needs Python only, and imports each package in a process of its own, which may crash.
The exit code is 1 if there is a problem.
"""

import argparse
import importlib.util
import re
import subprocess
import sys
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TRIALS = {
    'torch': (
        'import torch; print(torch.__version__, "built for CUDA", torch.version.cuda, '
        '"- available:", torch.cuda.is_available())'
    ),
    'numpy': 'import numpy; print(numpy.__version__)',
    'cv2': 'import cv2; print("OpenCV", cv2.__version__)',
    'torchvision': 'import torchvision; print(torchvision.__version__)',
    'mmengine': 'import mmengine.runner; print(mmengine.__version__)',
    'mmcv': (
        'import mmcv.cnn; from importlib.util import find_spec; '
        'print(mmcv.__version__, "- operators:", find_spec("mmcv._ext") is not None)'
    ),
    'mmseg': 'import mmseg.models; print(mmseg.__version__)',
    'mmpretrain': 'import mmpretrain.models; print(mmpretrain.__version__)',
    'mmseg_plugins': (
        'import mmseg_plugins.environment; from mmseg.registry import MODELS; '
        'names = list(MODELS.children["mmseg_plugins"].module_dict); '
        'print(mmseg_plugins.__version__, "registers", names[0], *names[1:])'
    ),
    'resume with weights_only': """
import tempfile, mmseg_plugins.safe_loading, torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader
with tempfile.NamedTemporaryFile(suffix='.pth') as file:
    torch.save(HistoryBuffer([torch.ones(1).numpy()[0]], [1]), file.name)
    CheckpointLoader.load_checkpoint(file.name, 'cpu')
print('works with our tools and configs, which import mmseg_plugins.safe_loading')
""",
}
ERROR = re.compile(r'[\w.]+(Error|Exception)\b')
OPTIONAL = ('torchvision', 'mmpretrain')


def load_environment() -> types.ModuleType:
    """Load environment.py of the installed package, the checkout or the wheel."""
    spec = importlib.util.find_spec('mmseg_plugins')
    roots = list(spec.submodule_search_locations or ()) if spec else []
    parents = Path(__file__).resolve().parents
    for root in [*roots, parents[1] / 'mmseg_plugins', parents[2]]:
        path = Path(root, 'environment.py')
        if path.is_file():
            spec = importlib.util.spec_from_file_location('environment', path)
            module = importlib.util.module_from_spec(spec)
            sys.modules[spec.name] = module
            spec.loader.exec_module(module)
            return module
    sys.exit('environment.py is missing: reinstall mmseg-plugins.')


def run(code: str) -> tuple[bool, str]:
    """Run code in a process of its own; return whether it succeeded, and its output."""
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    output = done.stderr if done.returncode else done.stdout
    return not done.returncode, output.strip() or f'exit code {done.returncode}'


def main() -> int:
    """Print versions and findings; return the exit code."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    environment = load_environment()
    print(f'python: {sys.version.split()[0]}, {sys.executable}')
    for name, owners in environment.installed_owners().items():
        versions = [f'{owner} {environment.version_of(owner)}' for owner in owners]
        print(f'{name} belongs to: {" and ".join(versions) or "no distribution"}')
    findings = environment.find_problems()
    may_be_missing = (*OPTIONAL, *environment.MINIMUM)  # findings already name these
    names = [
        name
        for name in TRIALS
        if name not in may_be_missing or environment.is_importable(name)
    ]
    results = ThreadPoolExecutor(4).map(run, [TRIALS[name] for name in names])
    for name, (works, output) in zip(names, results, strict=True):
        lines = output.splitlines()
        line = lines[-1] if works else [*lines, *filter(ERROR.match, lines)][-1]
        print(f'{name}: {line}', flush=True)
        fix = environment.fix_for(f'{name}: {output}')
        if not works and fix not in [finding.fix for finding in findings]:
            findings.append(environment.Finding(f'{name} fails: {line}', fix))
    for number, finding in enumerate(findings, 1):
        print(f'\n{number}. {finding.message}\n   Fix: {finding.fix}')
    print('' if findings else '\nNothing is wrong.')
    return int(bool(findings))


if __name__ == '__main__':
    sys.exit(main())
