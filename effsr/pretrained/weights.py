"""Weights of feature networks: where they are looked for, and what is said where there are none.

A file that is named is taken as it is. Else the published file is looked for in experiments/pretrained_models and in
torch.hub's cache, then, where that is allowed, downloaded into the cache. A network that finds none is refused:
features of random weights would train, and teach nothing, or measure, and mean nothing.
"""
import logging
import re
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path

import torch
import torchvision
from torch import Tensor

from effsr.runtime.checkpoint import file_digest, load_file, pick_params

logger = logging.getLogger('basicsr')

PRETRAINED = Path('experiments/pretrained_models')
# As torch.hub does, torchvision ends the name with the first digits of the file's SHA-256.
DIGEST = re.compile(r'-([0-9a-f]{8})\.pth$')
# What each of these files was trained for; other published weights of the same networks expect other pictures.
IMAGENET = 'IMAGENET1K_V'


def torchvision_urls(name: str) -> list[str]:
    """Addresses of torchvision's ImageNet weights for a network of that name, the default first."""
    published = torchvision.models.get_model_weights(name)
    named = [entry for entry in published if entry.name.startswith(IMAGENET)]
    return list(dict.fromkeys(entry.url for entry in sorted(named, key=lambda entry: entry is not published.DEFAULT)))


def torchvision_weights(name: str, given: str | None = None, download: bool = True) -> Path:
    """The file with the weights of one of torchvision's networks, of which the SHA-256 has been compared.

    Args:
        name: What torchvision calls the network.
        given: A file to be taken instead.
        download: Whether it may be downloaded.

    Raises:
        FileNotFoundError: There is none and it cannot be downloaded; the message says which, where to put it, and how
            its SHA-256 begins.
        ValueError: The file is not what its name says.
    """
    if given is not None:
        return checked_digest(Path(given))
    return published_weights(torchvision_urls(name), download)


def published_weights(urls: Sequence[str], download: bool = True) -> Path:
    """A published file, looked for under the last part of its addresses; its SHA-256 has been compared.

    Args:
        urls: Files of which any will do, the best first.
        download: Whether the first may be downloaded where none is found.

    Raises:
        FileNotFoundError: As :func:`torchvision_weights`.
        ValueError: The file is not what its name says.
    """
    cache = Path(torch.hub.get_dir()) / 'checkpoints'
    candidates = [folder / _file_of(url) for url in urls for folder in (PRETRAINED, cache)]
    found = next((path for path in candidates if path.is_file()), None)
    if found is not None:
        return checked_digest(found)
    if not download:
        raise FileNotFoundError(f'{_file_of(urls[0])} is not there; {_advice(urls[0], cache)}')
    return _download(urls[0], cache)


def checked_digest(path: Path) -> Path:
    """The path, if the file's SHA-256 begins as its name says; a name that says nothing passes.

    Raises:
        ValueError: It begins otherwise, or the file cannot be read.
    """
    expected = DIGEST.search(path.name)
    if expected is not None and not (digest := file_digest(path)).startswith(expected[1]):
        raise ValueError(f'{path}: its SHA-256 begins with {digest[:8]}, not with {expected[1]} as its name says: the '
                         'file is damaged or another; get it again, or rename it if it is weights of your own')
    return path


def _file_of(url: str) -> str:
    return url.rpartition('/')[2]


def _download(url: str, cache: Path) -> Path:
    name = _file_of(url)
    prefix = DIGEST.search(name)
    path = cache / name
    logger.info('downloading %s to %s', url, path)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), prefix[1] if prefix else None)
    except (OSError, RuntimeError, HTTPException) as error:
        reason = next(iter(str(error).splitlines()), '') or type(error).__name__
        raise FileNotFoundError(f'{name} is not there and cannot be downloaded ({reason}); {_advice(url, cache)}, or '
                                'give its path as weights:') from error
    return path


def _advice(url: str, cache: Path) -> str:
    prefix = DIGEST.search(_file_of(url))
    known = f', SHA-256 {prefix[1]}...' if prefix else ''
    return f'put the file ({url}{known}) into {PRETRAINED} or {cache}'


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read the state dict of a .pth or .safetensors file; nothing in it is run.

    Raises:
        ValueError: Missing, damaged, or without weights; the package safetensors is not installed.
    """
    return pick_params(load_file(path), path=path)[0]
