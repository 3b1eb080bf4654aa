"""Options that do not go together, each fine by itself."""
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from basicsr.models.base_model import BaseModel

from effsr.degradations.settings import MIN_KERNEL_SIZE
from effsr.options.components import MODEL, NETWORK, SCHEDULER, UNCLEAR
from effsr.options.dataset_blocks import dataset_class, options_class
from effsr.options.messages import Problem, unknown
from effsr.options.schema import DatasetOptions, Options
from effsr.options.signature import taken_by
from effsr.options.step_checks import step_notes, step_problems

# Those that BasicSR's models know.
FOREIGN_SCHEDULES = ('MultiStepLR', 'MultiStepRestartLR', 'CosineAnnealingRestartLR')


class Checked(NamedTuple):
    """Conflicts, and what is only doubtful."""

    problems: list[Problem]
    notes: list[Problem]


def cross_check(options: Options, may_fall_short: bool) -> Checked:
    """Compare options with each other.

    Args:
        options: The options, each valid by itself.
        may_fall_short: Whether total_iter may end before the schedule's milestones, as in a run that is tried out.
    """
    checks: tuple[Callable[[Options], Iterator[Problem]], ...] = (
        _scales, _sizes, _datasets, _pairs, _adversarial, _foreign_model, _free_mappings, step_problems)
    problems = [problem for check in checks for problem in check(options)]
    of_length = length_problems(options, may_fall_short)
    notes = [*of_length.notes, *step_notes(options, is_own_model(options))]
    return Checked([*problems, *of_length.problems], notes)


def length_problems(options: Options, may_fall_short: bool) -> Checked:
    """Compare options with the length of the training, as far as it is known; arguments as for cross_check."""
    late = list(_lengths(options))
    return Checked([*([] if may_fall_short else late), *_schedule(options)],
                   [*_intervals(options), *(late if may_fall_short else [])])


def is_own_model(options: Options) -> bool:
    """Whether the model is effsr's or derives from one."""
    return any(cls.__module__.startswith('effsr.') for cls in getattr(_model(options), '__mro__', ()))


def _model(options: Options) -> Any:
    return MODEL.known().get(options.model_type)


def _scales(options: Options) -> Iterator[Problem]:
    block, scale = options.network_g, options.scale
    given = [key for key in ('upscale', 'scale') if key in block.arguments]
    for key in given:
        if block.arguments[key] != scale:
            yield Problem(('network_g', key), f'is {block.arguments[key]}, but scale is {scale}; make them the same')
    cls = NETWORK.known().get(block.type)
    taken = taken_by(cls) if cls is not None and not given else None
    for key in ('upscale', 'scale'):
        default = taken.parameters[key].default if taken and key in taken.parameters else None
        if isinstance(default, int) and not isinstance(default, bool) and default > 1 and default != scale:
            yield Problem(('network_g', key), f'is not given, so it is {default}, but scale is {scale}; give '
                          f'{key}: {scale}')
    for key, dataset in options.datasets.items():
        if dataset.scale != scale:
            yield Problem(('datasets', key, 'scale'), f'is {dataset.scale}, but scale is {scale}; leave it out here')


def _sizes(options: Options) -> Iterator[Problem]:
    scale = options.scale
    if options.gt_size is not None and options.gt_size % scale:
        yield Problem(('gt_size',), f'{options.gt_size} is not divisible by scale {scale}; '
                      f'{_near(options.gt_size, scale)}')
    for key, dataset in options.datasets.items():
        own = (dataset.model_extra or {}).get('gt_size')
        if isinstance(own, int) and own % scale:
            yield Problem(('datasets', key, 'gt_size'), f'{own} is not divisible by scale {scale}; {_near(own, scale)}')
        crop = _value(dataset, 'crop_pad_size')
        if not isinstance(crop, int):
            continue
        if options.gt_size is not None and options.gt_size > crop:
            yield Problem(('gt_size',), f'gt_size {options.gt_size} does not fit into crop_pad_size {crop}; lower '
                          f'gt_size or raise datasets.{key}.crop_pad_size')
        for kernel in ('blur_kernel_size', 'blur_kernel_size2') if options.high_order_degradation else ():
            if getattr(options.degradation, kernel) > crop >= MIN_KERNEL_SIZE:
                yield Problem(('degradation', kernel), f'{getattr(options.degradation, kernel)} is larger than '
                              f'crop_pad_size {crop}; accepted: odd, from {MIN_KERNEL_SIZE} to crop_pad_size')


