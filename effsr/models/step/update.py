"""One optimizer's step: from gradients in parts to weights, unless a number on the way is not finite."""
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from effsr.models.step.guard import agree, guarded_step, host_may_look
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
        self._before: list[Tensor] = []

    def begin(self) -> None:
        """Forget the gradients of the step before."""
        self.optimizer.zero_grad(set_to_none=True)

    def backward(self, losses: Mapping[str, Tensor]) -> None:
        """Add the gradients of one part's losses, which are weighted by its share already."""
        self.precision.scale(sum(losses.values())).backward()

    @torch.no_grad()
    def apply(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Take the step if all losses and gradients are finite on every process; a collective call.

        Args:
            losses: Of the whole step by their names in the log, each one number.

        Returns:
            Whether it was taken, 0-dim bool; the host has not looked.
        """
        self.precision.unscale_(self.optimizer)
        gradients = [parameter.grad for group in self.optimizer.param_groups for parameter in group['params']
                     if parameter.grad is not None]
        self.norm = total_norm(gradients)
        if self.clip_grad_norm is not None and gradients:
            torch._foreach_mul_(gradients, (self.clip_grad_norm / (self.norm + SMALLEST_NORM)).clamp(max=1.0))
        # Its square, for a gradient beyond 1.8e19 is a number, but not what Adam would remember of it.
        values = {**losses, self._gradient: self.norm.square()}
        finite = agree(torch.stack([value.detach().isfinite().all().to(self.norm.device) for value in values.values()]))
        self._finite = dict(zip(values, finite.unbind(), strict=True))
        taken = finite.all()
        weights_finite = self._step(taken)
        self._finite[f'weights of {self.network}'] = weights_finite
        self.ok = taken & weights_finite
        return self.ok

    def _step(self, ok: Tensor) -> Tensor:
        """The optimizer's step; weights that it makes of finite gradients and that are not finite are put back.

        Some optimizers can: Adam with an eps of 0 divides by 0 where there is no gradient.

        Returns:
            Whether the weights were finite, 0-dim bool; the same on all processes, whose weights are the same.
        """
        weights = [parameter for group in self.optimizer.param_groups for parameter in group['params']]
        if not self._before:
            self._before = [weight.detach().clone() for weight in weights]
        else:
            torch._foreach_copy_(self._before, weights)
        guarded_step(self.optimizer, ok)
        finite = total_norm(weights).isfinite()
        if not host_may_look(finite):
            for weight, before in zip(weights, self._before, strict=True):
                torch.where(finite, weight, before, out=weight)
        elif not finite:
            torch._foreach_copy_(weights, self._before)
        return finite

    @property
    def _gradient(self) -> str:
        return f'gradient of {self.network}'

    def flags(self) -> dict[str, Tensor]:
        """What was finite in the last step, 0-dim bool by loss, for the gradient and the weights that it made.

        Gradients that overflow while a loss scale is being found are none of that: the scale falls, and they are
        finite again. They are told when the scale has fallen below 1, which says that something else is wrong.
        """
        ordinary = self.precision.overflow_is_ordinary()
        if ordinary is None:
            return dict(self._finite)
        return {**self._finite, self._gradient: self._finite[self._gradient] | ordinary}
