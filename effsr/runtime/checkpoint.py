"""Checkpoint files: written whole or not at all, read without running what is in them.

Files hold ``{'params': state_dict}`` and, where there is an average, ``'params_ema'``, as BasicSR's do. How weights are
matched with a network is in :mod:`effsr.runtime.fitting`; what is known about them beside the file, in
:mod:`effsr.runtime.sidecar`.
"""
import hashlib
import pickle
import re
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from effsr.runtime.atomic import CheckpointError, atomic_file
from effsr.runtime.esrgan_layout import modern_names
from effsr.runtime.fitting import check_fits
from effsr.runtime.safe_file import LENGTH, is_safetensors, read_safetensors

__all__ = ['BARE', 'PARAM_KEYS', 'CheckpointError', 'check_fits', 'file_digest', 'load_file', 'load_network',
           'pick_params', 'save_atomic']

PARAM_KEYS = ('params_ema', 'params', 'state_dict')
BARE = 'bare'
PREFIXES = ('module.', '_orig_mod.')
ZIP_MAGIC = b'PK\x03\x04'
PICKLE_MAGIC = b'\x80'
SCRIPT = '/constants.pkl'  # in the archive of a TorchScript
TRAINING_STATE_KEYS = {'iter', 'optimizers', 'schedulers'}


def save_atomic(obj: Any, path: str | Path) -> None:
    """``torch.save`` through :func:`atomic_file`: at every moment ``path`` is absent, the old file, or the new one.

    Raises:
        CheckpointError: Disk full, folder not writable and the like.
    """
    with atomic_file(path) as file:
        torch.save(obj, file)


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        CheckpointError: The file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with open(path, 'rb') as file:
            while block := file.read(2**20):
                digest.update(block)
    except OSError as error:
        reason = 'no such file' if isinstance(error, FileNotFoundError) else error.strerror or error
        raise CheckpointError(f'{path}: {reason}') from error
    return digest.hexdigest()


