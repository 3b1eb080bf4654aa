"""One case of the training benchmark: what is trained on what, and its options."""
from dataclasses import dataclass, field
from typing import Any

from effsr.benchmarks.photographs import Photographs

SCALE = 4
POOL = 180  # pairs, Real-ESRGAN's; fewer where a batch does not divide it, which BasicSR asserts

STAGES = ('data loading', 'USM', 'degradation, rest', 'pool', 'forward G', 'backward G', 'forward D', 'backward D',
          'optimizers', 'EMA', 'losses and rest')
DATA, USM, DEGRADATION, PAIR_POOL, FORWARD_G, BACKWARD_G, FORWARD_D, BACKWARD_D, OPTIMIZERS, EMA, REST = STAGES


@dataclass(frozen=True)
class Case:
    """Everything that a process needs to build a contender; it can be pickled."""

    model_type: str
    network: str
    photographs: Photographs
    network_args: dict[str, Any] = field(default_factory=dict)
    batch: int = 4
    crop: int = 200
    gt_size: int = 128
    num_feat_d: int = 64
    pool: int = POOL
    seed: int = 0
    threads: int = 1
    device: str = 'cpu'
    batches: int = 1000  # that will be loaded at most

    @property
    def gan(self) -> bool:
        return self.model_type == 'RealESRGANModel'

    @property
    def enlarge_ratio(self) -> int:
        """How often an epoch goes through the photographs so that one epoch is enough."""
        return -(-self.batches * self.batch // len(self.photographs.paths)) + 1


def plain_options(case: Case) -> dict[str, Any]:
    """The option file of a case: Real-ESRGAN's degradation, losses and optimizers, without perceptual loss."""
    adam = {'type': 'Adam', 'lr': 1e-4, 'weight_decay': 0, 'betas': [0.9, 0.99]}
    train = {'total_iter': case.batches, 'ema_decay': 0.999, 'optim_g': adam,
             'scheduler': {'type': 'MultiStepLR', 'milestones': [10 * case.batches], 'gamma': 0.5},
             'pixel_opt': {'type': 'L1Loss', 'loss_weight': 1.0, 'reduction': 'mean'}}
    options = {
        'name': 'benchmark', 'model_type': case.model_type, 'scale': SCALE, 'manual_seed': case.seed,
        'num_gpu': int(case.device != 'cpu'), 'gt_size': case.gt_size, 'queue_size': case.pool,
        'network_g': {'type': case.network, **case.network_args}, 'train': train,
        'datasets': {'train': {
            'type': 'RealESRGANDataset', 'name': 'photographs', 'dataroot_gt': case.photographs.folder,
            'meta_info': case.photographs.listing, 'io_backend': {'type': 'disk'}, 'crop_pad_size': case.crop,
            'use_hflip': True, 'use_rot': False, 'batch_size_per_gpu': case.batch, 'num_worker_per_gpu': 0,
            'dataset_enlarge_ratio': case.enlarge_ratio,
            'cache_mb': 0}},  # BasicSR decodes anew for each crop
    }
    if case.gan:
        train |= {'optim_d': dict(adam), 'gan_opt': {'type': 'GANLoss', 'gan_type': 'vanilla', 'loss_weight': 0.1}}
        options['network_d'] = {'type': 'UNetDiscriminatorSN', 'num_in_ch': 3, 'num_feat': case.num_feat_d}
    return options
