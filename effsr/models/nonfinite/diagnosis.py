"""A step whose numbers were not finite is computed once more, watched: where did it begin, and with which samples?

The diagnosis changes nothing: weights, gradients, buffers and random state are afterwards what they were, bit for bit.
"""
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from effsr.models.build import build_model
from effsr.models.nonfinite.incident import Diagnosis, Sample, read_batch
from effsr.models.nonfinite.search import Search, found_in
from effsr.models.pairs import Pairs
from effsr.models.step.compilation import first_line, uncompiled
from effsr.models.step.guard import Copies
from effsr.models.training import parts_of
from effsr.options import OptionError, Options

MODULES = ('net_g', 'net_d', 'net_g_ema', 'cri_pix', 'cri_perceptual', 'cri_ldl', 'cri_gan', 'cri_color')


@contextmanager
def unchanged(model: Any) -> Iterator[None]:
    """Within it networks may be run forward and backward; afterwards nothing of that is left.

    Gradients are None within it, compiled networks run as they are written.
    """
    modules = [module for name in MODULES if isinstance(module := getattr(model, name), nn.Module)]
    modules += model.distillation.modules() if model.distillation is not None else []
    buffers = [Copies(module.buffers()) for module in modules]
    weights = [(parameter, parameter.grad, parameter.requires_grad)
               for module in modules for parameter in module.parameters()]
    doing = model.doing
    for parameter, _, _ in weights:
        parameter.grad = None
    devices = [model.device] if model.device.type == 'cuda' else []
    try:
        with torch.random.fork_rng(devices), torch.enable_grad(), uncompiled():
            yield
    finally:
        model.doing = doing
        for parameter, gradient, requires_grad in weights:
            parameter.grad = gradient
            parameter.requires_grad_(requires_grad)
        for saved in buffers:
            saved.restore_unless(torch.tensor(False))


def samples_of(model: Any, pairs: Pairs) -> tuple[Sample, ...]:
    """All samples of a batch, with seed and file as far as they are known."""
    seeds = pairs.seeds.tolist()
    return tuple(Sample(index, seed if seed >= 0 else None, path)
                 for index, (seed, path) in enumerate(zip(seeds, model.pairs.paths_of(seeds), strict=True)))


def diagnose(model: Any, pairs: Pairs) -> Diagnosis:
    """Compute a step again with the model's present weights, in its precision, and tell where it breaks.

    Networks stay in the mode that they are in; processes exchange nothing. It takes a step forward and backward, and
    where that finds anything, one more pass for each sample.

    Args:
        model: RealESRNetModel or RealESRGANModel, in training.
        pairs: The batch, split as train: accumulate says.
    """
    samples = samples_of(model, pairs)
    places, losses, faulty = [], [], []
    try:
        with unchanged(model):
            start = 0
            for part in parts_of(pairs, model.options.train):
                search = Search(model, part.pairs)
                search.run()
                places += search.places
                losses += search.losses
                faulty += found_in(search, samples[start:start + len(part.pairs.lq)])
                start += len(part.pairs.lq)
    # It may end in any way, out of memory first of all; training is to go on nevertheless.
    except Exception as error:
        return Diagnosis(failure=f'{type(error).__name__}: {first_line(error)}')
    faulty.sort(key=lambda sample: not {'lq', 'gt', 'gt_usm'} & set(sample.faults))
    return Diagnosis(tuple(dict.fromkeys(places)), tuple(dict.fromkeys(losses)), tuple(faulty))


def replay(model: Any, path: str | Path) -> Diagnosis:
    """Diagnose the batch of a file that was written when a step was not finite.

    Args:
        model: RealESRNetModel or RealESRGANModel, in training.
        path: experiments/NAME/nonfinite/N.pth, or the .json beside it, for what is known of the samples' files.

    Raises:
        CheckpointError: No such file.
    """
    batch, paths = read_batch(path)
    diagnosis = diagnose(model, Pairs(*(tensor.to(model.device) for tensor in batch)))
    samples = tuple(replace(sample, path=paths.get(sample.index, sample.path)) for sample in diagnosis.samples)
    return replace(diagnosis, samples=samples)


def replay_file(options: Options, path: str | Path) -> str:
    """Build the model that an option file describes, replay a batch of its run, and report.

    Weights are those that the options name (path: pretrain_network_g); where they name none, those of the run's last
    checkpoint up to the batch's iteration.

    Returns:
        The report: several lines.

    Raises:
        ValueError: No such file, or a model that cannot be built.
    """
    path = Path(path)
    if options.train is None:
        raise OptionError('train: missing; a replay computes a training step')
    if options.train.total_iter is None:  # a step does not ask how many there are, and no schedule counts them here
        train = options.train.model_copy(update={'total_iter': 1, 'epochs': None, 'scheduler': None})
        options = options.model_copy(update={'train': train})
    options, weights = with_weights_before(options, path)
    model = build_model(options)
    if getattr(model, 'pairs', None) is None:
        raise OptionError(f'model_type: {options.model_type} cannot replay; accepted: RealESRNetModel, RealESRGANModel')
    diagnosis = replay(model, path)
    lines = [f'Replay of {path}', f'  weights: {weights}', f'  {diagnosis.describe()}']
    lines += [f'  then: {place}' for place in diagnosis.places[1:]]
    lines += [f'  not finite: {", ".join(diagnosis.losses)}'] if diagnosis.losses else []
    lines += [f'  sample {sample.index}: {sample}' for sample in diagnosis.samples]
    return '\n'.join(lines)


def with_weights_before(options: Options, path: Path) -> tuple[Options, str]:
    """Options that start from the weights that a batch met, as closely as they are on disk; and which those are.

    Args:
        options: Kept where they name weights of network_g.
        path: A file of the folder nonfinite of a run.
    """
    if options.path.pretrain_network_g is not None:
        return options, options.path.pretrain_network_g
    iteration = int(re.match(r'\d*', path.name)[0] or 0)
    folder = path.parent.parent / 'models'
    labels = [file.stem.removeprefix('net_g_') for file in folder.glob('net_g_*.pth')]
    known = sorted(int(label) for label in labels if label.isdecimal() and int(label) < iteration)
    if not known:
        return options, 'those that training begins with'
    files = {'pretrain_network_g': str(folder / f'net_g_{known[-1]}.pth'), 'param_key_g': 'params'}
    discriminator = folder / f'net_d_{known[-1]}.pth'
    if discriminator.exists() and options.network_d is not None:
        files |= {'pretrain_network_d': str(discriminator), 'param_key_d': 'params'}
    return options.model_copy(update={'path': options.path.model_copy(update=files)}), files['pretrain_network_g']
