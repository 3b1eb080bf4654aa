"""The last lines of a run: what came out, where it lies, and what to type next."""
import datetime
import os
from typing import Any

from effsr.models.validation import describe
from effsr.options import Options


def short(path: str) -> str:
    """A path as the user would type it from the working directory."""
    relative = os.path.relpath(path)
    return path if relative.startswith('..') else relative


def summarize_training(options: Options, model: Any, seconds: float) -> None:
    """Print results, places and the next command of a training."""
    validator = getattr(model, 'validator', None)
    print()
    if validator is not None:
        for dataset, scores in validator.scores.items():
            print(describe(dataset, options.train.total_iter, scores))
    weights = os.path.join(short(options.path.models), 'net_g_latest.pth')
    print(f'Trained {options.train.total_iter} iterations in {datetime.timedelta(seconds=round(seconds))}')
    print(f'weights      {weights}')
    if validator is not None and options.val.save_img:
        print(f'pictures     {short(options.path.visualization)}')
    if options.logger.use_tb_logger:
        print('TensorBoard  tensorboard --logdir tb_logger')
    print(f'next         {options.next or f"python effsr/upscale.py -i PHOTO_OR_FOLDER -m {weights}"}')


def summarize_test(options: Options, model: Any) -> None:
    """Print results and places of a test."""
    validator = getattr(model, 'validator', None)
    print()
    if validator is not None:
        for dataset, scores in validator.scores.items():
            print(describe(dataset, options.name, scores))
    print(f'log          {short(options.path.log)}')
    if options.val is not None and options.val.save_img:
        print(f'pictures     {short(options.path.visualization)}')
    if options.next:
        print(f'next         {options.next}')
