"""One optimizer's step: from gradients in parts to weights, unless a number on the way is not finite."""
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from effsr.models.step.guard import Buffers, agree, guarded_step
from effsr.models.step.optimizers import gradients_of
from effsr.models.step.precision import Precision

SMALLEST_NORM = 1e-6  # as in torch.nn.utils.clip_grad_norm_


def total_norm(tensors: Iterable[Tensor]) -> Tensor:
    """Euclidean norm of all numbers of all tensors together, 0-dim fp32 on their device; of none it is 0."""
    tensors = [tensor.detach() for tensor in tensors]
    if not tensors:
        return torch.zeros(())
    return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(tensors)))


class Update:
    """The steps of one optimizer.

    Args:
        optimizer: Of one network, its weights in fp32.
        network: The network's name in the log of what was not finite, such as network_g.
        precision: Scales the losses, where it does.
        clip_grad_norm: Largest norm of all gradients together; longer ones are shortened to it (Pascanu et al., arXiv
            1211.5063). None: no limit.

    Attributes:
        ok: Whether the last step was taken, the same on every process; 0-dim bool on the device. None before the first.
        norm: Norm of the last step's gradients before they were clipped; 0-dim.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, network: str, precision: Precision,
                 clip_grad_norm: float | None = None):
        self.optimizer = optimizer
        self.network = network
        self.precision = precision
        self.clip_grad_norm = clip_grad_norm
        self.ok: Tensor | None = None
        self.norm: Tensor | None = None
        self._finite: dict[str, Tensor] = {}

    def begin(self) -> None:
        """Forget the gradients of the step before."""
        self.optimizer.zero_grad(set_to_none=True)

    def backward(self, losses: Mapping[str, Tensor]) -> None:
        """Add the gradients of one part's losses, which are weighted by its share already."""
        self.precision.scale(sum(losses.values())).backward()

    @torch.no_grad()
    def apply(self, losses: Mapping[str, Tensor], *buffers: Buffers) -> Tensor:
        """Take the step if all losses, gradients and statistics are finite on every process; a collective call.

        Args:
            losses: Of the whole step by their names in the log, each one number.
            buffers: Of the networks before the step's passes; they are put back if the step is not taken.

        Returns:
            Whether it was taken, 0-dim bool; the host has not looked.
        """
        self.precision.unscale_(self.optimizer)
        gradients = gradients_of(self.optimizer)
        self.norm = total_norm(gradients)
        if self.clip_grad_norm is not None and gradients:
            torch._foreach_mul_(gradients, (self.clip_grad_norm / (self.norm + SMALLEST_NORM)).clamp(max=1.0))
        # Its square, for a gradient beyond 1.8e19 is a number, but not what Adam would remember of it.
        values = {**losses, self._gradient: self.norm.square()}
        found = {name: value.detach().isfinite().all() for name, value in values.items()}
        for each in buffers:
            found |= each.flags()
        finite = agree(torch.stack([flag.to(self.norm.device) for flag in found.values()]))
        taken = finite.all()
        # Weights are the same on all processes, and so is what the step makes of them.
        weights_finite, state_finite = guarded_step(self.optimizer, taken)
        self._finite = {**dict(zip(found, finite.unbind(), strict=True)), f'weights of {self.network}': weights_finite,
                        f'state of optim_{self.network[-1]}': state_finite}
        self.ok = taken & weights_finite & state_finite
        for each in buffers:
            each.restore_unless(self.ok)
        return self.ok

    @property
    def _gradient(self) -> str:
        return f'gradient of {self.network}'

    def flags(self) -> dict[str, Tensor]:
        """What was finite in the last step, 0-dim bool: each loss, the gradient, statistics, and what the step made.

        Gradients that overflow while a loss scale is being found are none of that: the scale falls, and they are
        finite again. They are told when the scale has fallen below 1, which says that something else is wrong.
        """
        ordinary = self.precision.overflow_is_ordinary()
        if ordinary is None:
            return dict(self._finite)
        return {**self._finite, self._gradient: self._finite[self._gradient] | ordinary}
