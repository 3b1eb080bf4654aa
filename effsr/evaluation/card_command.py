"""What effsr/evaluate.py card does: a model card with a table of figures and sample pictures."""
import argparse
import re
import sys
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import numpy as np
import torch

from effsr.curation.arguments import number
from effsr.curation.parallel import tell
from effsr.data.image_io import write_rgb
from effsr.evaluation.card import INT8, INT8_LIBRARIES, PRECISIONS, Card, make_card, read_pairs, sample_set
from effsr.evaluation.card_text import Facts, as_plain, card_notes, card_table, card_text, strip
from effsr.evaluation.content import sha256_of
from effsr.evaluation.contestants import parse_model, steps_of
from effsr.evaluation.sets import SetFolders, parse_set
from effsr.inference.backends import is_exported
from effsr.inference.backends.libraries import missing
from effsr.inference.upscaling import choose_device
from effsr.inference.weights import LoadedModel, load_model
from effsr.runtime.environment import environment
from effsr.runtime.measured import Measured, command_line, write_measured, write_text
from effsr.runtime.tables import as_text

PROGRAM = 'effsr/evaluate.py'
SHAPE = re.compile(r'3x([1-9]\d*)x([1-9]\d*)')
SMALLEST, LARGEST = 16, 2048  # sides
FILES = ('card.md', 'card.json')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `evaluate.py card`."""
    parser.add_argument('-m', '--model', required=True, metavar='WEIGHTS', help='also NAME=WEIGHTS')
    parser.add_argument('-o', '--output', required=True, type=Path, metavar='DIR', help='folder for the card')
    parser.add_argument('-d', '--set', metavar='NAME=HR[:LR]', help="pictures to measure on (scikit-image's)")
    parser.add_argument('--shape', default='3x128x128', metavar='3xHxW',
                        help='of the input, to which all pictures are resized (3x128x128)')
    parser.add_argument('--precisions', nargs='+', choices=PRECISIONS, metavar='P',
                        help=f'{", ".join(PRECISIONS)} (fp32, bf16 on a CPU or fp16 on a GPU, int8)')
    parser.add_argument('--calibrate', type=Path, metavar='DIR',
                        help="photographs on which int8 is calibrated (scikit-image's others)")
    parser.add_argument('--device', default='auto', choices=('auto', 'cpu', 'cuda'))
    parser.add_argument('--seed', type=number(int, least=0), default=0, metavar='N', help='of calibrating crops (0)')
    parser.add_argument('--overwrite', action='store_true', help='replace a card that is there')
    parser.add_argument('--import', dest='modules', action='append', default=[], metavar='MODULE',
                        help="import a module first: one that registers the weights' own architecture")


def run(args: argparse.Namespace) -> int:
    """Make and write a card; return the exit status: 1 where a precision that was asked for could not be run.

    Raises:
        ValueError: What was asked for cannot be done; nothing is written then.
    """
    check_output(args.output, args.overwrite)
    sys.path.append(str(Path.cwd()))
    _import(args.modules)
    name, kind, path = parse_model(args.model)
    if kind != 'weights' or is_exported(path):
        raise ValueError(f'-m {args.model}: accepted here: a file of weights')
    device = choose_device(args.device)
    model = load_model(path)
    shape = parse_shape(args.shape, model)
    precisions = tuple(dict.fromkeys(args.precisions or usual_precisions(device)))
    with tempfile.TemporaryDirectory() as work:
        folders = sample_set(Path(work)) if args.set is None else parse_set(args.set)
        pairs = read_pairs(folders, shape, model.scale)
        card = make_card(model, pairs, precisions, device.type, lambda: _crops(args, model, Path(work)), tell)
    facts = facts_of_card(args, name, model, folders, device)
    write_card(args.output, card, facts, args, device)
    failed = [row for row in card.rows if row.psnr is None]
    for row in failed:
        print(f'evaluate card: {row.name} is left out: {row.note}', file=sys.stderr)
    return 1 if failed else 0


def usual_precisions(device: torch.device) -> tuple[str, ...]:
    """fp32, the half precision of the device, and int8 where its libraries are installed."""
    lacking = missing(INT8_LIBRARIES)
    if lacking:
        tell(f'int8 is left out: {", ".join(lacking)} not installed; pip install "effsr[onnx]"')
    return ('fp32', 'fp16' if device.type == 'cuda' else 'bf16', *(() if lacking else (INT8,)))


def parse_shape(text: str, model: LoadedModel) -> tuple[int, int]:
    """'3x128x128' -> (128, 128).

    Raises:
        ValueError: Another form, sides out of range, or not divisible by what the network asks for.
    """
    found = SHAPE.fullmatch(text)
    sides = tuple(map(int, found.groups())) if found else ()
    if not sides or min(sides) < SMALLEST or max(sides) > LARGEST:
        raise ValueError(f'--shape {text}; accepted: 3xHEIGHTxWIDTH with sides from {SMALLEST} to {LARGEST}, such as '
                         '3x128x128')
    if any(side % model.multiple for side in sides):
        raise ValueError(f'--shape {text}: {model.arch} takes sides divisible by {model.multiple}')
    return sides


def check_output(folder: Path, overwrite: bool) -> None:
    """Refuse a folder that is a file, or that has a card already.

    Raises:
        ValueError: One line.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f'-o {folder}: is a file; give a folder, new or not')
    there = [name for name in FILES if (folder / name).exists()]
    if there and not overwrite:
        raise ValueError(f'-o {folder}: {there[0]} is there already; pass --overwrite, or give another folder')


