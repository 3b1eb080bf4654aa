"""How a network is laid out for training: channels last, blocks recomputed, compiled."""
import torch
from torch import nn

from effsr.models.step.compilation import check_compiler
from effsr.models.step.recomputing import recompute_body
from effsr.options import Options


def accelerate(net: nn.Module, options: Options, key: str, device: torch.device) -> nn.Module:
    """Fit a network out as section train says; values and names of weights stay. In a test nothing is done.

    Args:
        net: Bare, with its weights; changed in place.
        options: gradient_checkpointing, channels_last and compile of section train are read.
        key: network_g or network_d.
        device: Where it will be.

    Raises:
        OptionError: It cannot be recomputed, or nothing can be compiled here.
    """
    train = options.train
    if train is None or not options.runtime.is_train:
        return net
    if train.gradient_checkpointing and key == 'network_g':
        recompute_body(net, key)
    if train.channels_last:
        net.to(memory_format=torch.channels_last)
    if train.compile:
        check_compiler(device.type)
        net.compile()
    return net
