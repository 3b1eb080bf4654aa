"""Options of the training step that do not go together, or do nothing."""
from collections.abc import Iterator

from effsr.augmentation.settings import PARTNERED
from effsr.options.components import SCHEDULE_FREE
from effsr.options.messages import Problem
from effsr.options.schema import Options, TrainOptions

# What BasicSR's own models do not read.
OWN_STEP = ('precision', 'channels_last', 'compile', 'accumulate', 'clip_grad_norm', 'gradient_checkpointing',
            'nonfinite', 'ema_warmup', 'augment', 'feature_matching_opt', 'gan_balance', 'color_opt', 'distill_opt')
LARGEST_RATE = 1e6


def step_problems(options: Options) -> Iterator[Problem]:
    """A precision that the device does not have; a learning rate that is none; a batch too small for its parts."""
    train, dataset = options.train, options.datasets.get('train')
    if train is None:
        return
    if train.precision == 'fp16' and options.num_gpu == 0:
        yield Problem(('train', 'precision'), 'fp16 needs a GPU, but num_gpu is 0; accepted on a CPU: fp32, bf16, auto')
    for key in ('optim_g', 'optim_d'):
        block = getattr(train, key)
        rate = block.arguments.get('lr') if block is not None else None
        if isinstance(rate, int | float) and rate > LARGEST_RATE:
            yield Problem(('train', key, 'lr'), f'{rate:g} would make weights that are not finite; 1e-4 to 1e-3 is '
                          'usual for Adam')
    if dataset is not None:
        batch = dataset.batch_size_per_gpu * (1 if options.runtime.dist else max(1, options.num_gpu))
        if train.accumulate > batch:
            yield Problem(('train', 'accumulate'), f'a batch of {batch} cannot be split into {train.accumulate} parts; '
                          f'set accumulate to {batch} or less, or raise datasets.train.batch_size_per_gpu')
        if batch == 1 and train.augment.needs_partner:
            used = [name for name in PARTNERED if getattr(train.augment, name)]
            yield Problem(('train', 'augment', used[0]), 'takes in another sample of the batch, but a batch has 1; '
                          'raise datasets.train.batch_size_per_gpu')


def step_notes(options: Options, own_model: bool) -> Iterator[Problem]:
    """What does nothing, or works against something else."""
    train = options.train
    if train is None:
        return
    if not own_model:
        for key in OWN_STEP:
            if getattr(train, key) != TrainOptions.model_fields[key].default:
                yield Problem(('train', key), f'has no effect with {options.model_type}, whose step is its own; use '
                              'RealESRNetModel or RealESRGANModel')
        return
    if train.optim_g.type in SCHEDULE_FREE:
        if train.scheduler is not None:
            yield Problem(('train', 'scheduler'), f'{train.optim_g.type} takes the place of a schedule; leave it out '
                          '(warmup_iter is of use)')
        if train.ema_decay:
            yield Problem(('train', 'ema_decay'), f'averages the weights of training, while {train.optim_g.type} '
                          'averages by itself; set it to 0')
