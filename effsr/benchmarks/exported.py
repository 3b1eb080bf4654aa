"""What exports keep: each format and precision beside PyTorch on real pictures, with size and speed."""
import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import effsr
from effsr.benchmarks.common import check_files, check_least, keep, torch_as_in_training
from effsr.evaluation.contestants import weights_name
from effsr.exporting.command import FP32_CPU, open_written
from effsr.exporting.int8 import CROPS, read_crops
from effsr.exporting.parity import LIMITS, Parity, compare, judge
from effsr.exporting.pictures import gate_pairs, gate_pictures
from effsr.exporting.quantisation import METHODS, Calibration
from effsr.exporting.writers import WRITERS, Order
from effsr.inference.backends import bounded_halo
from effsr.inference.backends.facts import facts_of
from effsr.inference.engine import open_engine
from effsr.inference.weights import LoadedModel, load_model
from effsr.runtime.checkpoint import file_digest
from effsr.runtime.environment import environment
from effsr.runtime.tables import Table, as_text

CPU = torch.device('cpu')
HEAD = ('export', 'size, MB', 'largest', 'mean', 'PSNR Y, dB', 'change', 'times as fast')
NOTES = ('largest, mean: absolute difference from PyTorch in fp32 before rounding, colours from 0 to 1. PSNR: on luma, '
         'of the pairs, after rounding to 8 bits. Times as fast: as PyTorch in fp32, in turns, on the first picture; '
         'lowest and highest in brackets. safetensors are weights, run by PyTorch.',)


@dataclass(frozen=True)
class Made:
    """One export: its bytes and what the comparison found, or why there is none.

    Attributes:
        size: Bytes of its files; 0 without any.
        parity: None where it could not be written or run.
        reason: Why not, or what the gate refuses; '' for one that passes.
    """

    size: int = 0
    parity: Parity | None = None
    reason: str = ''


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `benchmark.py exports`."""
    parser.add_argument('-m', '--model', required=True, nargs='+', type=Path, metavar='WEIGHTS',
                        help='files of weights')
    parser.add_argument('--format', nargs='+', default=list(WRITERS), choices=tuple(WRITERS), help='default: all')
    parser.add_argument('--precision', nargs='+', default=list(LIMITS), choices=tuple(LIMITS), help='default: all')
    parser.add_argument('--images', type=Path, metavar='DIR',
                        help='real pictures to compare on (default: photographs that come with scikit-image)')
    parser.add_argument('--pairs', metavar='HR[:LR]', help='folders with ground truth: PSNR before and after')
    parser.add_argument('--calibrate', type=Path, metavar='DIR',
                        help='pictures to calibrate int8 on; without it, no int8')
    parser.add_argument('--threads', type=int, default=None, metavar='N', help="CPU threads (torch's default)")
    parser.add_argument('--json', type=Path, metavar='FILE', help='write everything measured')
    parser.add_argument('--markdown', type=Path, metavar='FILE', help='write the tables')


def run(args: argparse.Namespace) -> bool:
    """Export, compare, print, and write what was asked for; False where the gate refuses an export.

    Raises:
        ValueError: Flags, weights or pictures that cannot be used.
        OSError: A file that cannot be written.
    """
    check_least(args, {'threads': 1})
    check_files(args)
    with torch_as_in_training(args.threads, CPU):
        head = [environment(CPU), f"compared on {args.images or 'photographs of scikit-image'} · pairs "
                f"{args.pairs or 'none'} · int8 calibrated on {args.calibrate or 'nothing, left out'}"]
        print('\n'.join(head), flush=True)
        found, tables, notes = {}, [], list(NOTES)
        for path in args.model:
            name = weights_name(path)
            found[name] = dict(exports_of(load_model(path), args))
            tables.append(as_table(name, found[name]))
            notes += [f'{name}, {label}: {made.reason}' for label, made in found[name].items() if made.reason]
            print(f'\n{as_text(tables[-1])}', flush=True)
        print('\n' + '\n'.join(f'- {note}' for note in notes))
        values = {name: {label: _plain(made) for label, made in rows.items()} for name, rows in found.items()}
        keep(args, head, tables, notes, values, CPU)
    return not any(made.parity and made.reason for rows in found.values() for made in rows.values())


def exports_of(model: LoadedModel, args: argparse.Namespace) -> Iterator[tuple[str, Made]]:
    """Each export of a network by its label, made, compared and thrown away."""
    pictures, pairs = gate_pictures(args.images, model.multiple), gate_pairs(args.pairs, model.scale)
    crops = tuple(read_crops(args.calibrate, model.multiple, CROPS)) if args.calibrate else ()
    reference = open_engine(model, FP32_CPU)
    for kind in dict.fromkeys(args.format):
        for precision in dict.fromkeys(args.precision):
            for method in METHODS if precision == 'int8' and kind == 'onnx' else ('percentile',):
                if precision == 'int8' and not crops:
                    continue
                label = f'{kind} {precision}' + (f', {method}' if precision == 'int8' else '')
                with tempfile.TemporaryDirectory(prefix='effsr-export-') as folder:
                    try:
                        paths = WRITERS[kind](_order(model, precision, method, crops), Path(folder), 'network')
                        parity = compare(reference, open_written(paths[0], args.threads), pictures, pairs)
                        size = sum(path.stat().st_size for path in paths)
                        yield label, Made(size, parity, judge(parity, LIMITS[precision]))
                    except (ValueError, RuntimeError) as error:
                        yield label, Made(reason=next(iter(str(error).splitlines()), type(error).__name__))


def _order(model: LoadedModel, precision: str, method: str, crops: tuple[np.ndarray, ...]) -> Order:
    facts = replace(facts_of(model, bounded_halo(model)), precision=precision, effsr=effsr.__version__,
                    sha256=file_digest(model.path))
    return Order(model, facts, crops, Calibration(method)) if precision == 'int8' else Order(model, facts)


def as_table(name: str, found: dict[str, Made]) -> Table:
    """A row for each export that could be run."""
    rows = []
    for label, made in found.items():
        if made.parity is not None:
            one = made.parity
            scores = ('-', '-') if one.psnr is None else (f'{one.psnr[1]:.3f}', f'{one.change:+.3f}')
            rows.append((label, f'{made.size / 1e6:.2f}', f'{one.largest:.1e}', f'{one.mean:.1e}', *scores,
                         f'{one.speed.median:.2f} ({one.speed.low:.2f}-{one.speed.high:.2f})'))
    return Table(name, HEAD, tuple(rows))


def _plain(made: Made) -> dict[str, Any]:
    return {'bytes': made.size, 'reason': made.reason, **(asdict(made.parity) if made.parity else {})}
