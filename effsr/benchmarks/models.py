"""What networks cost: parameters, MACs, activations, peak memory, latency, and the share of the device's peak."""
import argparse
import difflib
import sys
from collections.abc import Mapping
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import nn

from effsr.benchmarks.backends import BACKENDS, PRECISIONS, CannotRun, Way, check_libraries, check_way
from effsr.benchmarks.common import add_common_arguments, check_files, check_least, keep, torch_as_in_training
from effsr.benchmarks.costs import Costs, Key, existing, measure
from effsr.benchmarks.growth import SIDES, growth_tables, measure_growth
from effsr.benchmarks.models_report import NOTES, as_plain, cost_table, failure_notes, peak_line, shape_of, size_table
from effsr.benchmarks.named_models import DEFAULTS, open_models
from effsr.inference.upscaling import choose_device
from effsr.runtime.environment import environment
from effsr.runtime.tables import Table, as_text

SMALLEST = 8  # pixels


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `benchmark.py models`."""
    parser.add_argument('--models', nargs='+', default=list(DEFAULTS), metavar='NAME|WEIGHTS',
                        help="registered classes, with arguments as in 'RRDBNet(num_block=6)', or weights files, also "
                             f'as LABEL=FILE.pth ({" ".join(DEFAULTS)})')
    parser.add_argument('--scale', type=int, default=4, metavar='N', help='of classes that take one (4)')
    parser.add_argument('--size', nargs='+', type=int, default=[256], metavar='N', help='sides of the input (256)')
    parser.add_argument('--batch', nargs='+', type=int, default=[1], metavar='N', help='pictures at a time (1)')
    parser.add_argument('--precision', nargs='+', default=['fp32'], choices=tuple(PRECISIONS))
    parser.add_argument('--backend', nargs='+', default=['eager'], choices=BACKENDS)
    parser.add_argument('--calibrate', type=Path, metavar='DIR',
                        help="photographs on which int8 is calibrated (scikit-image's)")
    parser.add_argument('--baseline', metavar='NAME', help='model that the others are compared with (the first), in '
                                                           'the first precision and backend')
    parser.add_argument('--growth', action='store_true',
                        help=f'how time and memory grow with the side, {SIDES[0]} to {SIDES[-1]}')
    parser.add_argument('--rounds', type=int, default=5, metavar='N', help='rounds, the first is dropped (5)')
    parser.add_argument('--threads', type=int, default=None, metavar='N', help="CPU threads (torch's default)")
    parser.add_argument('--import', dest='modules', action='append', default=[], metavar='MODULE',
                        help='import a module first: one that registers an architecture of your own')
    add_common_arguments(parser, images=False)


def check(args: argparse.Namespace, device: torch.device) -> list[Way]:
    """Refuse what cannot be measured, before anything is; the ways that can.

    Raises:
        ValueError: One line: the flag, its value, what is accepted.
    """
    check_least(args, {'scale': 1, 'rounds': 2, 'seed': 0, 'threads': 1})
    for flag, least in (('size', SMALLEST), ('batch', 1)):
        for value in getattr(args, flag):
            if value < least:
                raise ValueError(f'--{flag} {value}; accepted: {least} or more')
    check_files(args)
    for backend in args.backend:
        check_libraries(backend)
    for precision in args.precision:
        if not existing([Way(precision, backend) for backend in args.backend], device):
            raise ValueError(f'--precision {precision}: {_reason(Way(precision, args.backend[0]), device)}')
    ways = [Way(precision, backend) for backend in dict.fromkeys(args.backend)
            for precision in dict.fromkeys(args.precision)]
    for backend in args.backend:
        if not existing([way for way in ways if way.backend == backend], device):
            raise ValueError(f'--backend {backend}: {_reason(Way(args.precision[0], backend), device)}')
    return existing(ways, device)


def _reason(way: Way, device: torch.device) -> str:
    try:
        check_way(way, device)
    except CannotRun as error:
        return str(error)
    return 'cannot be run'


def run(args: argparse.Namespace) -> bool:
    """Measure, print, and write what was asked for; False where a model could not be run.

    Raises:
        ValueError: Flags or models that cannot be used.
        OSError: A file that cannot be written.
        ImportError: A module of --import that cannot be imported.
    """
    device = choose_device(args.device)
    ways = check(args, device)
    sys.path.append(str(Path.cwd()))
    for name in args.modules:
        import_module(name)
    nets = open_models(args.models, args.scale, args.seed)
    baseline = (_baseline(args.baseline, nets), ways[0])
    with torch_as_in_training(args.threads, device):
        head = head_lines(args, device)
        print('\n'.join(head), flush=True)
        notes = list(NOTES)
        results, tables = measure_all(args, nets, ways, device, baseline, notes)
        growth = {}
        if args.growth:
            way = next((way for way in ways if not way.exported), Way())
            growth = measure_growth(nets, way, args.batch[0], device, _tell)
            tables += growth_tables(growth, args.batch[0], way)
            print('\n' + '\n\n'.join(map(as_text, tables[-2:])))
        print('\n' + '\n'.join(f'- {note}' for note in notes))
        values = {'cases': list(map(as_plain, results)), 'growth': {name: asdict(one) for name, one in growth.items()}}
        keep(args, head, tables, notes, values, device)
    return not any(costs.failed for costs in results)


def measure_all(args: argparse.Namespace, nets: Mapping[str, nn.Module], ways: list[Way], device: torch.device,
                baseline: Key, notes: list[str]) -> tuple[list[Costs], list[Table]]:
    """Every side and batch, each printed as soon as it is done; what is to be told is added to the notes."""
    results, tables = [], []
    for size in dict.fromkeys(args.size):
        for batch in dict.fromkeys(args.batch):
            _tell(f'measuring {len(nets)} models at {batch} x 3 x {size} x {size} ...')
            costs = measure(nets, ways, (batch, 3, size, size), args.rounds, device, calibrate=args.calibrate)
            shown = [size_table(costs), cost_table(costs, baseline)]
            peak = [f'{shape_of(costs)}: {peak_line(costs.peak)}.'] if costs.peak is not None else []
            notes += peak + failure_notes(costs)
            print('\n' + '\n\n'.join(map(as_text, shown)), flush=True)
            results.append(costs)
            tables += shown
    return results, tables


def head_lines(args: argparse.Namespace, device: torch.device) -> list[str]:
    """Machine and settings."""
    tf32 = ' · TF32 allowed in fp32 convolutions' if device.type == 'cuda' and torch.backends.cudnn.allow_tf32 else ''
    return [environment(device),
            f'classes at x{args.scale} · batch {" ".join(map(str, args.batch))} · {" ".join(args.precision)} · '
            f'{" ".join(args.backend)}{tf32} · {args.rounds} rounds, the first dropped · seed {args.seed}']


def _baseline(name: str | None, nets: Mapping[str, Any]) -> str:
    if name is None:
        return next(iter(nets))
    if name not in nets:
        near = difflib.get_close_matches(name, nets, 1, 0.3)
        hint = f'; nearest: {near[0]}' if near else ''
        raise ValueError(f'--baseline {name}: not among the models; accepted: {", ".join(nets)}{hint}')
    return name


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