def _near(size: int, scale: int) -> str:
    low = size // scale * scale
    return f'for example {low or scale}'


def _value(dataset: DatasetOptions, key: str) -> Any:
    """An entry of a dataset, or its default in the options class."""
    model = options_class(dataset_class({'type': dataset.type}))
    default = model.model_fields[key].default if model is not None and key in model.model_fields else None
    return (dataset.model_extra or {}).get(key, default)


def _datasets(options: Options) -> Iterator[Problem]:
    """Results are kept by the name of the set: two of one name would overwrite each other."""
    owners: dict[str, str] = {}
    for key, dataset in options.datasets.items():
        if dataset.phase == 'train' and key != 'train':
            yield Problem(('datasets', key), 'there is one training set, called train; accepted besides: val, val_2, '
                          'test_1 ...')
        elif dataset.phase != 'train' and owners.setdefault(dataset.name, key) != key:
            yield Problem(('datasets', key, 'name'), f'{dataset.name} is the name of {owners[dataset.name]} already; '
                          'give another')


def _pairs(options: Options) -> Iterator[Problem]:
    """effsr's models make lq from gt, or take it from the training set."""
    dataset = options.datasets.get('train')
    model = options_class(dataset_class({'type': dataset.type})) if dataset is not None else None
    if dataset is None or options.train is None or not is_own_model(options):
        return
    gives_lq = getattr(model, 'gives_lq', None)
    here = ('datasets', 'train', 'type')
    if gives_lq is False and not options.high_order_degradation:
        yield Problem(here, f'{dataset.type} gives no lq, but high_order_degradation is off; set '
                      'high_order_degradation: true, or use a RealESRGANPairedDataset')
    if gives_lq and options.high_order_degradation:
        yield Problem(here, f'{dataset.type} brings its own lq, but high_order_degradation is on; set '
                      'high_order_degradation: false, or use a RealESRGANDataset')
    cls = dataset_class({'type': dataset.type})
    if options.high_order_degradation and options.degradation.where == 'workers' and cls is not None \
            and not getattr(cls, 'makes_pairs', False):
        yield Problem(('degradation', 'where'), f'workers, but {dataset.type} does not degrade; set where: device, or '
                      'use a RealESRGANDataset')
    batch = dataset.batch_size_per_gpu
    if options.high_order_degradation and 0 < options.queue_size < batch:
        yield Problem(('queue_size',), f'a pool of {options.queue_size} pairs is smaller than a batch of {batch}; set '
                      f'queue_size to {batch} or more, or to 0 for none')


def _adversarial(options: Options) -> Iterator[Problem]:
    train = options.train
    if train is None:
        return
    if train.ldl_opt is not None and train.ema_decay == 0:
        yield Problem(('train', 'ldl_opt'), 'compares with the moving average; set ema_decay, for example 0.999')
    if train.feature_matching_opt is not None and train.gan_opt is None:
        yield Problem(('train', 'feature_matching_opt'), 'compares features of a discriminator; give gan_opt, or '
                      'leave it out')
    missing = [key for key, value in (('optim_d', train.optim_d), ('network_d', options.network_d)) if value is None]
    if train.gan_opt is not None and missing:
        yield Problem(('train', 'gan_opt'), f'trains a discriminator; give {" and ".join(missing)}')


