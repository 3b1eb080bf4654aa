"""Datasets of a run, built by name; what a class finds wrong is told under the key of its block."""
import logging
from collections.abc import Mapping
from typing import Any

from basicsr.utils.registry import DATASET_REGISTRY
from torch.utils.data import Dataset

from effsr.data.sampler import SeededDataset
from effsr.data.tolerant import Marked, SampleError, told
from effsr.data.worker_pairs import made_in_workers, worker_pairs
from effsr.options import OptionError, Options, nearest
from effsr.options.dataset_blocks import keys_read

logger = logging.getLogger('basicsr')


def build_dataset(options: Options, key: str) -> Dataset:
    """Build one dataset from the registry.

    Args:
        options: The run's options.
        key: Of the dataset's block: train, val, test_1 ...

    Raises:
        OptionError: No class of that name, or what the class finds wrong with its block or its files.
    """
    dataset = options.datasets[key]
    if dataset.type not in DATASET_REGISTRY and f'{dataset.type}_basicsr' not in DATASET_REGISTRY:
        raise OptionError(f'datasets.{key}.type: no dataset is called {dataset.type}; '
                          f'{nearest(dataset.type, DATASET_REGISTRY.keys())}')
    cls = DATASET_REGISTRY.get(dataset.type)
    opt: dict[str, Any] = dataset.model_dump()
    if getattr(cls, 'wants_degradation', False):
        own = opt.get('degradation') or {}
        if isinstance(own, Mapping):  # anything else the class refuses
            opt['degradation'] = {**options.degradation.model_dump(), **own}
    if getattr(cls, 'wants_gt_size', False) and opt.get('gt_size') is None:
        opt['gt_size'] = options.gt_size
    if getattr(cls, 'draws_from_seed', False):
        by_workers = key == 'train' and getattr(cls, 'makes_pairs', False) and made_in_workers(options)
        try:
            return cls(opt, worker_pairs(options)) if by_workers else cls(opt)
        except OptionError:
            raise
        except ValueError as error:
            raise OptionError(_under(key, opt, str(error))) from error
    # BasicSR's classes ask whether a key is there; one at None is not, unless they read it without asking.
    read = keys_read(cls)
    needed = read.required_for(dataset.phase) if read is not None else ()
    opt = {name: value for name, value in opt.items() if value is not None or name in needed}
    try:
        return SeededDataset(cls(opt), opt)
    # A class of BasicSR's or the user's may fail in any way.
    except Exception as error:
        raise OptionError(f'datasets.{key}: {told(dataset.type, error)}') from error


def first_sample(dataset: Dataset, key: str) -> Any:
    """Read the first sample of a dataset, without marks; under on_error: skip the first that can be read.

    Raises:
        OptionError: What went wrong with it, or none can be read.
    """
    for index in range(len(dataset)):
        try:
            sample = dataset[index]
        except SampleError as error:
            raise OptionError(str(error)) from error
        if not isinstance(sample, Marked):
            return sample
        trouble = sample.replaced[0]
        logger.warning('datasets.%s: %s: %s (on_error: skip)', key, trouble.file, trouble.reason)
        if sample:
            return dict(sample)
    raise OptionError(f'datasets.{key}: none of {len(dataset)} images can be read; check its folders and files')


def _under(key: str, opt: Mapping[str, Any], message: str) -> str:
    """Each line of a message under the dataset's key, or the option's that it begins with."""
    lines = []
    for line in message.splitlines():
        option = line.partition(': ')[0]
        lines.append(f'datasets.{key}.{line}' if option in opt else f'datasets.{key}: {line}')
    return '\n'.join(lines)
