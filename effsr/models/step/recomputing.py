"""Gradient checkpointing: a network's blocks are computed once more in the backward pass, instead of being kept."""
from collections import OrderedDict

from torch import Tensor, is_grad_enabled, nn
from torch.utils.checkpoint import checkpoint

from effsr.options import OptionError


class Recomputed(nn.Sequential):
    """A Sequential of which the backward pass keeps the input of each block alone, and computes the rest again.

    Same values, same gradients, same names of weights (Chen et al., Training Deep Nets with Sublinear Memory Cost,
    arXiv 1604.06174).
    """

    def forward(self, images: Tensor) -> Tensor:
        """As nn.Sequential."""
        for block in self:
            images = checkpoint(block, images, use_reentrant=False) if is_grad_enabled() else block(images)
        return images


def recompute_body(net: nn.Module, key: str) -> None:
    """Let the blocks of ``net.body`` be recomputed in the backward pass; the network is changed in place.

    Args:
        net: RRDBNet, or any other whose body is an nn.Sequential that its forward calls as a whole.
        key: The option it stands under, for messages.

    Raises:
        OptionError: It has no such body, or one with buffers: statistics would be taken twice.
    """
    if not can_be_recomputed(net):
        raise OptionError(f'train.gradient_checkpointing: {key}: {type(net).__name__} has no body of blocks in sequence'
                          ' to compute again; accepted: RRDBNet, and networks whose body is an nn.Sequential without '
                          'buffers')
    net.body = Recomputed(OrderedDict(net.body.named_children()))


def can_be_recomputed(net: nn.Module) -> bool:
    """Whether a network has a body that recompute_body takes."""
    body = getattr(net, 'body', None)
    return type(body) is nn.Sequential and not any(True for _ in body.buffers())