def facts_of_card(args: argparse.Namespace, name: str, model: LoadedModel, folders: SetFolders, device: torch.device,
                  ) -> Facts:
    """What the card says besides figures."""
    calibrated = 'photographs that come with scikit-image' if args.calibrate is None else args.calibrate.as_posix()
    return Facts(name, model.path.name, sha256_of(model.path), model.arch, dict(model.args), model.scale,
                 steps_of(model.path), folders.name, calibrated, command_line(PROGRAM, args.command),
                 environment(device), model.note)


def write_card(folder: Path, card: Card, facts: Facts, args: argparse.Namespace, device: torch.device) -> None:
    """Print the table; write pictures, then card.json, then card.md.

    Raises:
        ValueError: The folder cannot be made or written to.
    """
    table = card_table(card, facts)
    print(f'{as_text(table)}\n\n' + '\n'.join(f'- {note}' for note in card_notes(card)), flush=True)
    try:
        (folder / 'pictures').mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f'-o {folder}: cannot be made ({error.strerror}); give another folder') from error
    names = []
    for picture, results in card.pictures.items():
        names.append(f'pictures/{picture.replace("/", "_")}.png')
        write_rgb(folder / names[-1], strip(results))
    settings = {key: str(value) if isinstance(value, Path) else value for key, value in vars(args).items()
                if key != 'command'}
    write_measured(folder / 'card.json', Measured('evaluate card', facts.command, settings, as_plain(card, facts),
                                                  [facts.environment], [table], card_notes(card)), device)
    write_text(folder / 'card.md', card_text(card, facts, names))
    print(f'card -> {(folder / "card.md").as_posix()}')


def _import(modules: Sequence[str]) -> None:
    for module in modules:
        try:
            import_module(module)
        except ImportError as error:
            raise ValueError(f'--import {module}: {error}; accepted: a module that Python finds from here') from error


def _crops(args: argparse.Namespace, model: LoadedModel, work: Path) -> Sequence[np.ndarray]:
    from effsr.data.sample import write_sample_photographs
    from effsr.exporting.int8 import read_crops

    folder = args.calibrate
    if folder is None:
        write_sample_photographs(work / 'sample')
        folder = work / 'sample' / 'train'
    return read_crops(folder, model.multiple, seed=args.seed)
