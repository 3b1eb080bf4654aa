"""Keys of Real-ESRGAN's and BasicSR's option files that have another name here or no effect: what replaces them."""
from collections.abc import Mapping
from typing import Any

from effsr.options.messages import COMMAND_LINE, Places, Problem, position

# Older names of BasicSR's; ANY stands for any key.
ANY = '*'
RENAMED = {
    ('datasets', ANY, 'use_flip'): 'use_hflip',
    ('path', 'pretrain_model_g'): 'pretrain_network_g',
    ('path', 'pretrain_model_d'): 'pretrain_network_d',
    ('path', 'strict_load'): 'strict_load_g',
}
# Key path -> (values that say nothing, what to do instead).
WITHOUT_EFFECT = {
    ('datasets', ANY, 'use_shuffle'): ((True,), 'training is always shuffled, from manual_seed; leave it out'),
    ('datasets', ANY, 'prefetch_mode'): ((None,), 'num_worker_per_gpu reads ahead; leave it out'),
    ('datasets', ANY, 'num_prefetch_queue'): ((1,), 'num_worker_per_gpu reads ahead; leave it out'),
    ('datasets', ANY, 'mean'): ((None,), 'images stay in [0, 1]; leave it out'),
    ('datasets', ANY, 'std'): ((None,), 'images stay in [0, 1]; leave it out'),
    ('datasets', ANY, 'color'): ((None,), 'images are RGB; leave it out'),
}


def rename_keys(plain: dict, places: Places, keeps: Mapping[str, Any]) -> tuple[list[Problem], list[Problem]]:
    """Give keys of older BasicSR versions the name they have here; their lines move with them.

    Args:
        plain: The options; changed.
        places: Where each key path stands; changed.
        keeps: For each dataset the keys that its class reads itself, which stay.

    Returns:
        Keys given under both names, and a note for each renamed one.
    """
    problems, notes = [], []
    for pattern, name in RENAMED.items():
        for section, path in _matches(plain, pattern):
            old, new = path[-1], (*path[:-1], name)
            if old in keeps.get(path[1], ()):
                continue
            value = section.pop(old)
            if name in section and places.get(new) == COMMAND_LINE != places.get(path):
                continue  # overridden under its new name
            if name in section:
                problems.append(Problem(path, f'is the old name of {name}, which is given too; leave one out'))
                continue
            notes.append(Problem(new, f'given as {old}, its name in older versions of BasicSR; write {name}'))
            section[name] = value
            move_places(places, path, new)
    return problems, notes


def without_effect(plain: Mapping[str, Any], keeps: Mapping[str, Any]) -> list[Problem]:
    """A note for each key that is accepted but does nothing here; `keeps` as for rename_keys."""
    return [Problem(path, f'has no effect here: {instead}') for pattern, (silent, instead) in WITHOUT_EFFECT.items()
            for section, path in _matches(plain, pattern)
            if section[path[-1]] not in silent and path[-1] not in keeps.get(path[1], ())]


def move_places(places: Places, old: tuple[str, ...], new: tuple[str, ...]) -> None:
    """Let what stood under one key path stand under another."""
    for path in [path for path in places if path[:len(old)] == old]:
        places[new + path[len(old):]] = places.pop(path)


def _matches(plain: Mapping[str, Any], pattern: tuple[str, ...]) -> list[tuple[dict, tuple[str, ...]]]:
    """Sections that hold the last key of a pattern, with the whole key path."""
    found = [(plain, ())]
    for part in pattern[:-1]:
        found = [(section[key], (*path, str(key))) for section, path in found
                 for key in (list(section) if part == ANY else [part])
                 if isinstance(section.get(key), dict)]
    return [(section, (*path, pattern[-1])) for section, path in found if pattern[-1] in section]


def twice(path: tuple[str, ...], first: tuple[str, ...], places: Places) -> Problem:
    """The message for an option that may stand in two places, and does."""
    return Problem(path, f'given a second time, the first is {position(".".join(first), places, first)}; keep one')