def load_file(path: str | Path) -> Any:
    """Read a checkpoint onto the CPU with ``weights_only=True``; the archive's checksums are verified first.

    A safetensors file, told by its content, is a state dict itself.

    Raises:
        CheckpointError: Missing, a folder, empty, truncated, damaged, no checkpoint, or a pickle that asks for more
            than tensors and plain containers. Nothing in the file is run.
    """
    path = Path(path)
    try:
        with open(path, 'rb') as file:
            head = file.read(LENGTH + 1)
    except OSError as error:
        reason = 'no such file' if isinstance(error, FileNotFoundError) else error.strerror or error
        raise CheckpointError(f'{path}: {reason}; give the path of a .pth or whole .safetensors file') from error
    magic = head[:len(ZIP_MAGIC)]
    if not magic:
        raise CheckpointError(f'{path}: the file is empty (0 bytes); take an earlier checkpoint or copy it again')
    if magic == ZIP_MAGIC:
        _verify_archive(path)
    elif is_safetensors(head):
        return read_safetensors(path)
    elif magic[:1] != PICKLE_MAGIC:
        raise CheckpointError(f'{path}: not a PyTorch checkpoint; accepted: a file written by torch.save, or a whole '
                              '.safetensors file')
    try:
        # Open, as torch would go by the suffix of a path.
        with warnings.catch_warnings(), open(path, 'rb') as file:
            # torch warns of pickle protocols and formats that it then reads or refuses by itself.
            warnings.simplefilter('ignore')
            return torch.load(file, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:
        raise _refused(path, str(error)) from error
    # The unpickler raises nearly anything on damaged or hostile bytes.
    except Exception as error:
        raise _damaged(path) from error


def pick_params(loaded: Any, key: str | None = None, path: str | Path = '') -> tuple[dict[str, Tensor], str]:
    """The state dict inside what :func:`load_file` returned.

    Args:
        loaded: ``{'params': ...}``, ``{'params_ema': ...}``, ``{'state_dict': ...}`` or a state dict itself.
        key: The entry wanted. Where it is absent the others are taken, in the order params_ema, params, state_dict.
            None takes the first of that order.
        path: For messages only.

    Returns:
        The state dict, less the prefixes that DataParallel and torch.compile put before every name, an ESRGAN's under
        the names that RRDBNet has today; and the key it was found under, 'bare' for a state dict itself. The caller
        compares it with ``key`` to log a fallback.

    Raises:
        CheckpointError: There are no weights in it, or those of an ESRGAN of another scale than x4 in an old layout.
    """
    if not isinstance(loaded, Mapping):
        raise CheckpointError(f'{path}: holds a {type(loaded).__name__}, not weights; accepted: a state dict, or one '
                              f'under {", ".join(PARAM_KEYS)}')
    for candidate in dict.fromkeys((key, *PARAM_KEYS)):
        if candidate is not None and _is_state_dict(loaded.get(candidate)):
            return modern_names(_strip(loaded[candidate]), path), candidate
    if _is_state_dict(loaded):
        return modern_names(_strip(loaded), path), BARE
    if TRAINING_STATE_KEYS & set(loaded):
        raise CheckpointError(f'{path}: is a training state for resuming, not weights; those are in models/net_g_*.pth')
    found = ', '.join(str(name) for name in list(loaded)[:5]) or 'nothing'
    raise CheckpointError(f'{path}: no weights found (it holds {found}); accepted: a state dict, or one under '
                          f'{", ".join(PARAM_KEYS)}')


def load_network(net: nn.Module, path: str | Path, key: str | None = None, strict: bool = True) -> str:
    """Load a file's weights into a network, wrapped in DistributedDataParallel or not.

    Args:
        net: Its parameters are overwritten in place, on their device.
        path: A file :func:`load_file` accepts.
        key: See :func:`pick_params`.
        strict: Every parameter must be there and fit, and no other. False loads those that do fit.

    Returns:
        The key used.

    Raises:
        CheckpointError: As the functions above, or the weights are another network's; ``net`` is unchanged then.
    """
    bare = net.module if isinstance(net, (nn.DataParallel, nn.parallel.DistributedDataParallel)) else net
    state_dict, used = pick_params(load_file(path), key, path)
    if strict:
        check_fits(bare, state_dict, path)
    else:
        own = bare.state_dict()
        state_dict = {name: value for name, value in state_dict.items()
                      if name in own and own[name].shape == value.shape}
        if not state_dict:
            raise CheckpointError(f'{path}: not one parameter fits {type(bare).__name__}; check network and weights')
    bare.load_state_dict(state_dict, strict=strict)
    return used


def _verify_archive(path: Path) -> None:
    """torch.load reads flipped bits as other weights without a word; the archive's checksums tell."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
            is_program = any(name.endswith(SCRIPT) for name in archive.namelist())
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise _damaged(path) from error
    if damaged is not None:
        raise _damaged(path)
    if is_program:
        raise CheckpointError(f'{path}: refused: TorchScript, which holds code; accepted as weights: a file of '
                              'weights alone, best .safetensors')


def _refused(path: Path, reason: str) -> CheckpointError:
    """Tell a pickle that asks for objects it must not have from one that is merely broken."""
    wanted = re.search(r'GLOBAL (\S+)', reason)
    # A name of torch's own that is not allowed is one that was cut off.
    if wanted and not wanted[1].startswith('torch.'):
        return CheckpointError(f'{path}: refused: it asks for {wanted[1]}, and loading objects other than tensors and '
                               'plain containers could run code; take a file of weights alone, best .safetensors')
    if 'Unsupported operand' in reason:
        return CheckpointError(f'{path}: refused: a pickle that torch.save did not write could run code; '
                               'take a file of weights alone')
    return _damaged(path)


def _damaged(path: Path) -> CheckpointError:
    return CheckpointError(f'{path}: truncated, damaged or not a PyTorch checkpoint; take an earlier one or copy it '
                           'again')


def _is_state_dict(value: Any) -> bool:
    return isinstance(value, Mapping) and bool(value) and all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in value.items())


def _strip(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    stripped = dict(state_dict)
    # A network may own a submodule called `module`; a wrapper's prefix stands before every name.
    while prefix := next((p for p in PREFIXES if all(name.startswith(p) for name in stripped)), None):
        stripped = {name[len(prefix):]: tensor for name, tensor in stripped.items()}
    return stripped
