"""Samples that cannot be read: named, and as the set's on_error says an error, or replaced and counted."""
import os
import traceback
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from torch.utils.data import Dataset, default_collate

from effsr.data.sampler import SampleIndex, SeededDataset, iteration_of, seed_of

REMEDY = 'check its block (scale, gt_size, folders) and its files'
STREAM = 3  # the choice of another image draws from the sample's seed beside its crop and its degradation
TRIES = 100  # other images; so many in a row that cannot be read are no accident
SHOWN = 5
CODE = {'.py', '.pyc', '.so', '.yml', '.yaml', '.json'}


class SampleError(ValueError):
    """A sample cannot be read, and nothing else may stand for it; one line with the set's key, file and remedy."""


class Trouble(NamedTuple):
    """A file that could not be read, and why, in a few words."""

    file: str
    reason: str


class Marked(dict):
    """A sample or a batch, and what was met on its way.

    Args:
        content: The sample, as if nothing had happened; empty for a validation picture that is left out.
        replaced: For each sample that another one stands for, what was wrong with it.
        tried: What was wrong with others that were to stand for it.
    """

    def __init__(self, content: Mapping[str, Any] = (), replaced: Iterable[Trouble] = (),
                 tried: Iterable[Trouble] = ()):
        super().__init__(content)
        self.replaced = list(replaced)
        self.tried = list(tried)


def collate(samples: Sequence[Any]) -> Any:
    """torch's default_collate for samples of which some are marked: their marks go to the batch."""
    batch = default_collate([dict(sample) if isinstance(sample, Marked) else sample for sample in samples])
    marked = [sample for sample in samples if isinstance(sample, Marked)]
    if not marked:
        return batch
    return Marked(batch, [trouble for sample in marked for trouble in sample.replaced],
                  [trouble for sample in marked for trouble in sample.tried])


def file_of(error: BaseException, dataset: Any, index: int) -> str | None:
    """The file that an error of a dataset is about, as far as it can be told.

    By the error itself where it is the system's; else by the innermost variable on its way that is called a path or
    file and looks like one; else by what the dataset says of its samples: its where(index), or its list of paths.
    """
    if isinstance(error, OSError) and isinstance(error.filename, str | os.PathLike):
        return os.fspath(error.filename)
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        for name, value in reversed(list(frame.f_locals.items())):
            if _names_a_file(name, value):
                return os.fspath(value)
    inner = dataset.dataset if isinstance(dataset, SeededDataset) else dataset
    where, paths = getattr(inner, 'where', None), getattr(inner, 'paths', ())
    if callable(where):
        return where(index)
    listed = paths[index] if isinstance(paths, Sequence) and index < len(paths) else None
    return os.fspath(listed) if isinstance(listed, str | os.PathLike) else None


def _names_a_file(variable: str, value: Any) -> bool:
    if not isinstance(value, str | os.PathLike) or not any(word in variable for word in ('path', 'file', 'name')):
        return False
    suffix = Path(value).suffix.lower() if len(os.fspath(value)) < 1024 else ''
    return 1 < len(suffix) < 6 and suffix not in CODE


def told(name: str, error: Exception, file: str | None = None) -> str:
    """The line for an error of a class of BasicSR's or the user's, which may fail in any way."""
    if isinstance(error, KeyError):
        return f'{name} asks for {error}, which is missing'
    parts = error.args if all(isinstance(part, str) for part in error.args) else (str(error),)
    reason = next(iter(' '.join(parts).splitlines()), '')
    where = '' if file is None or file in reason else f' ({file})'
    return f'{name}: {type(error).__name__}: {reason}{where}; {REMEDY}'


class TolerantDataset(Dataset):
    """A dataset whose unreadable samples follow `on_error` of its block.

    fail: an error names the file. skip, in training: another image stands for the sample, chosen by the sample's own
    seed (so that resumed runs and several processes agree) and cropped by it; in validation the picture is left out.

    Args:
        dataset: effsr's own, or a :class:`SeededDataset`.
        key: Of its block: train, val, test_1 ...

    Raises:
        SampleError: From reading: on_error is fail, or TRIES others cannot be read either.
    """

    def __init__(self, dataset: Dataset, key: str):
        self.dataset = dataset
        self.key = key
        self.opt = dataset.opt
        self.on_error = self.opt.get('on_error', 'fail')
        self.replaces = self.opt.get('phase') == 'train'

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        try:
            return self.dataset[index]
        # A class of BasicSR's or the user's may fail in any way.
        except Exception as error:
            if self.on_error == 'fail':
                raise SampleError(f'datasets.{self.key}: {self._message(error, int(index))}') from error
            trouble = self._trouble(error, int(index))
        return self._another(index, trouble) if self.replaces else Marked({}, [trouble])

    def _message(self, error: Exception, index: int) -> str:
        file = file_of(error, self.dataset, index)
        if isinstance(error, ValueError) and not isinstance(self.dataset, SeededDataset):
            return str(error)
        return told(self.opt['type'], error, file)

    def _trouble(self, error: Exception, index: int) -> Trouble:
        file = file_of(error, self.dataset, index) or f'sample {index} of {self.opt["name"]}'
        text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        text = text.partition(f'{file}: ')[2] or text
        reason = next(iter(text.splitlines()), '').partition(';')[0].strip()
        own = isinstance(error, ValueError) and not isinstance(self.dataset, SeededDataset)
        return Trouble(file, reason if own or isinstance(error, OSError) else f'{type(error).__name__}: {reason}')

    def _another(self, index: int, trouble: Trouble) -> Marked:
        seed, count = seed_of(index), len(self.dataset)
        others = np.random.default_rng([seed, STREAM]).choice(count, min(count, TRIES + 1), replace=False).tolist()
        tried: list[Trouble] = []
        for other in others:
            if other == int(index):
                continue
            try:
                sample = self.dataset[SampleIndex(other, seed, iteration_of(index))]
            # As above.
            except Exception as error:
                tried.append(self._trouble(error, other))
                continue
            if not isinstance(sample, Mapping):
                raise SampleError(f'datasets.{self.key}.on_error: skip works with samples that are dicts; '
                                  f'{self.opt["type"]} gives a {type(sample).__name__}')
            return Marked(sample, [trouble], tried)
        files = [f'{one.file} ({one.reason})' for one in (trouble, *tried)]
        more = f' and {len(files) - SHOWN} more' if len(files) > SHOWN else ''
        raise SampleError(f'datasets.{self.key}: none of {len(files)} images can be read: {", ".join(files[:SHOWN])}'
                          f'{more}; check the folder')
