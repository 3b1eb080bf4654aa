"""The last lines of a run: what came out, where it lies, and what to type next."""
import datetime
import os
import sys
from typing import Any

from effsr.options import Options, to_plain
from effsr.runtime.bar import give_up
from effsr.runtime.measured import Measured
from effsr.runtime.tables import Table


def short(path: str) -> str:
    """A path as the user would type it from the working directory."""
    relative = os.path.relpath(path)
    return path if relative.startswith('..') else relative


def say(line: str = '') -> None:
    """Print a line at once. What nobody reads or has room for fails no run that went through."""
    try:
        print(line, flush=True)
    except OSError:
        give_up(sys.stdout)


def print_scores(model: Any) -> None:
    """One line for each dataset: every metric and, in brackets, that of bicubic on the same images."""
    validator = getattr(model, 'validator', None)
    say()
    for dataset, scores in (validator.scores if validator is not None else {}).items():
        say(f'{dataset:<12} ' + '  '.join(f'{name} {score.value:.4f} (bicubic {score.baseline:.4f})'
                                          for name, score in scores.items()))


def summarize_training(options: Options, model: Any, seconds: float, following: str | None) -> None:
    """Print results, places and the next command of a training: `following`, or how to use its weights."""
    print_scores(model)
    weights = os.path.join(short(options.path.models), 'net_g_latest.pth')
    say(f'trained      {options.train.total_iter} iterations in {datetime.timedelta(seconds=round(seconds))}')
    say(f'weights      {weights}')
    if options.val is not None and options.val.save_img:
        say(f'pictures     {short(options.path.visualization)}')
    if options.logger.use_tb_logger:
        say('TensorBoard  tensorboard --logdir tb_logger')
    plugins = ''.join(f' --import {name}' for name in options.import_)
    say(f'next         {following or f"python effsr/upscale.py -i PHOTO_OR_FOLDER -m {weights}{plugins}"}')


def summarize_test(options: Options, model: Any) -> None:
    """Print results and places of a test."""
    print_scores(model)
    say(f'log          {short(options.path.log)}')
    if options.val is not None and options.val.save_img:
        say(f'pictures     {short(options.path.visualization)}')
    if options.next:
        say(f'next         {options.next}')


def measured_by_test(options: Options, model: Any, command: str) -> Measured:
    """The metrics of a test: means as printed, and those of each picture.

    A model of BasicSR's own keeps no metrics; it gives empty tables.
    """
    validator = getattr(model, 'validator', None)
    tables, values, notes = [], {}, []
    for dataset, scores in (validator.scores if validator is not None else {}).items():
        pictures, left_out = validator.by_picture[dataset], validator.left_out[dataset]
        if left_out:
            notes.append(f'{dataset}: left out, as they cannot be read: {", ".join(left_out)}')
        means = {name: {'value': score.value, 'bicubic': score.baseline} for name, score in scores.items()}
        values[dataset] = {'mean': means, 'left_out': left_out, 'pictures': {
            picture: {name: {'value': found[name], 'bicubic': bicubic[name]} for name in scores}
            for picture, (found, bicubic) in pictures.items()}}
        head = [f'{name}{of}' for name in scores for of in ('', ', bicubic')]
        rows = [(label, *(f'{one[key]:.4f}' for one in entry.values() for key in ('value', 'bicubic')))
                for label, entry in (*values[dataset]['pictures'].items(), ('mean', means))]
        tables.append(Table(dataset, ('picture', *head), tuple(rows)))
    return Measured('test', command, to_plain(options), {'datasets': values}, (), tables, notes)
