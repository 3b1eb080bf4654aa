"""Training step against BasicSR's own: iterations a second and peak memory, stage by stage."""
import argparse
import gc
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from effsr.benchmarks import memory
from effsr.benchmarks.basicsr_step import PATCHES, USM_PATCH
from effsr.benchmarks.case import POOL, SCALE, Case
from effsr.benchmarks.common import add_common_arguments, check_files, check_least, keep, torch_as_in_training
from effsr.benchmarks.contenders import NAMES, build
from effsr.benchmarks.interleave import interleave
from effsr.benchmarks.photographs import Photographs, collect
from effsr.benchmarks.report import NOTES, Result, as_plain, case_table, case_title, summary_table
from effsr.inference.upscaling import choose_device
from effsr.runtime.environment import environment
from effsr.runtime.tables import as_text

MODELS = ('RealESRNetModel', 'RealESRGANModel')
# Real-ESRGAN's sizes.
NETWORKS: dict[str, dict[str, Any]] = {
    'SRVGGNetCompact': {'num_in_ch': 3, 'num_out_ch': 3, 'num_feat': 64, 'num_conv': 32, 'upscale': SCALE,
                        'act_type': 'prelu'},
    'RRDBNet': {'num_in_ch': 3, 'num_out_ch': 3, 'num_feat': 64, 'num_block': 23, 'num_grow_ch': 32, 'scale': SCALE},
}
MIN_CROP = 80  # BasicSR's blur reflects 10 pixels of an image that was shrunk to 0.15
MIN_GT = 32  # its RealESRGANModel sharpens the cut gt again and reflects 25 pixels for that
HALVINGS = 8  # the discriminator halves three times


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `benchmark.py train`."""
    parser.add_argument('--networks', nargs='+', default=list(NETWORKS), metavar='NAME', help=', '.join(NETWORKS))
    parser.add_argument('--models', nargs='+', default=list(MODELS), metavar='NAME', help=', '.join(MODELS))
    parser.add_argument('--batch', type=int, default=2, metavar='N', help='images in a batch (2)')
    parser.add_argument('--gt_size', type=int, default=128, metavar='N', help='side of the trained crop (128)')
    parser.add_argument('--crop', type=int, default=200, metavar='N',
                        help='side of the crop that is degraded, crop_pad_size (200)')
    parser.add_argument('--num_feat_d', type=int, default=32, metavar='N',
                        help="width of the discriminator (32; Real-ESRGAN's is 64)")
    parser.add_argument('--rounds', type=int, default=6, metavar='N', help='rounds, the first is dropped (6)')
    parser.add_argument('--threads', type=int, default=None, metavar='N', help="CPU threads (torch's default)")
    add_common_arguments(parser)


def check(args: argparse.Namespace) -> None:
    """Refuse what cannot be measured, before anything is.

    Raises:
        ValueError: One line: the flag, its value, what is accepted.
    """
    for flag, given, known in (('networks', args.networks, NETWORKS), ('models', args.models, MODELS)):
        for name in given:
            if name not in known:
                raise ValueError(f'--{flag} {name}: not known; accepted: {", ".join(known)}')
    check_least(args, {'batch': 1, 'num_feat_d': 1, 'rounds': 2, 'seed': 0, 'crop': MIN_CROP, 'gt_size': MIN_GT,
                       'threads': 1})
    for flag, step in (('gt_size', HALVINGS), ('crop', SCALE)):
        if getattr(args, flag) % step:
            raise ValueError(f'--{flag} {getattr(args, flag)}; accepted: a multiple of {step}')
    if args.gt_size > args.crop:
        raise ValueError(f'--gt_size {args.gt_size} does not fit into --crop {args.crop}; lower it, or raise --crop')
    check_files(args)


def run(args: argparse.Namespace) -> None:
    """Measure, print, and write what was asked for.

    Raises:
        ValueError: Flags or photographs that cannot be used.
        OSError: A file that cannot be written.
    """
    check(args)
    device = choose_device(args.device)
    with torch_as_in_training(args.threads, device), tempfile.TemporaryDirectory() as work:
        photographs = collect(args.images, args.crop, Path(work))
        cases = make_cases(args, device, photographs)
        head = head_lines(args, device, photographs, cases[0].pool)
        print('\n'.join(head), flush=True)
        results = []
        for case in cases:
            print(f'measuring {case_title(case)} ...', file=sys.stderr, flush=True)
            results.append(measure(case, args.rounds))
            print(f'\n{as_text(case_table(results[-1]))}', flush=True)
    summary = summary_table(results)
    print(f'\n{as_text(summary)}\n\n' + '\n'.join(f'- {note}' for note in NOTES))
    keep(args, head, [summary, *map(case_table, results)], NOTES,
         {'patches': [str(patch) for patch in (*PATCHES, USM_PATCH)], 'cases': list(map(as_plain, results))}, device,
         photographs=len(photographs.paths), photographs_left_out=photographs.left_out)


def make_cases(args: argparse.Namespace, device: torch.device, photographs: Photographs) -> list[Case]:
    """Every network with every model."""
    pool = max(args.batch, POOL // args.batch * args.batch)
    batches = pool // args.batch + 2 * args.rounds + memory.STEPS  # to fill the pool, and to time or to weigh
    common = {'batch': args.batch, 'crop': args.crop, 'gt_size': args.gt_size, 'num_feat_d': args.num_feat_d,
              'pool': pool, 'seed': args.seed, 'threads': torch.get_num_threads(), 'device': device.type,
              'batches': batches}
    return [Case(model, network, photographs, NETWORKS[network], **common)
            for model in args.models for network in args.networks]


def head_lines(args: argparse.Namespace, device: torch.device, photographs: Photographs, pool: int) -> list[str]:
    """Machine, sizes, and the patches."""
    left_out = f' ({photographs.left_out} smaller than a crop left out)' if photographs.left_out else ''
    own = '' if args.images is None else f' of {photographs.folder}'
    lines = [
        environment(device),
        f'scale {SCALE} · batch {args.batch} · crop {args.crop} · gt {args.gt_size} (lq {args.gt_size // SCALE}) · '
        f'pool {pool}, full · discriminator num_feat {args.num_feat_d} · float32 · {args.rounds} rounds, the first '
        f'dropped · seed {args.seed} · {len(photographs.paths)} photographs{own}{left_out}',
        '', 'BasicSR 1.4.2 runs as it is but for:']
    return lines + [f'- {patch}' for patch in (*PATCHES, USM_PATCH)]


def measure(case: Case, rounds: int) -> Result:
    """All contenders of one case: times in turn, then the memory of each."""
    contenders = {name: build(case, name) for name in NAMES}
    runs: dict[tuple[str, str], Callable[[int], Any]] = {}
    for mode in ('time_whole', 'time_stages'):
        for name, contender in contenders.items():
            runs[mode, name] = getattr(contender, mode)
    measured = interleave(runs, rounds)
    del contenders, runs
    gc.collect()
    return Result(case, {name: measured['time_whole', name] for name in NAMES},
                  {name: measured['time_stages', name] for name in NAMES},
                  {name: memory.measure(case, name) for name in NAMES})
