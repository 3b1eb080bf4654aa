"""torch.compile: whether it works here, what its failures look like, and how to go round it."""
from contextlib import AbstractContextManager, nullcontext
from functools import cache

import torch

from effsr.options import OptionError


@cache
def check_compiler(device_type: str) -> None:
    """Compile one addition, to know before training whether compiling works on this machine.

    Raises:
        OptionError: It does not: there is no C++ compiler, or for a GPU no Triton.
    """
    try:
        torch.compile(_add_one)(torch.zeros(2, device=device_type))
    # Compilers fail in any way.
    except Exception as error:
        needed = 'Triton (pip install triton)' if device_type == 'cuda' else 'a C++ compiler (g++, or name one in CXX)'
        raise OptionError(f'train.compile: compiling does not work on this machine: {type(error).__name__}: '
                          f'{first_line(error)}; install {needed}, or set compile: false') from error


def _add_one(values: torch.Tensor) -> torch.Tensor:
    return values + 1


def first_line(error: BaseException) -> str:
    """The first line of an error that says something."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), '')


def failed_to_compile(error: BaseException) -> bool:
    """Whether an error is torch.compile's own."""
    return type(error).__module__.startswith(('torch._dynamo.', 'torch._inductor.'))


def uncompiled() -> AbstractContextManager:
    """Within it compiled networks run as they are written: images of many sizes would each be compiled for."""
    set_stance = getattr(torch.compiler, 'set_stance', None)  # since torch 2.6
    return nullcontext() if set_stance is None else set_stance('force_eager')
