"""The step of a training as far as the models share it: a batch in parts, passes, losses, update, what is noted."""
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils.spectral_norm import SpectralNorm

from effsr.losses.adversarial import Answer, at_scales
from effsr.models.pairs import UNKNOWN, Pairs
from effsr.models.step.average import ema_decay_at, update_ema
from effsr.models.step.guard import Buffers
from effsr.models.step.precision import Precision
from effsr.models.step.update import Update
from effsr.options import OptionError
from effsr.options.schema import TrainOptions

Losses = dict[str, Tensor]


class Part(NamedTuple):
    """A part of a batch: its pairs, its share of the samples (of 1), and whether it is the last."""

    pairs: Pairs
    share: float
    last: bool


def split(pairs: Pairs, count: int) -> list[Part]:
    """Split a batch into parts that differ by one sample at most; one part is the batch itself.

    Raises:
        OptionError: There are fewer samples than parts.
    """
    total = len(pairs.lq)
    if count == 1:
        return [Part(pairs, 1.0, True)]
    if total < count:
        raise OptionError(f'train.accumulate: a batch of {total} cannot be split into {count} parts; set accumulate to '
                          f'{total} or less, or raise datasets: train: batch_size_per_gpu')
    fields = zip(*(field.tensor_split(count) for field in pairs), strict=True)
    return [Part(part, len(part.lq) / total, number == count) for number, part in
            enumerate((Pairs(*tensors) for tensors in fields), start=1)]


def fed(model: Any) -> Pairs:
    """The batch that a model was fed, or that a loop of one's own has set as its lq, gt and gt_usm."""
    seeds = model.seeds
    if seeds is None or len(seeds) != len(model.lq):
        seeds = torch.full((len(model.lq),), UNKNOWN)
    return Pairs(model.lq, model.gt, model.gt_usm, seeds)


def parts_of(pairs: Pairs, train: TrainOptions) -> list[Part]:
    """A batch in the parts and the memory format that section train names.

    Raises:
        OptionError: See :func:`split`.
    """
    if train.channels_last:
        pairs = Pairs(*(image.contiguous(memory_format=torch.channels_last) for image in pairs[:3]), pairs.seeds)
    return split(pairs, train.accumulate)


def forward(precision: Precision, net: nn.Module, images: Tensor) -> Answer:
    """A network's answer, of several scales where it has them, in fp32, whatever it computes in: so losses are, too."""
    with precision.autocast():
        answer = net(images)
    return at_scales(Tensor.float, answer)


def without_graph(answer: Answer) -> Answer:
    """An answer that no gradient goes through."""
    return at_scales(Tensor.detach, answer)


def answer_untouched(precision: Precision, net: nn.Module, images: Tensor) -> Answer:
    """A network's answer in the mode that it is in, while its buffers stay: the pass works on copies of them.

    So the generator's pass through the discriminator moves neither the vectors of its spectral norm nor its batch-norm
    statistics; they belong to its own passes. Processes do not exchange anything in it either.
    """
    bare = net.module if isinstance(net, DistributedDataParallel) else net
    copies = {name: buffer.clone() for name, buffer in bare.named_buffers()}
    with precision.autocast():
        answer = torch.func.functional_call(bare, copies, (images,))
    return at_scales(Tensor.float, answer)


def synchronized(net: nn.Module | None, last: bool) -> AbstractContextManager:
    """Within it processes exchange gradients only where the pass is the step's last: they add up till then."""
    return net.no_sync() if isinstance(net, DistributedDataParallel) and not last else nullcontext()


@contextmanager
def held_spectral_norm(net: nn.Module, held: bool) -> Iterator[None]:
    """Within it, where ``held``, spectral norms divide by the norm of the pass before, without improving it.

    All parts of one pass over a batch are to be divided by the same norm, as the whole batch would be.
    """
    moved = [module for module in net.modules() if held and module.training and _has_spectral_norm(module)]
    for module in moved:
        module.training = False
    try:
        yield
    finally:
        for module in moved:
            module.training = True


def _has_spectral_norm(module: nn.Module) -> bool:
    hooks = module._forward_pre_hooks.values()
    return any(isinstance(hook, SpectralNorm) for hook in hooks) or type(module).__name__ == '_SpectralNorm'


def generator_losses(result: Tensor, gt: Tensor, cri_pix: nn.Module | None, percep_gt: Tensor,
                     cri_perceptual: nn.Module | None) -> Losses:
    """Pixel, perceptual and style loss by their names, as far as they are switched on.

    A pixel loss may answer (total, components), where components by their names add up to the total, as
    :class:`effsr.losses.composite_loss.CompositeLoss`; they stand for it, as pix_NAME.
    """
    losses = {}
    if cri_pix is not None:
        value = cri_pix(result, gt)
        losses.update({'pix': value} if isinstance(value, Tensor) else
                      {f'pix_{name}': component for name, component in value[1].items()})
    if cri_perceptual is not None:
        percep, style = cri_perceptual(result, percep_gt)
        losses.update({name: value for name, value in (('percep', percep), ('style', style)) if value is not None})
    return losses


