"""What the subcommands of effsr/benchmark.py share: flags that name files, torch's settings, the written report."""
import argparse
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from effsr.runtime.measured import Measured, check_distinct, check_target, write_measured, write_text
from effsr.runtime.tables import Table, as_markdown


def add_common_arguments(parser: argparse.ArgumentParser, device: bool = True, images: bool = True) -> None:
    """Device, where there is a choice, photographs, where any are used, seed, and where to write."""
    if device:
        parser.add_argument('--device', default='auto', choices=('auto', 'cpu', 'cuda'))
    if images:
        parser.add_argument('--images', type=Path, metavar='DIR',
                            help="photographs to work on (default: scikit-image's, written to a temporary folder)")
    parser.add_argument('--seed', type=int, default=0, metavar='N')
    parser.add_argument('--json', type=Path, metavar='FILE', help='write everything measured')
    parser.add_argument('--markdown', type=Path, metavar='FILE', help='write the tables')


def check_least(args: argparse.Namespace, least: dict[str, int]) -> None:
    """Refuse flags below their least value; one that was not given is left out.

    Raises:
        ValueError: One line: the flag, its value, what is accepted.
    """
    for flag, lowest in least.items():
        value = getattr(args, flag)
        if value is not None and value < lowest:
            raise ValueError(f'--{flag} {value}; accepted: {lowest} or more')


def check_files(args: argparse.Namespace) -> None:
    """Refuse --json and --markdown that cannot be written.

    Raises:
        ValueError: One line: the flag, its value, what to do.
    """
    for flag in ('json', 'markdown'):
        check_target(getattr(args, flag), f'--{flag}')
    check_distinct(json=args.json, markdown=args.markdown)


@contextlib.contextmanager
def torch_as_in_training(threads: int | None, device: torch.device) -> Iterator[None]:
    """Threads as asked for; on a GPU cuDNN tries its algorithms out, as BasicSR's pipeline lets it."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    cudnn = torch.backends.cudnn
    flags = (contextlib.nullcontext() if device.type == 'cpu' else
             cudnn.flags(enabled=True, benchmark=True, deterministic=False, allow_tf32=cudnn.allow_tf32))
    try:
        with flags:
            yield
    finally:
        torch.set_num_threads(before)


def as_report(head: Sequence[str], tables: Sequence[Table], notes: Sequence[str]) -> str:
    """The whole report in Markdown."""
    told = '\n'.join(f'- {note}' for note in notes)
    return '\n'.join(head) + '\n\n' + '\n\n'.join(map(as_markdown, tables)) + f'\n\n{told}\n'


def keep(args: argparse.Namespace, head: Sequence[str], tables: Sequence[Table], notes: Sequence[str],
         values: Mapping[str, Any], device: torch.device, **settings: Any) -> None:
    """Write what was printed to --markdown and, with the raw values, to --json, where these were given.

    Args:
        args: Of the subcommand; all of them are settings.
        values: Raw figures, plain.
        settings: Further ones that the flags do not tell.

    Raises:
        CheckpointError: A file cannot be written.
    """
    if args.markdown is not None:
        write_text(args.markdown, as_report(head, tables, notes))
    if args.json is not None:
        flags = {name: value for name, value in vars(args).items() if name not in ('what', 'command')}
        write_measured(args.json, Measured(f'benchmark {args.what}', args.command, {**flags, **settings}, values, head,
                                           tables, notes), device)
