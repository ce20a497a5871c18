"""What is wrong with an installation, and the command that mends it.

Standard library only: ``tools/check_env.py`` loads this file by its path where nothing
else can be imported.
"""

import importlib.util
import re
import warnings
from dataclasses import dataclass
from importlib import metadata

#: The distributions that install the same import name, over one another's files.
OWNERS = {
    'mmengine': ('onedl-mmengine', 'mmengine', 'mmengine-lite'),
    'mmcv': ('onedl-mmcv', 'mmcv', 'mmcv-lite', 'mmcv-full'),
    'mmseg': ('onedl-mmsegmentation', 'mmsegmentation'),
    'mmpretrain': ('onedl-mmpretrain', 'mmpretrain'),
}
HOSTS = ('mmengine', 'mmcv', 'mmseg')
#: The oldest that can work: mmengine 0.8 is the first with dotted types.
MINIMUM = {'torch': '2.1', 'mmengine': '0.8.0', 'mmcv': '2.0.0', 'mmseg': '1.0.0'}

INSTALL_ONEDL = (
    "pip install 'onedl-mmengine>=0.10.8' 'onedl-mmcv>=2.3' 'onedl-mmsegmentation>=1.4'"
)
INSTALL_UPSTREAM = (
    "pip install 'mmengine>=0.10.6,<1' 'mmcv>=2.0.0,<2.2.0' 'mmsegmentation>=1.2,<2'"
    " ftfy regex 'numpy<2.3' 'setuptools<81'"
)
_TO_ONEDL = (
    'pip uninstall -y mmsegmentation mmengine mmcv mmcv-lite mmcv-full && '
    + INSTALL_ONEDL
)
_MEND = 'Mend it with: '
#: What the error of a failed import shows, and the command that mends it.
_CURES = {
    r'mmcv\._ext|MMCV==\S+ is used but incompatible': _TO_ONEDL,
    r'Weights only load failed': _TO_ONEDL,
    r"No module named '(ftfy|regex)'": 'pip install ftfy regex',
    r"No module named 'cv2'": 'pip install opencv-python',
    r"No module named 'numpy'": 'pip install numpy',
    r"No module named 'pkg_resources'": "pip install 'setuptools<81'",
    r'Adafactor is already registered': "pip install 'mmengine>=0.10.6,<1'",
    r'torchvision::nms': 'pip uninstall -y torchvision  # only mmpretrain needs it',
    r'libGL\.so': (
        'pip uninstall -y opencv-python && pip install opencv-python-headless'
    ),
    r'_ARRAY_API|numpy\.core\.multiarray failed': "pip install 'numpy<2'",
    r"No module named 'mmseg_plugins": 'pip install -e .  # in the repository',
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: a sentence, the command that mends it, and how bad."""

    message: str
    mend: str
    fatal: bool = False


def check_host() -> None:
    """Look at the installation before the host is imported.

    Raises:
        RuntimeError: If the host is missing or too old.
    """
    for finding in find_problems():
        text = f'{finding.message} {_MEND}{finding.mend}'
        if finding.fatal:
            raise RuntimeError(text)
        warnings.warn(text, stacklevel=3)


def find_problems() -> list[Finding]:
    """Compare what is installed with what this package needs."""
    owners = installed_owners()
    return [*_missing(owners), *_too_old(owners), *_clashes(owners)]


def installed_owners() -> dict[str, list[str]]:
    """List, for each import name of the host, the distributions that own it."""
    return {
        name: [owner for owner in candidates if version_of(owner)]
        for name, candidates in OWNERS.items()
    }


def version_of(distribution: str) -> str | None:
    """Return the installed version, or None without a record of one."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def is_importable(name: str) -> bool:
    """Tell whether a top-level module can be found; it is not imported."""
    return importlib.util.find_spec(name) is not None


def cure_for(error: str) -> str:
    """Return the command that mends a failed import, from the text of its error."""
    if _MEND in error:  # one of ours
        return error.rpartition(_MEND)[2].splitlines()[0]
    for sign, cure in _CURES.items():
        if re.search(sign, error):
            return cure
    return f'{_install_command(installed_owners())} --force-reinstall --no-deps'


def _missing(owners: dict[str, list[str]]) -> list[Finding]:
    # A source checkout on PYTHONPATH has no metadata: only what cannot be found counts.
    findings = []
    if not is_importable('torch'):
        findings.append(Finding('PyTorch is missing.', 'pip install torch', fatal=True))
    hosts = [name for name in HOSTS if not is_importable(name)]
    if hosts:
        message = f'MMSegmentation is incomplete: no {", ".join(hosts)} can be found.'
        findings.append(Finding(message, _install_command(owners), fatal=True))
    return findings


def _too_old(owners: dict[str, list[str]]) -> list[Finding]:
    findings = []
    for name, minimum in MINIMUM.items():
        installed = owners.get(name, [name])
        version = version_of(installed[0]) if len(installed) == 1 else None
        if version is None or _release(version) >= _release(minimum):
            continue
        message = f'{installed[0]} {version} is too old: {minimum} is the least.'
        is_host = name in HOSTS
        mend = _reinstall(owners, name) if is_host else f"pip install -U '{name}'"
        findings.append(Finding(message, mend, fatal=True))
    return findings


def _clashes(owners: dict[str, list[str]]) -> list[Finding]:
    return [
        Finding(
            f'{" and ".join(owners[name])} are installed together, and each '
            f'overwrites the files of the other in {name}.',
            _reinstall(owners, name),
        )
        for name in HOSTS
        if len(owners[name]) > 1
    ]


def _reinstall(owners: dict[str, list[str]], broken: str) -> str:
    """Remove the broken one, and all that is not of the line that is installed then."""
    upstream = _on_upstream(owners)
    of_hosts = [owner for name in HOSTS for owner in owners[name]]
    others = [owner for owner in of_hosts if _is_upstream(owner) != upstream]
    remove = ' '.join(dict.fromkeys([*owners[broken], *others]))
    return f'pip uninstall -y {remove} && {_install_command(owners)}'


def _install_command(owners: dict[str, list[str]]) -> str:
    return INSTALL_UPSTREAM if _on_upstream(owners) else INSTALL_ONEDL


def _on_upstream(owners: dict[str, list[str]]) -> bool:
    """Tell by mmseg's owner, or without one by all others, which line is in use."""
    installed = owners['mmseg'] or owners['mmengine'] + owners['mmcv']
    return bool(installed) and all(_is_upstream(owner) for owner in installed)


def _is_upstream(owner: str) -> bool:
    return not owner.startswith('onedl-')


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r'\d+', version)[:3])
