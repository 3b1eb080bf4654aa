"""What is checked of the training set's first sample, where its pairs may be made in two places."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import pytest
import torch

from effsr.models.preflight import check_training_sample
from effsr.options import OptionError, validate

GT = {'gt': torch.zeros(3, 16, 16), 'seed': 1}
MADE = {**GT, 'lq': torch.zeros(3, 8, 8), 'degraded': True}


@pytest.fixture
def check(plain_options):
    def run(sample, **changes):
        check_training_sample(validate(plain_options(changes)), sample, 8)
    return run


def test_a_sample_of_the_workers_brings_its_lq(check):
    check(GT)
    check(MADE, degradation={'where': 'workers'})
    with pytest.raises(OptionError, match='brings its own lq, but high_order_degradation is on'):
        check({key: MADE[key] for key in ('gt', 'lq')})
    with pytest.raises(OptionError, match=r'degradation\.where: workers, but datasets\.train\.type: RealESRGANDataset '
                                          'does not degrade; set where: device'):
        check(GT, degradation={'where': 'workers'})