def _foreign_model(options: Options) -> Iterator[Problem]:
    """BasicSR's own models know one optimizer, want lr and a schedule, and no network_d beside it."""
    train, model = options.train, _model(options)
    setup = getattr(model, 'setup_schedulers', None)
    if train is None or setup is None or setup is not BaseModel.setup_schedulers:
        return
    if train.scheduler is None:
        yield Problem(('train', 'scheduler'), f'missing; {options.model_type} requires one, for example MultiStepLR')
    elif train.scheduler.type not in (*FOREIGN_SCHEDULES, UNCLEAR):
        yield Problem(('train', 'scheduler', 'type'), f'{options.model_type} knows only MultiStepLR and '
                      'CosineAnnealingRestartLR')
    for key in ('optim_g', 'optim_d'):
        block = getattr(train, key)
        if block is None or block.type == UNCLEAR:
            continue
        if block.type != 'Adam' and model.get_optimizer is BaseModel.get_optimizer:
            yield Problem(('train', key, 'type'), f'{options.model_type} knows only Adam')
        if 'lr' not in block.arguments:
            yield Problem(('train', key, 'lr'), f'missing; {options.model_type} requires it')


def _free_mappings(options: Options) -> Iterator[Problem]:
    """Mappings of which two keys are read."""
    for here, values, known in ((('dist_params',), options.dist_params, ('backend', 'port')),
                                (('logger', 'wandb'), options.logger.wandb or {}, ('project', 'resume_id'))):
        for key in values:
            if key not in known:
                yield unknown((*here, key), known)
    port = options.dist_params.get('port')
    if port is not None and (isinstance(port, bool) or not isinstance(port, int)):
        yield Problem(('dist_params', 'port'), f'is {port!r}; accepted: a whole number')


def _lengths(options: Options) -> Iterator[Problem]:
    """Iterations that lie beyond the end of training."""
    train = options.train
    total = train.total_iter if train is not None else None
    if total is None:
        return
    if train.warmup_iter >= total:
        yield Problem(('train', 'warmup_iter'), f'{train.warmup_iter} leaves nothing of total_iter {total}; lower it')
    if train.net_d_init_iters >= total:
        yield Problem(('train', 'net_d_init_iters'), f'{train.net_d_init_iters} leaves nothing of total_iter {total} '
                      'for the generator; lower it')
    arguments = train.scheduler.arguments if train.scheduler is not None else {}
    for key in ('milestones', 'restarts'):
        values = arguments.get(key)
        late = [value for value in values if isinstance(value, int | float) and value > total] \
            if isinstance(values, list) else []
        if late:
            yield Problem(('train', 'scheduler', key), f'{late[0]} lies beyond total_iter {total}; lower it or raise '
                          'total_iter')


def _schedule(options: Options) -> Iterator[Problem]:
    """Lists that belong together, and schedules that end before training does."""
    train = options.train
    if train is None or train.scheduler is None or train.scheduler.type not in SCHEDULER.known():
        return
    here, arguments = ('train', 'scheduler'), train.scheduler.arguments
    for key, default in (('periods', None), ('restarts', [0])):
        first = arguments.get(key, default if 'restart_weights' in arguments else None)
        weights = arguments.get('restart_weights', [1])
        if key == 'restarts' and 'periods' in arguments:
            continue
        if isinstance(first, list) and isinstance(weights, list) and len(first) != len(weights):
            yield Problem((*here, 'restart_weights'), f'{len(weights)} weights, but {len(first)} {key}; give one for '
                          'each')
    for key in ('periods', 'total_steps'):
        value = arguments.get(key)
        parts = value if isinstance(value, list) else [value]
        if not all(isinstance(part, int | float) for part in parts) or not parts:
            continue
        if train.total_iter is not None and sum(parts) < train.total_iter - 1:
            yield Problem((*here, key), f'{train.scheduler.type} ends after {sum(parts)} iterations, train: total_iter '
                          f'is {train.total_iter}; give {key} of {train.total_iter} in all')


def _intervals(options: Options) -> Iterator[Problem]:
    """Nothing is lost by these: the end of training validates and saves."""
    total = options.train.total_iter if options.train is not None else None
    if total is None:
        return
    has_val = any(dataset.phase == 'val' for dataset in options.datasets.values())
    if options.val is not None and has_val and options.val.val_freq > total:
        yield Problem(('val', 'val_freq'), f'{options.val.val_freq} is more than total_iter {total}: validation comes '
                      'only at the end')
    if options.logger.save_checkpoint_freq > total:
        yield Problem(('logger', 'save_checkpoint_freq'), f'{options.logger.save_checkpoint_freq} is more than '
                      f'total_iter {total}: a checkpoint comes only at the end')
