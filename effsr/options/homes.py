"""What was meant by a key that stands where nothing knows it: another name, or the section that it belongs to."""
import difflib
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple, get_args, get_origin

from pydantic import BaseModel

from effsr.options.schema import Component, DatasetOptions, Options

Path = tuple[str, ...]
NAME = 'NAME'  # stands for any key, as in val.metrics.NAME
# Options that say little about where they belong, or that a run fills in.
ANYWHERE = ('type', 'name', 'phase', 'scale', 'base', 'runtime', 'log', 'models', 'visualization', 'training_states',
            'experiments_root', 'results_root')
# Arguments of blocks with a `type`, which no section of the schema lists.
ARGUMENTS: dict[Path, tuple[str, ...]] = {
    ('train', 'optim_g'): ('lr', 'betas', 'weight_decay', 'momentum', 'eps'),
    ('train', 'scheduler'): ('milestones', 'gamma', 'periods', 'restarts', 'restart_weights', 'eta_min'),
    ('train', 'pixel_opt'): ('loss_weight', 'reduction'),
    ('train', 'perceptual_opt'): ('layer_weights', 'vgg_type', 'use_input_norm', 'range_norm', 'perceptual_weight',
                                  'style_weight', 'criterion', 'backbone', 'backbone_args', 'normalise', 'stem_stride'),
    ('train', 'gan_opt'): ('gan_type', 'real_label_val', 'fake_label_val', 'relativistic', 'r1_weight', 'r1_every',
                           'gp_weight'),
    ('network_g',): ('num_feat', 'num_block', 'num_conv', 'num_in_ch', 'num_out_ch', 'num_grow_ch', 'upscale',
                     'residual_scale'),
    ('datasets', 'train'): ('crop_pad_size', 'use_hflip', 'use_rot', 'io_backend', 'meta_info', 'cache_mb'),
    ('val', 'metrics', NAME): ('crop_border', 'test_y_channel', 'input_order', 'convert_to'),
}
_AUGMENT = 'write train: augment: {mixup: 0.2, cutblur: 0.3}, probabilities for each sample'
# Names that other frameworks (traiNNer-redux, neosr) give to what is called otherwise here.
ELSEWHERE = {
    'use_amp': 'write train: precision: bf16, or fp16 or auto',
    'amp': 'write train: precision: bf16, or fp16 or auto',
    'amp_bf16': 'write train: precision: bf16, or fp16 or auto',
    'bfloat16': 'write train: precision: bf16, or fp16 or auto',
    'grad_clip': 'write train: clip_grad_norm: 1.0, the largest norm of the gradient',
    'gradclip': 'write train: clip_grad_norm: 1.0, the largest norm of the gradient',
    'accum_iter': 'write train: accumulate: N; batch_size_per_gpu is the whole batch, which is split into N parts',
    'use_channels_last': 'write train: channels_last: true',
    'use_compile': 'write train: compile: true',
    'ema_power': 'write train: ema_warmup: true',
    'warmup_steps': 'write train: warmup_iter: N',
    **dict.fromkeys(('num_epochs', 'n_epochs', 'max_epochs'), 'write train: epochs: N, in place of total_iter'),
    **dict.fromkeys(('use_moa', 'moa_augs', 'moa_probs', 'augmentation', 'aug_prob'), _AUGMENT),
}


class Guess(NamedTuple):
    """What was probably meant.

    Attributes:
        hint: The end of the message.
        meant: Its key path, where there is just one.
    """

    hint: str
    meant: Path | None = None


def closest(name: Any, known: Iterable[str]) -> str | None:
    """The known name that was probably meant."""
    known = sorted(known)
    alike = [each for each in known if each.lower() == str(name).lower()]
    return next(iter(alike or difflib.get_close_matches(str(name), known, n=1)), None)


def guess(location: Iterable[Any], known: Iterable[str]) -> Guess:
    """What was meant by the last key of a key path.

    Args:
        location: The key path.
        known: Names that the section at hand knows.
    """
    path, known = tuple(map(str, location)), sorted(known)
    section, key = path[:-1], path[-1]
    if '.' in key and key.split('.')[0] in known:
        meant = (*section, *key.split('.'))
        return Guess(f'write {":".join(meant)} on the command line; in a file, {meant[-1]} stands below {meant[-2]}',
                     meant)
    if ':' in key and key.split(':')[0] in known:
        return Guess('put a blank after the colon', (*section, key.split(':')[0]))
    if key.lower() in ELSEWHERE:
        return Guess(ELSEWHERE[key.lower()])
    near = closest(key, known)
    key = key.lower()
    places = [home for home in homes().get(key, ()) if _kind(home) != _kind(section)]
    if len(places) > 2:
        places = []
    shown = ' or '.join('.'.join((*home, key)) if home else f'the top level, as {key}' for home in places)
    if near is not None and places:
        return Guess(f'did you mean {near}? ({key} belongs to {shown})')
    if near is not None:
        return Guess(f'did you mean {near}?', (*section, near))
    if places:
        only = len(places) == 1 and NAME not in places[0]
        return Guess(f'it belongs to {shown}', (*places[0], key) if only else None)
    return Guess(f'known: {", ".join(known) or "none"}')


def _kind(section: Path) -> Any:
    """Sections that take the same arguments count as one: an argument of network_d does not belong to network_g."""
    last = section[-1] if section else ''
    if last.startswith(('network_', 'optim_')):
        return last.split('_')[0]
    if section[:1] == ('datasets',) and len(section) > 1:
        return 'dataset'
    return 'loss' if last.endswith('_opt') else section


@cache
def homes() -> dict[str, list[Path]]:
    """For the name of each option and of well-known arguments the sections that it belongs to."""
    found: dict[str, list[Path]] = {}
    for section, names in ARGUMENTS.items():
        for name in names:
            found.setdefault(name, []).append(section)
    _note(Options, (), found)
    return found


def _note(model: type[BaseModel], section: Path, found: dict[str, list[Path]]) -> None:
    for name, field in model.model_fields.items():
        key = field.alias or name
        if key in ANYWHERE and not (key == 'scale' and not section):
            continue
        places = found.setdefault(key, [])
        if section not in places:
            places.append(section)
        below = model_in(field.annotation)
        if below is DatasetOptions:
            _note(below, (*section, key, 'train'), found)
        elif below is not None and not issubclass(below, Component) and not holds_sections(field.annotation):
            _note(below, (*section, key), found)


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The section that an annotation holds: itself, in a union, or as the values of a dict."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for found in map(model_in, get_args(annotation)) if found), None)


def holds_sections(annotation: Any) -> bool:
    """Whether a field is a dict of sections under free names."""
    return get_origin(annotation) is dict
