"""Do these weights belong to this network, and if not, what are they?"""
import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from effsr.runtime.atomic import CheckpointError

UPSAMPLING = re.compile(r'(^|[._])up')
BLOCK_NUMBER = re.compile(r'\.(\d+)\.')
# Of the network's parameters: below this share with a namesake in the file, it is another architecture.
SAME_NAMES_SHARE = 0.3


def check_fits(net: nn.Module, state_dict: Mapping[str, Tensor], path: str | Path) -> None:
    """Compare names and shapes; return if all agree.

    Raises:
        CheckpointError: The message names file and network, counts missing, unexpected and differently shaped
            parameters with the first of each, and says what the weights look like: another scale, width, number of
            blocks, or another architecture.
    """
    own = {name: tuple(value.shape) for name, value in net.state_dict().items()}
    given = {name: tuple(value.shape) for name, value in state_dict.items()}
    missing = [name for name in own if name not in given]
    unexpected = [name for name in given if name not in own]
    reshaped = [name for name in own if name in given and own[name] != given[name]]
    if not (missing or unexpected or reshaped):
        return
    parts = [f'{len(names)} {word} (first: {names[0]})'
             for names, word in ((missing, 'missing'), (unexpected, 'unexpected')) if names]
    if reshaped:
        first = reshaped[0]
        parts.append(f'{len(reshaped)} of another shape (first: {first}, {given[first]} in the file, {own[first]} in '
                     'the network)')
    guess, remedy = _explain(own, given, missing + unexpected, reshaped)
    raise CheckpointError(f'{path}: does not fit {type(net).__name__}: it looks like {guess}; {", ".join(parts)}; '
                          f'{remedy}')


def _explain(own: dict, given: dict, unpaired: list[str], reshaped: list[str]) -> tuple[str, str]:
    shared = sum(name in given for name in own)
    if shared < SAME_NAMES_SHARE * len(own):
        return 'another architecture', 'set network_g to the architecture of these weights, or take others'
    if all(_tells_scale(name, own, given) for name in unpaired + reshaped):
        return 'weights for another scale', 'set scale to that of these weights, or take others'
    # A plain stack puts its last layer under another number, so one or two shapes clash there as well.
    if all(BLOCK_NUMBER.search(name) for name in unpaired) and unpaired and len(reshaped) <= 2:
        return 'another number of blocks', 'set the number of blocks to that of these weights, or take others'
    if not unpaired and len(reshaped) > len(own) / 3 and all(len(own[name]) == len(given[name]) for name in reshaped):
        return 'another width (num_feat)', 'set num_feat to that of these weights, or take others'
    return 'another variant of this architecture', "set network_g's arguments to those of these weights, or take others"


def _tells_scale(name: str, own: dict, given: dict) -> bool:
    """True for a layer that pixel (un)shuffling resizes by a square, and for one more or fewer upsampling stage."""
    if UPSAMPLING.search(name):
        return True
    if name not in own or name not in given or len(own[name]) != len(given[name]):
        return False
    ratios = [max(a, b) / min(a, b) for a, b in zip(own[name], given[name], strict=True) if a != b and min(a, b) > 0]
    position = list(own).index(name)
    at_an_end = position < 2 or position >= len(own) - 2
    return at_an_end and len(ratios) == 1 and ratios[0] ** 0.5 in {1.5, 2, 3, 4, 8, 4 / 3}