def guiding_losses(model: Any, pairs: Pairs, output: Tensor) -> Losses:
    """Losses by name that compare with something else than gt: with lq's colours, with a teacher.

    Args:
        model: RealESRNetModel or RealESRGANModel.
        pairs: What the output was made of.
        output: What :func:`generate` gave last.
    """
    losses = {}
    if model.cri_color is not None:
        losses['color'] = model.cri_color(output, pairs.lq)
    if model.distillation is not None:
        losses |= model.distillation.losses(pairs.lq, output)
    return losses


def generate(model: Any, net_g: nn.Module, lq: Tensor) -> Tensor:
    """A pass of network_g, wrapped or not, whose features a teacher is to look at, where there is one."""
    with nullcontext() if model.distillation is None else model.distillation.watching():
        return forward(model.precision, net_g, lq)


def weighted(losses: Mapping[str, Tensor], share: float, summing: Iterable[str] = (), prefix: str = '',
             processes: int = 1) -> Losses:
    """Losses of a part as parts of the batch's: means weigh as much as the part has samples, sums count in full.

    Gradients are averaged over the processes, and so are the losses in the log: a mean is right then, a sum would be
    that of one process's samples, and counts as often as there are processes.
    """
    # A component, pix_tv, is a sum where its loss, pix, is one.
    factors = {name: processes if name.partition('_')[0] in summing else share for name in losses}
    return {prefix + name: value if factors[name] == 1 else value * factors[name] for name, value in losses.items()}


def add_to(totals: Losses, losses: Mapping[str, Tensor]) -> None:
    """Add a part's losses to those of the parts before, without their graph."""
    for name, value in losses.items():
        value = value.detach()
        totals[name] = totals[name] + value if name in totals else value


def with_pixel_total(losses: Losses, prefix: str) -> Losses:
    """Losses of a step by their names in the log, with the sum of the pixel loss's components, where it has some."""
    components = [value for name, value in losses.items() if name.startswith(f'{prefix}pix_')]
    return {f'{prefix}pix': sum(components), **losses} if components else losses


def joined(outputs: list[Tensor]) -> Tensor:
    """The outputs of all parts as one batch."""
    return outputs[0] if len(outputs) == 1 else torch.cat([output.detach() for output in outputs])


def generator_step(model: Any, parts: list[Part], losses_of: Callable[[Pairs, Tensor], Losses], prefix: str) -> Losses:
    """Passes of network_g over all parts, and its optimizer's step; ``model.output`` becomes what it made.

    Args:
        model: RealESRNetModel or RealESRGANModel.
        parts: The batch.
        losses_of: (pairs, output) -> losses by name, each a mean over the samples, or, for a loss whose `reduction` is
            sum, a sum.
        prefix: Of their names in the log.

    Returns:
        The losses of the whole batch by their names in the log.
    """
    update, buffers = model.update_g, Buffers(model.net_g, 'network_g')
    summing = [name for name, criterion in (('pix', model.cri_pix), ('ldl', model.cri_ldl))
               if getattr(criterion, 'reduction', 'mean') == 'sum']
    adapters = None if model.distillation is None else model.distillation.adapters
    totals: Losses = {}
    outputs = []
    update.begin()
    for part in parts:
        with synchronized(model.net_g, part.last), synchronized(adapters, part.last):
            model.doing = 'the forward pass of network_g'
            output = generate(model, model.net_g, part.pairs.lq)
            model.doing = 'the losses of network_g'
            losses = weighted(losses_of(part.pairs, output), part.share, summing, prefix,
                              model.options.runtime.world_size)
            model.doing = 'the backward pass of network_g'
            update.backward(losses)
        add_to(totals, losses)
        outputs.append(output)
    model.output = joined(outputs)
    model.doing = 'the optimizer step of network_g'
    update.apply(totals, buffers)
    return with_pixel_total(totals, prefix)


def end_step(model: Any, updates: list[Update], log: Mapping[str, Tensor]) -> None:
    """What follows the optimizers' steps of an iteration: loss scale, moving average, log, and the watch.

    Args:
        model: RealESRNetModel or RealESRGANModel.
        updates: Those that were applied.
        log: Losses and scores of the iteration.
    """
    model.doing = 'the moving average'
    norms = {f'grad_norm_{update.network[-1]}': update.norm for update in updates}
    scale = model.precision.loss_scale
    model.losses.add({**log, **norms, **({} if scale is None else {'loss_scale': scale.value})})
    flags = {name: flag for update in updates for name, flag in update.flags().items()}
    model.precision.update(torch.stack([update.ok for update in updates]).all())
    if model.net_g_ema is not None:
        decay = ema_decay_at(model.current_iter, model.ema_decay, model.options.train.ema_warmup)
        flags['input of the moving average'] = update_ema(
            model.net_g_ema, model.get_bare_model(model.net_g), decay,
            model.update_g.ok if model.update_g in updates else None)
    model.watch.note(model, model.current_iter, fed(model), flags)
