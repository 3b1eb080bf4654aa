"""Networks by name: a registered architecture with arguments, or a weights file."""
import ast
import difflib
import inspect
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from basicsr.utils.registry import ARCH_REGISTRY
from torch import nn

from effsr.inference.weights import load_model

DEFAULTS = ('EfficientSRNet', 'SRVGGNetCompact(num_conv=16)', 'SRVGGNetCompact(num_conv=32)', 'RRDBNet(num_block=6)',
            'RRDBNet(num_block=23)', 'SRResNet')
WEIGHTS = ('.pth', '.pt')
ACCEPTED = "accepted: a weights file, or a registered class such as SRResNet or 'RRDBNet(num_block=6)'"


def open_models(texts: Sequence[str], scale: int, seed: int = 0) -> dict[str, nn.Module]:
    """Networks ready to run on the CPU, by the name they are compared under.

    Args:
        texts: Each a weights file, LABEL=FILE.pth, a registered class, or a class with arguments in brackets.
        scale: Of classes that take one and are not given any.
        seed: Of the initial weights of classes.

    Raises:
        ValueError: One line: the model, what is wrong, what is accepted.
    """
    models: dict[str, nn.Module] = {}
    for text in texts:
        name, net = open_model(text, scale, seed)
        if name in models:
            raise ValueError(f'--models: two are called {name}; name each file: LABEL=FILE.pth')
        models[name] = net
    return models


def open_model(text: str, scale: int, seed: int = 0) -> tuple[str, nn.Module]:
    """One of :func:`open_models`, with its name."""
    labelled = re.fullmatch(r'([^=()/\\]+)=(.+)', text)
    label, path = (labelled[1], Path(labelled[2])) if labelled else (None, Path(text))
    if labelled or path.suffix.lower() in WEIGHTS or path.is_file():
        model = load_model(path)
        return label or f'{path.stem} ({model.arch})', model.net
    arch, args = parse(text)
    return text, build(arch, args, scale, seed)


def parse(text: str) -> tuple[str, dict[str, Any]]:
    """'RRDBNet(num_block=6)' -> ('RRDBNet', {'num_block': 6}).

    Raises:
        ValueError: Something else than a name, or a name with arguments by keyword in brackets.
    """
    try:
        node = ast.parse(text.strip(), mode='eval').body
        if isinstance(node, ast.Name):
            return node.id, {}
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.args:
            raise ValueError('no call')
        return node.func.id, {str(word.arg): ast.literal_eval(word.value) for word in node.keywords}
    except (SyntaxError, ValueError) as error:
        raise ValueError(f'--models {text}: no such file, nor a class with arguments; {ACCEPTED}') from error


def build(arch: str, args: dict[str, Any], scale: int, seed: int = 0) -> nn.Module:
    """A registered architecture with random weights, in evaluation mode, without gradients.

    A scale and channels of a picture are filled in where the class takes them and `args` has none.

    Raises:
        ValueError: An unknown class, or arguments that it does not take.
    """
    names = [name for name, _ in ARCH_REGISTRY]
    if arch not in names:
        near = difflib.get_close_matches(arch, names, 1, 0.5)
        hint = f'; nearest: {near[0]}' if near else ''
        raise ValueError(f'--models {arch}: no such file or registered class{hint}; {ACCEPTED}; one of your own is '
                         'found with --import MODULE')
    taken = inspect.signature(ARCH_REGISTRY.get(arch)).parameters
    filled = {name: value for name, value in (('upscale', scale), ('scale', scale)) if name in taken}
    filled |= {name: 3 for name in ('num_in_ch', 'num_out_ch')
               if name in taken and taken[name].default is inspect.Parameter.empty}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            net = ARCH_REGISTRY.get(arch)(**{**filled, **args})
        # An architecture, a user's own too, may object to its arguments in any way.
        except Exception as error:
            given = ', '.join(f'{name}={value!r}' for name, value in {**filled, **args}.items())
            told = ' '.join(str(error).split())
            raise ValueError(f'--models {arch}: cannot be built with ({given}): {told}; mend its arguments') from error
    return net.requires_grad_(False).eval()
