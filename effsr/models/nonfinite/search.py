"""The passes of a step once more, watched: which module, which loss, which samples are the first to be not finite."""
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from effsr.models.adversarial import amounts_of
from effsr.models.discriminating import real_of
from effsr.models.nonfinite.incident import Sample
from effsr.models.nonfinite.tracing import Trace, is_finite
from effsr.models.pairs import Pairs
from effsr.models.training import forward, generate


def one_of(pairs: Pairs, index: int) -> Pairs:
    """A batch of one sample."""
    return Pairs(*(tensor[index:index + 1] for tensor in pairs))


class Search:
    """Looks through the passes of one part of a batch; what it finds is in `places`, `losses` and `faults`.

    It leaves gradients and buffers behind; the caller puts them back.

    Args:
        model: RealESRNetModel or RealESRGANModel, with gradients of None.
        pairs: The part.

    Attributes:
        places: Where numbers ceased to be finite, in the order of computing.
        losses: Names of losses that are not finite, or whose gradient with respect to the result is not.
        faults: What of each sample is not finite by itself, by index.
    """

    def __init__(self, model: Any, pairs: Pairs):
        self.model = model
        self.pairs = pairs
        self.places: list[str] = []
        self.losses: list[str] = []
        self.faults: dict[int, list[str]] = {}
        self._net_g, self._net_d = (None if net is None else model.get_bare_model(net)
                                    for net in (model.net_g, model.net_d))
        self._prefix = 'l_' if self._net_d is None else 'l_g_'

    def run(self) -> None:
        """Look through the generator's step, the discriminator's, and each sample by itself."""
        for name in ('lq', 'gt'):
            if not is_finite(getattr(self.pairs, name)):
                self.places.append(f'{name} as it was fed')
        output = self._generator()
        if self._net_d is not None:
            real = real_of(self.model, self.pairs)
            self._discriminator('real', real, True, output)
            self._discriminator('fake', output, False, real)
            self._penalties(real, output)
        self._samples(output)

    def _generator(self) -> Tensor:
        """network_g, its losses, and backward. Returns what it made of lq, without its graph."""
        model, pairs = self.model, self.pairs
        if self._net_d is not None:
            self._net_d.requires_grad_(False)
        with Trace(self._net_g) as trace, self._watched_discriminator() as trace_d:
            output = generate(model, self._net_g, pairs.lq)
            trace.forward_ends()
            self._place('network_g', self._net_g, trace.first_forward, 'forward')
            losses = model.generator_losses(pairs, output)
            if trace_d is not None:
                trace_d.forward_ends()
                self._place('network_d', self._net_d, trace_d.first_forward, "forward, in the generator's step")
            losses = {f'{self._prefix}{name}': loss for name, loss in losses.items()}
            if self._all_finite(losses):
                self._backward(losses, output, trace, trace_d)
        if self._net_d is not None:
            self._net_d.requires_grad_(True)
        return output.detach()

    def _watched_discriminator(self) -> Any:
        return nullcontext() if self._net_d is None else Trace(self._net_d)

    def _backward(self, losses: dict[str, Tensor], output: Tensor, trace: Trace, trace_d: Trace | None) -> None:
        scaled = {name: self.model.precision.scale(loss) for name, loss in losses.items()}
        for name, loss in scaled.items():
            gradient, = torch.autograd.grad(loss, output, retain_graph=True, allow_unused=True)
            if trace_d is not None and trace_d.first_backward is not None:
                self._place('network_d', self._net_d, trace_d.first_backward, "backward, in the generator's step")
                trace_d = None
            if gradient is not None and not is_finite(gradient):
                self.losses.append(name)
                self.places.append(f'the gradient of {name}')
        sum(scaled.values()).backward()
        self._place('network_g', self._net_g, trace.first_backward, 'backward')
        self._weights_place('network_g', trace, 'backward')

    def _discriminator(self, name: str, images: Tensor, is_real: bool, others: Tensor) -> None:
        """A pass of network_d of its own, and backward; others are the pictures of the other kind."""
        with Trace(self._net_d) as trace:
            prediction = forward(self.model.precision, self._net_d, images)
            trace.forward_ends()
            self._place('network_d', self._net_d, trace.first_forward, f'forward, {name} pictures')
            loss = self._judged(prediction, is_real, others)
            if self._all_finite({f'l_d_{name}': loss}):
                self.model.precision.scale(loss).backward()
                if not trace.gradient_arrives_finite:
                    self.losses.append(f'l_d_{name}')
                    self.places.append(f'the gradient of l_d_{name}')
                self._place('network_d', self._net_d, trace.first_backward, f'backward, {name} pictures')
                self._weights_place('network_d', trace, f'backward, {name} pictures')

    def _judged(self, prediction: Any, is_real: bool, others: Tensor) -> Tensor:
        adversary = self.model.adversary
        with torch.no_grad():
            beside = adversary.answer(others) if adversary.compares else None
        return adversary.discriminator_loss(prediction, is_real, beside)

    def _penalties(self, real: Tensor, fake: Tensor) -> None:
        """The penalties on network_d's gradients, and backward; those that were not due in this step, too."""
        for name, loss in penalties_on(self.model, real, fake, self.pairs.seeds).items():
            self._net_d.zero_grad(set_to_none=True)
            if self._all_finite({name: loss}):
                self.model.precision.scale(loss).backward()
                gradients = [parameter.grad for parameter in self._net_d.parameters() if parameter.grad is not None]
                if not is_finite(gradients):
                    self.places.append(f'the gradient of {name}')

    def _place(self, network: str, net: nn.Module, module: str | None, when: str) -> None:
        if module is None:
            return
        # Of a module that holds others only its own weights count: those would have been named themselves.
        weights = list(net.get_submodule(module).parameters(recurse=False))
        if not is_finite(weights):
            when += '; its weights are not finite'
        self.places.append(f'{network}: {module or type(net).__name__} ({when})')

    def _weights_place(self, network: str, trace: Trace, when: str) -> None:
        """The network as a whole, where no module is to be named: weights may be used without a call of theirs."""
        if not self.places and not trace.weight_gradients_finite:
            self.places.append(f'{network} ({when})')

    def _all_finite(self, losses: dict[str, Tensor]) -> bool:
        bad = [name for name, loss in losses.items() if not is_finite(loss)]
        self.losses += bad
        # Where what went into the losses was finite, it is they.
        if bad and not self.places:
            self.places.append(bad[0])
        return not bad

    def _samples(self, output: Tensor) -> None:
        gradients_alone = bool(self.places) and not self.losses
        for index in range(len(output)):
            pairs = one_of(self.pairs, index)
            parts = {'lq': pairs.lq, 'gt': pairs.gt, 'gt_usm': pairs.gt_usm, 'result': output[index:index + 1]}
            faults = [name for name, part in parts.items() if not is_finite(part)]
            if self.pairs.gt_usm is self.pairs.gt and 'gt_usm' in faults:
                faults.remove('gt_usm')
            if not faults and self.losses:
                faults = self._losses_alone(pairs, parts['result'])
            if not faults and gradients_alone and not self._gradient_alone(pairs):
                faults = ['gradient']
            if faults:
                self.faults[index] = faults

    @torch.no_grad()
    def _losses_alone(self, pairs: Pairs, result: Tensor) -> list[str]:
        """Names of the losses that are not finite for one sample."""
        model = self.model
        if model.distillation is not None:
            generate(model, self._net_g, pairs.lq)  # its features of this sample
        losses = {f'{self._prefix}{name}': loss for name, loss in model.generator_losses(pairs, result).items()}
        if self._net_d is not None:
            losses |= {f'l_d_{name}': loss for name, loss in self._discriminator_losses(pairs, result).items()}
            with torch.enable_grad():
                losses |= penalties_on(model, real_of(model, pairs), result, pairs.seeds)
        return [name for name, loss in losses.items() if not is_finite(loss)]

    def _gradient_alone(self, pairs: Pairs) -> bool:
        """Whether the gradients of all weights are finite for one sample, of either network."""
        model = self.model

        def gradients(net: nn.Module, losses: Callable[[], Tensor]) -> bool:
            net.zero_grad(set_to_none=True)
            model.precision.scale(losses()).backward()
            return is_finite([parameter.grad for parameter in net.parameters() if parameter.grad is not None])

        result = generate(model, self._net_g, pairs.lq)
        finite = gradients(self._net_g, lambda: sum(model.generator_losses(pairs, result).values()))
        if self._net_d is None or not finite:
            return finite
        result = result.detach()
        return gradients(self._net_d, lambda: sum([
            *self._discriminator_losses(pairs, result).values(),
            *penalties_on(model, real_of(model, pairs), result, pairs.seeds).values()]))

    def _discriminator_losses(self, pairs: Pairs, result: Tensor) -> dict[str, Tensor]:
        """Losses of network_d on real and on fake pictures, by their kind."""
        real = real_of(self.model, pairs)
        return {name: self._judged(forward(self.model.precision, self._net_d, images), is_real, others)
                for name, images, is_real, others in (('real', real, True, result), ('fake', result, False, real))}


def penalties_on(model: Any, real: Tensor, fake: Tensor, seeds: Tensor) -> dict[str, Tensor]:
    """All penalties that a run has, by their names in the log, whether they are due or not."""
    amounts = amounts_of(seeds, model.current_iter)
    return {f'l_d_{name}': model.adversary.penalty(name, real, fake, amounts)
            for name in model.adversary.penalties_due(0)}


def found_in(search: Search, samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
    """The samples at fault among those of the part that was searched."""
    return tuple(replace(samples[index], faults=tuple(faults)) for index, faults in sorted(search.faults.items()))
