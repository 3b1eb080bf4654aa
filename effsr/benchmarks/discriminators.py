"""What a discriminator costs a GAN step with a compact generator, beside the same step without one."""
import argparse
import copy
import logging
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import effsr
from effsr.benchmarks.common import add_common_arguments, check_files, check_least, keep, torch_as_in_training
from effsr.benchmarks.interleave import Spread, interleave, spread
from effsr.inference.upscaling import choose_device
from effsr.runtime.environment import environment
from effsr.runtime.tables import Table, as_text

SCALE = 4
GENERATOR = {'type': 'SRVGGNetCompact', 'num_feat': 64, 'num_conv': 16, 'upscale': SCALE}
REFERENCE = 'U-Net, 64 (Real-ESRGAN)'
PATCHES = {'type': 'PatchDiscriminator', 'norm': 'spectral'}
DISCRIMINATORS: dict[str, dict[str, Any]] = {
    REFERENCE: {'type': 'UNetDiscriminatorSN', 'num_in_ch': 3, 'num_feat': 64},
    'U-Net, 32': {'type': 'UNetDiscriminatorSN', 'num_in_ch': 3, 'num_feat': 32},
    'compact, 64': {'type': 'CompactDiscriminator', 'num_feat': 64},
    'compact, 32': {'type': 'CompactDiscriminator', 'num_feat': 32},
    'patches, 64': {**PATCHES, 'num_feat': 64},
    'patches, 32': {**PATCHES, 'num_feat': 32},
    'patches, 32, 2 scales': {'type': 'MultiScaleDiscriminator', 'num_scale': 2, 'discriminator': {
        **PATCHES, 'num_feat': 32}},
}
NONE = 'none (pixel loss alone)'
SMALLEST = 48  # pixels, for a patch at half the size
STEP = 16  # the compact one folds pixels and halves three times
NOTES = ("The discriminator's part is the step less the step without one: three passes, the backward passes to its "
         'weights and the one through it to the picture, and its optimizer.',
         'Pairs are random and stay; a step has no degradation and no reading in it. Lowest and highest in brackets.')


