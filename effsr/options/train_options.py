"""Section train: losses, optimizers, schedule, the step, and numbers that break."""
from typing import Literal

from pydantic import Field, model_validator

from effsr.augmentation.settings import AugmentSettings
from effsr.options.loss_options import DistillOptions, FeatureMatchingOptions, GanBalanceOptions
from effsr.options.section import Component, Conflict, Section


class NonFiniteOptions(Section):
    """Section train: nonfinite: what to do when a loss or a gradient is not a finite number. No weight takes it up."""

    policy: Literal['skip', 'rollback', 'stop'] = Field('skip', description='What to do with such a step. skip: leave '
                                                        'it out; rollback: go on from the last checkpoint with a lower '
                                                        'learning rate; stop: end the run.')
    limit: int = Field(10, ge=0, description='With policy: skip, how many steps may be left out within window '
                                             'iterations; one more ends the run.')
    window: int = Field(1000, ge=1, description='With policy: skip, the iterations that limit counts in.')
    max_rollbacks: int = Field(3, ge=0, description='With policy: rollback, how often in a run; once more ends it.')
    lr_factor: float = Field(0.5, gt=0, lt=1, description='With policy: rollback, what the learning rate is multiplied '
                                                         'by each time.')


class TrainOptions(Section):
    """Section train: losses, optimizers, schedule."""

    total_iter: int | None = Field(None, ge=1, description='Iterations (optimizer steps) in all; this, or epochs, is '
                                                           'required.')
    epochs: int | None = Field(None, ge=1, description='In place of total_iter: how many times the training goes '
                               'through the images (dataset_enlarge_ratio times each), less the incomplete last batch. '
                               'The run itself works with, and writes, the total_iter that comes of it.')
    warmup_iter: int = Field(-1, ge=-1, description='Iterations of linear warm-up of the learning rate; -1: none.')
    ema_decay: float = Field(0, ge=0, lt=1, description='Decay of the moving average (EMA) of the weights; 0: none.')
    ema_warmup: bool = Field(False, description='Lower decay at first, min(ema_decay, (1 + t) / (10 + t)) at iteration '
                                               't, so that the average forgets where training began.')
    optim_g: Component = Field(description='Optimizer of the generator: type from torch.optim or schedulefree, lr '
                                            'and so on.')
    optim_d: Component | None = Field(None, description='Optimizer of the discriminator; needed with gan_opt.')
    scheduler: Component | None = Field(None, description='Schedule of the learning rate; none: constant.')
    pixel_opt: Component | None = Field(None, description='Pixel loss.')
    perceptual_opt: Component | None = Field(None, description='Perceptual loss.')
    ldl_opt: Component | None = Field(None, description='Locally discriminative loss; needs ema_decay.')
    gan_opt: Component | None = Field(None, description='Adversarial loss.')
    feature_matching_opt: FeatureMatchingOptions | None = Field(None, description="Loss on the discriminator's "
                                                                "features, beside gan_opt.")
    gan_balance: GanBalanceOptions = Field(GanBalanceOptions(), description='When the discriminator has won.')
    color_opt: Component | None = Field(None, description='Loss that compares the result with lq: ColorLoss.')
    distill_opt: DistillOptions | None = Field(None, description='A trained network as teacher.')
    precision: Literal['fp32', 'bf16', 'fp16', 'auto'] = Field(
        'fp32', description='In what the networks compute while training; weights, losses, average and validation stay '
                            'fp32. bf16 and fp16: mixed precision, fp16 on a GPU only, with a loss scale; auto: bf16 '
                            'where the device does it well, else fp32.')
    channels_last: bool = Field(False, description='Lay images and kernels out with their channels last, which '
                                                   'convolutions in bf16 and fp16 are faster on.')
    compile: bool = Field(False, description='Compile the networks with torch.compile; the first steps take minutes.')
    accumulate: int = Field(1, ge=1, description='Parts that a batch is split into, one after the other, to fit into '
                                                 'memory; an iteration stays one optimizer step on the whole batch.')
    clip_grad_norm: float | None = Field(None, gt=0, allow_inf_nan=False, description='Largest norm of the gradient of '
                                         'each network, all its weights together, above 0; larger ones are shortened '
                                         'to it.')
    gradient_checkpointing: bool = Field(False, description='Compute the blocks of the body of network_g (RRDBNet) a '
                                         'second time in the backward pass instead of keeping them: less memory, more '
                                         'time.')
    net_d_iters: int = Field(1, ge=1, description='The generator is updated every net_d_iters iterations.')
    net_d_init_iters: int = Field(0, ge=0, description='Iterations that train the discriminator alone, first.')
    augment: AugmentSettings = Field(AugmentSettings(), description='Mixing of the training pairs of a batch, by '
                                     'probability for each sample. Of mixup, cutmix, cutblur and resizemix it gets one '
                                     'at most: theirs add up to 1 at most. What is drawn follows from the seed of the '
                                     'sample; the other that it is mixed with is a neighbour in its batch, so that '
                                     'another number of processes gives others.')
    nonfinite: NonFiniteOptions = Field(NonFiniteOptions(), description='When a loss or a gradient is not finite.')

    @model_validator(mode='after')
    def _one_length(self) -> 'TrainOptions':
        if self.total_iter is None and self.epochs is None:
            raise Conflict(('total_iter',), 'missing; it is required, or epochs in its place')
        if self.total_iter is not None and self.epochs is not None:
            raise Conflict(('epochs',), f'{self.epochs} beside total_iter {self.total_iter}; keep one of the two (~ '
                           'takes the other out)')
        return self
