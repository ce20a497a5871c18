"""Checks of the installation, and a command that fixes each problem.

It imports the standard library only: ``tools/check_env.py`` loads this file by its path
where nothing else can be imported.
"""

import importlib.util
import re
import warnings
from importlib import metadata
from typing import NamedTuple

#: Distributions that install the same import name and overwrite each other's files.
OWNERS = {
    'mmengine': ('onedl-mmengine', 'mmengine', 'mmengine-lite'),
    'mmcv': ('onedl-mmcv', 'mmcv', 'mmcv-lite', 'mmcv-full'),
    'mmseg': ('onedl-mmsegmentation', 'mmsegmentation'),
    'mmpretrain': ('onedl-mmpretrain', 'mmpretrain'),
}
HOSTS = ('mmengine', 'mmcv', 'mmseg')
#: The oldest versions that work: dotted types need mmengine 0.8.
MINIMUM = {
    'torch': '2.1',
    'mmengine': '0.8.0',
    'mmcv': '2.0.0',
    'mmseg': '1.0.0',
    'mmpretrain': '1.0.0',
}

INSTALL_ONEDL = (
    "pip install 'onedl-mmengine>=0.10.8' 'onedl-mmcv>=2.3' 'onedl-mmsegmentation>=1.4'"
)
INSTALL_UPSTREAM = (
    "pip install 'mmengine>=0.10.6,<1' 'mmcv>=2.0.0,<2.2.0' 'mmsegmentation>=1.2,<2'"
    " ftfy regex 'numpy<2.3' 'setuptools<81'"
)
_UNINSTALL = 'pip uninstall -y '
_OPENCV = f'{_UNINSTALL}opencv-python opencv-python-headless && pip install '
#: A pattern in the error of a failed import, and the command that fixes it. check_env
#: puts the module before the error.
_FIXES = {
    r"No module named '(ftfy|regex)'": 'pip install ftfy regex',
    r"No module named 'cv2'|'cv2' has no attribute": f'{_OPENCV}opencv-python',
    r"No module named 'numpy'": 'pip install numpy',
    r"No module named 'pkg_resources'": "pip install 'setuptools<81'",
    r'Adafactor is already registered': "pip install 'mmengine>=0.10.6,<1'",
    r'torchvision::nms': f'{_UNINSTALL}torchvision  # only mmpretrain needs it',
    r'libGL\.so': f'{_OPENCV}opencv-python-headless',
    r'_ARRAY_API|numpy\.core\.multiarray failed': "pip install 'numpy<2'",
    r"(No module named|from) 'mmseg_plugins": 'pip install -e .  # in the repository',
    r'^cv2: ': f'{_OPENCV}opencv-python',
    r'^numpy: ': 'pip install --force-reinstall numpy',
    r'^torch: ': 'pip install --force-reinstall torch',
}
#: A pattern in an error that only the maintained line does not have.
_NEEDS_ONEDL = r'mmcv\._ext|MMCV==\S+ is used but|Weights only load failed'


class Finding(NamedTuple):
    """A problem, the command that fixes it, and whether the package cannot work."""

    message: str
    fix: str
    fatal: bool = False


def check_host() -> None:
    """Check the installation before mmseg is imported; warn if it may still work.

    Raises:
        RuntimeError: If a package that is needed is missing or too old.
    """
    for finding in find_problems():
        text = f'{finding.message} Fix: {finding.fix}'
        if finding.fatal:
            raise RuntimeError(text)
        warnings.warn(text, stacklevel=3)


def find_problems() -> list[Finding]:
    """Compare what is installed with what this package needs."""
    owners = installed_owners()
    install = _install_command(owners)
    findings = []
    # A source checkout on PYTHONPATH has no metadata, so ask for modules here.
    if not is_importable('torch'):
        findings.append(Finding('PyTorch is missing.', 'pip install torch', fatal=True))
    missing = [name for name in HOSTS if not is_importable(name)]
    if missing:
        message = f'MMSegmentation is incomplete: no {", ".join(missing)} can be found.'
        # Pip believes that a distribution is installed after its files were deleted.
        fix = _reinstall(owners) if any(owners[name] for name in missing) else install
        findings.append(Finding(message, fix, fatal=True))
    for name, minimum in MINIMUM.items():
        installed = owners.get(name, [name])
        version = version_of(installed[0]) if installed else None
        if len(installed) > 1:
            both = ' and '.join(installed)
            message = f"{both} are both installed and overwrite each other's files."
            findings.append(Finding(message, _reinstall(owners)))
        elif version and _release(version) < _release(minimum):
            message = f'{installed[0]} {version} is too old: at least {minimum} needed.'
            fix = _reinstall(owners) if name in owners else 'pip install -U torch'
            findings.append(Finding(message, fix, fatal=True))
    return findings


def installed_owners() -> dict[str, list[str]]:
    """Return the installed distributions that own each import name."""
    return {
        name: [distribution for distribution in candidates if version_of(distribution)]
        for name, candidates in OWNERS.items()
    }


def version_of(distribution: str) -> str | None:
    """Return the installed version of a distribution; None if it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def is_importable(name: str) -> bool:
    """Return whether a top-level module can be found; it is not imported."""
    return importlib.util.find_spec(name) is not None


def fix_for(error: str) -> str:
    """Return the command that fixes a failed import, given the text of its error."""
    if 'Fix: ' in error:  # an error of this package
        return error.rpartition('Fix: ')[2].splitlines()[0]
    for pattern, fix in _FIXES.items():
        if re.search(pattern, error):
            return fix
    owners = installed_owners()
    needs_onedl = re.search(_NEEDS_ONEDL, error)
    return _reinstall(owners, INSTALL_ONEDL if needs_onedl else None)


def _reinstall(owners: dict[str, list[str]], install: str | None = None) -> str:
    """Return a command that removes all hosts of both lines, then installs one line.

    Distributions of one import name delete each other's files. So pip has to forget all
    of them: it does not install again what it believes to be installed.
    """
    install = install or _install_command(owners)
    if owners['mmpretrain']:
        onedl = install == INSTALL_ONEDL
        install += " 'onedl-mmpretrain>=1.3'" if onedl else ' mmpretrain'
    names = [distribution for names in owners.values() for distribution in names]
    return f'{_UNINSTALL}{" ".join(names)} && {install}' if names else install


def _install_command(owners: dict[str, list[str]]) -> str:
    """Return the command of the line of mmseg or, without mmseg, of the other hosts."""
    distributions = owners['mmseg'] or owners['mmengine'] + owners['mmcv']
    if not distributions or any(name.startswith('onedl-') for name in distributions):
        return INSTALL_ONEDL
    return INSTALL_UPSTREAM


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r'\d+', version)[:3])
