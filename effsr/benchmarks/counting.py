"""What a pass through a network computes, writes and moves, counted operation by operation without computing it."""
import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

VIEWS = {torch.ops.aten._unsafe_view.default}  # not marked as one, as it is of what nobody else holds
CONVOLUTIONS = {torch.ops.aten.convolution.default, torch.ops.aten._convolution.default}


@dataclass(frozen=True)
class Counted:
    """Of one pass.

    Attributes:
        parameters: Numbers that the network learnt, buffers not included.
        macs: Multiplications with their addition, of convolutions and matrix products alone.
        activations: Numbers that convolutions write, as the NTIRE challenges on efficient super-resolution count
            (Li et al., NTIRE 2022 Challenge on Efficient Super-Resolution, arXiv 2205.05675).
        moved: Bytes that all operations read and write, as if nothing stayed in a cache between two of them.
        output: Shape of the result.
    """

    parameters: int
    macs: int
    activations: int
    moved: int
    output: tuple[int, ...]

    @property
    def flops(self) -> int:
        """Floating-point operations: two for each MAC; activation functions and sums of features are not in it."""
        return 2 * self.macs

    @property
    def intensity(self) -> float:
        """FLOPs for each byte moved."""
        return self.flops / self.moved


class _Watch(TorchDispatchMode):
    """Adds up what convolutions write and what all operations read and write."""

    def __init__(self) -> None:
        super().__init__()
        self.activations = 0
        self.moved = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in CONVOLUTIONS:
            self.activations += result.numel()
        if not _is_view(func):
            leaves = tree_leaves((args, kwargs, result))
            self.moved += sum(leaf.numel() * leaf.element_size() for leaf in leaves if isinstance(leaf, Tensor))
        return result


def _is_view(func: Any) -> bool:
    """Whether an operation returns its input in another shape and moves nothing."""
    if func in VIEWS:
        return True
    infos = [result.alias_info for result in func._schema.returns]
    return any(info is not None and not info.is_write for info in infos)


@torch.no_grad()
def count(net: nn.Module, shape: tuple[int, int, int, int], dtype: torch.dtype = torch.float32) -> Counted:
    """Count a pass over a picture of a shape (B, C, H, W), on torch's meta device, where nothing is computed.

    A network that cannot be run there (one that makes tensors on a device of its own choice) is run in earnest.

    Raises:
        ValueError: What comes out is no picture.
    """
    parameters = sum(parameter.numel() for parameter in net.parameters())
    try:
        return _counted(copy.deepcopy(net).to('meta', dtype), torch.empty(shape, dtype=dtype, device='meta'),
                        parameters)
    except ValueError:
        raise
    # An architecture of a user's own may fail there in any way.
    except Exception:
        device = next((parameter.device for parameter in net.parameters()), torch.device('cpu'))
        return _counted(copy.deepcopy(net).to(dtype=dtype), torch.zeros(shape, dtype=dtype, device=device), parameters)


def _counted(net: nn.Module, picture: Tensor, parameters: int) -> Counted:
    with _Watch() as watch, FlopCounterMode(display=False) as counter:
        result = net.eval()(picture)
    if not isinstance(result, Tensor) or result.ndim != 4:
        found = f'shape {tuple(result.shape)}' if isinstance(result, Tensor) else type(result).__name__
        raise ValueError(f'gives {found}; accepted: networks that turn a picture (B, C, H, W) into a picture')
    return Counted(parameters, counter.get_total_flops() // 2, watch.activations, watch.moved, tuple(result.shape))
