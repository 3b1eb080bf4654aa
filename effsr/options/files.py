"""Files and folders that the options name: told before anything happens where they are not there."""
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from effsr.options.dataset_blocks import dataset_class, options_class
from effsr.options.messages import Problem
from effsr.options.schema import DatasetOptions, Options

TEACHER = 'distill_opt.weights'  # required where there is a teacher


def file_problems(options: Options, resuming: bool = False, testing: bool = False) -> list[Problem]:
    """Named files and folders that are missing.

    Args:
        options: The options.
        resuming: Whether the run may go on from a state of its own: then it needs no pretrained weights.
        testing: Whether they are for a test, which needs weights.
    """
    problems = []
    for key, dataset in options.datasets.items():
        problems += [Problem(('datasets', key, name), message)
                     for name, message in _dataset_files(dataset, options.sample_data)]
    path = options.path
    weights = () if resuming or path.resume_state else ('pretrain_network_g', 'pretrain_network_d')
    for name in (*weights, 'resume_state'):
        file = getattr(path, name)
        if file is not None and not Path(file).is_file():
            problems.append(Problem(('path', name), f'{file}: {_what_is_wrong(Path(file), name, testing)}'))
    teacher = options.train.distill_opt if options.train is not None and not testing else None
    if teacher is not None and not Path(teacher.weights).is_file():
        message = _what_is_wrong(Path(teacher.weights), TEACHER, testing)
        problems.append(Problem(('train', 'distill_opt', 'weights'), f'{teacher.weights}: {message}'))
    loss = options.train.perceptual_opt if options.train is not None and not testing else None
    file = loss.arguments.get('weights') if loss is not None else None
    if isinstance(file, str) and not Path(file).is_file():
        problems.append(Problem(('train', 'perceptual_opt', 'weights'),
                                f'{file}: no such file; mend the path, it is relative to the working directory'))
    return problems


def _what_is_wrong(file: Path, name: str, testing: bool) -> str:
    if file.is_dir():
        return 'is a folder; give the file itself'
    remedies = ['mend the path', *_run_hint(file)]
    if name != TEACHER and not (testing and name == 'pretrain_network_g'):
        remedies.append(f'leave it out: {name}: ~')
    return f'no such file; {", or ".join(filter(None, [", ".join(remedies[:-1]), remedies[-1]]))}'


def _run_hint(file: Path) -> list[str]:
    """Weights that lie where a run writes them, experiments/NAME/models, may just not be trained yet."""
    parts = file.parts
    if len(parts) < 4 or parts[-4] != 'experiments' or parts[-2] != 'models':
        return []
    return [f'train them first (python effsr/train.py -opt options/{parts[-3]}.yml)']


def _dataset_files(dataset: DatasetOptions, sample_data: str | None) -> list[tuple[str, str]]:
    entries: Mapping[str, Any] = {'dataroot_gt': dataset.dataroot_gt, 'dataroot_lq': dataset.dataroot_lq,
                                  **(dataset.model_extra or {})}
    ours = options_class(dataset_class({'type': dataset.type})) is not None
    found = []
    for name in ('dataroot_gt', 'dataroot_lq'):
        for root in _each(entries.get(name)):
            # A pattern of tar shards has no file of its own name.
            if _is_below(root, sample_data) or (ours and '{' in root):
                continue
            if not Path(root).exists():
                found.append((name, f'{root}: no such folder; mend the path, it is relative to the working directory'))
            elif ours and not Path(root).is_dir() and Path(root).suffix != '.tar':
                found.append((name, f'{root}: is a file; give a folder of images'))
    for name in ('meta_info', 'meta_info_file'):
        for file in _each(entries.get(name)):
            if not Path(file).is_file() and not _is_below(file, sample_data):
                found.append((name, f'{file}: no such file; mend the path, or leave it out to take the whole folder'))
    return found


def _each(value: Any) -> list[str]:
    """The paths of an option that holds one or several."""
    return [path for path in (value if isinstance(value, list | tuple) else [value]) if isinstance(path, str)]


def _is_below(path: str, folder: str | None) -> bool:
    """Whether a path lies in the folder of sample photographs, which is written later."""
    return folder is not None and Path(path).absolute().is_relative_to(Path(folder).absolute())
