"""What the subcommands of effsr/benchmark.py share: flags that name files, torch's settings, the written report."""
import argparse
import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from effsr.runtime.measured import check_distinct, check_target
from effsr.runtime.tables import Table, as_markdown


def add_common_arguments(parser: argparse.ArgumentParser, device: bool = True) -> None:
    """Device, where there is a choice, photographs, seed, and where to write."""
    if device:
        parser.add_argument('--device', default='auto', choices=('auto', 'cpu', 'cuda'))
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
