"""Importing this module makes mmengine load checkpoints without running code from them.

It replaces the loaders of mmengine for files and addresses: for ``load_from``,
``resume``, ``init_cfg``, tests and inference. Our tools and configs import it. To turn
it off, leave it out of ``custom_imports`` of a config.
"""

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from mmengine.dist import barrier, get_rank
from mmengine.fileio import get_local_path
from mmengine.runner import CheckpointLoader, checkpoint

from mmseg_plugins.safe_unpickling import is_trusted, load, trust

__all__ = ['load', 'trust']

# mmengine logs the part of these names after load_from_.


def load_from_local(name: str, map_location: Any = None) -> Any:
    """Load a file."""
    return load(name, map_location)


def load_from_http(name: str, map_location: Any = None, url: str | None = None) -> Any:
    """Load an address through torch's cache; ``url`` differs where it has a name.

    Raises:
        OSError: If it is not in the cache, and could not be downloaded.
    """
    url = url or name
    folder = Path(torch.hub.get_dir(), 'checkpoints')
    path = folder / Path(urlparse(url).path).name
    if get_rank() > 0:
        barrier()  # rank 0 downloads first
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(url, str(path), progress=os.isatty(0))
        except OSError as error:
            raise OSError(
                f'{url} could not be downloaded ({error}): put the file at {path}, or '
                'give a file as model.backbone.init_cfg.checkpoint=FILE, or start from '
                'random weights with model.backbone.init_cfg=None'
            ) from error
    if get_rank() == 0:
        barrier()
    return load(name, map_location, path)


def load_from_ceph(name: str, map_location: Any = None) -> Any:
    """Load an address of a petrel cluster."""
    with get_local_path(name, backend_args=dict(backend='petrel')) as path:
        return load(name, map_location, Path(path))


def load_from_torchvision(name: str, map_location: Any = None) -> Any:
    """Load weights of torchvision by their name."""
    urls = checkpoint.get_torchvision_models()
    return load_from_http(name, map_location, urls[name.partition('://')[2]])


def load_from_openmmlab(name: str, map_location: Any = None) -> Any:
    """Load weights by their name in mmengine's table, or in that of the user."""
    model = name.partition('://')[2]
    model = checkpoint.get_deprecated_model_names().get(model, model)
    url = checkpoint.get_external_models()[model]
    if url.startswith(('http://', 'https://')):
        return load_from_http(name, map_location, url)
    return load(name, map_location, Path(checkpoint._get_mmengine_home(), url))


def load_from_mmcls(name: str, map_location: Any = None) -> dict:
    """Load the backbone of a classifier by its name in mmengine's table."""
    url = checkpoint.get_mmcls_models()[name.partition('://')[2]]
    return checkpoint._process_mmcls_checkpoint(load_from_http(name, map_location, url))


def load_from_pavi(name: str, map_location: Any = None) -> Any:
    """Leave an address of pavi to mmengine, which has no safe way to load it."""
    if not is_trusted(name):
        raise ValueError(
            f'{name} is not loaded: mmengine would run code in it. Download the file '
            f'and give its path, or trust who made it: --trust {name}'
        )
    return checkpoint.load_from_pavi(name, map_location)


for _prefixes, _loader in {
    '': load_from_local,
    ('http://', 'https://'): load_from_http,
    (r'(\S+\:)?s3://', r'(\S+\:)?petrel://'): load_from_ceph,
    ('modelzoo://', 'torchvision://'): load_from_torchvision,
    ('open-mmlab://', 'openmmlab://'): load_from_openmmlab,
    'mmcls://': load_from_mmcls,
    'pavi://': load_from_pavi,
}.items():
    CheckpointLoader.register_scheme(_prefixes, _loader, force=True)