class Cost(NamedTuple):
    """Of one discriminator: weights, multiplications and additions of a pass over one picture, seconds of each step."""

    parameters: int
    flops: int
    seconds: list[float]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `benchmark.py discriminators`."""
    parser.add_argument('--batch', type=int, default=2, metavar='N', help='images in a batch (2)')
    parser.add_argument('--gt_size', type=int, default=128, metavar='N', help='side of the trained crop (128)')
    parser.add_argument('--rounds', type=int, default=6, metavar='N', help='rounds, the first is dropped (6)')
    parser.add_argument('--threads', type=int, default=None, metavar='N', help="CPU threads (torch's default)")
    add_common_arguments(parser)


def check(args: argparse.Namespace) -> None:
    """Refuse what cannot be measured, before anything is.

    Raises:
        ValueError: One line: the flag, its value, what is accepted.
    """
    check_least(args, {'batch': 1, 'rounds': 2, 'seed': 0, 'gt_size': SMALLEST, 'threads': 1})
    if args.gt_size % STEP:
        raise ValueError(f'--gt_size {args.gt_size}; accepted: a multiple of {STEP}')
    check_files(args)


def run(args: argparse.Namespace) -> None:
    """Measure, print, and write what was asked for.

    Raises:
        ValueError: Flags that cannot be used.
        OSError: A file that cannot be written.
    """
    check(args)
    device = choose_device(args.device)
    with torch_as_in_training(args.threads, device):
        costs = measure(args, device)
        where = environment(device)
    head = [where, f'{GENERATOR["type"]} {GENERATOR["num_feat"]}/{GENERATOR["num_conv"]}, scale {SCALE} · batch '
                   f'{args.batch} · gt {args.gt_size} · float32 · {args.rounds} rounds, the first dropped']
    table = as_table(costs)
    print('\n'.join(head) + f'\n\n{as_text(table)}\n\n' + '\n'.join(f'- {note}' for note in NOTES))
    keep(args, head, [table], NOTES, {'costs': {name: cost._asdict() for name, cost in costs.items()}}, device)


def measure(args: argparse.Namespace, device: torch.device) -> dict[str, Cost]:
    """All discriminators, and none, in turn."""
    logger = logging.getLogger('basicsr')
    level = logger.level
    logger.setLevel(logging.WARNING)
    models = {}
    try:
        for name, block in {NONE: None, **DISCRIMINATORS}.items():
            torch.manual_seed(args.seed)
            models[name] = effsr.build_model(plain_options(block, device))
    finally:
        logger.setLevel(level)
    generator = torch.Generator().manual_seed(args.seed)
    gt = torch.rand(args.batch, 3, args.gt_size, args.gt_size, generator=generator)
    batch = {'gt': gt, 'lq': nn.functional.avg_pool2d(gt, SCALE)}
    seconds = interleave({name: _timed(model, batch, device) for name, model in models.items()}, args.rounds)
    return {name: Cost(*_size(model.net_d, gt[:1].to(device)), seconds[name]) for name, model in models.items()}


def plain_options(block: Mapping[str, Any] | None, device: torch.device) -> dict[str, Any]:
    """Options of a step on given pairs, with a discriminator or without one."""
    adam = {'type': 'Adam', 'lr': 1e-4, 'betas': [0.9, 0.99]}
    train = {'total_iter': 10**6, 'optim_g': adam, 'pixel_opt': {'type': 'L1Loss'}}
    options = {'model_type': 'SRModel', 'scale': SCALE, 'num_gpu': int(device.type == 'cuda'),
               'network_g': dict(GENERATOR), 'train': train}
    if block is not None:
        options |= {'model_type': 'SRGANModel', 'network_d': copy.deepcopy(dict(block))}
        train |= {'optim_d': adam, 'gan_opt': {'type': 'GANLoss', 'gan_type': 'vanilla', 'loss_weight': 0.1}}
    return options


def _timed(model: Any, batch: Mapping[str, torch.Tensor], device: torch.device) -> Callable[[int], float]:
    def wait() -> None:
        if device.type == 'cuda':
            torch.cuda.synchronize(device)

    def step(number: int) -> float:
        model.feed_data(batch)
        wait()
        start = time.perf_counter()
        model.optimize_parameters(number + 1)
        wait()
        return time.perf_counter() - start

    return step


@torch.no_grad()
def _size(net: nn.Module | None, picture: torch.Tensor) -> tuple[int, int]:
    if net is None:
        return 0, 0
    with FlopCounterMode(display=False) as counter:
        net.eval()(picture)
    net.train()
    return sum(parameter.numel() for parameter in net.parameters()), counter.get_total_flops()


def as_table(costs: Mapping[str, Cost]) -> Table:
    """A row for each: its size, the step, its part of the step, and how many times faster than the reference."""
    base, reference = costs[NONE].seconds, costs[REFERENCE].seconds
    rows = []
    for name, cost in costs.items():
        shares = [1 - alone / whole for alone, whole in zip(base, cost.seconds, strict=True)]
        faster = spread(slow / fast for slow, fast in zip(reference, cost.seconds, strict=True))
        rows.append((name, f'{cost.parameters:,}', f'{cost.flops / 1e9:.2f}', f'{1000 * median(cost.seconds):.0f}',
                     '' if name == NONE else f'{100 * median(shares):.0f}%', _told(faster)))
    return Table('Discriminators', ('discriminator', 'parameters', 'GFLOP a pass', 'step, ms', 'its part',
                                    'times as fast'), tuple(rows))


def _told(measured: Spread) -> str:
    return f'{measured.median:.2f} ({measured.low:.2f}-{measured.high:.2f})'
