"""What `deterministic` sets, and that it sets nothing otherwise."""
import effsr

# isort: split
import os

import pytest
import torch

from effsr.models.step.determinism import enforce
from effsr.options import as_options


@pytest.fixture(autouse=True)
def _as_before(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, 'benchmark', True)
    monkeypatch.delenv('CUBLAS_WORKSPACE_CONFIG', raising=False)
    yield
    torch.use_deterministic_algorithms(False)
    os.environ.pop('CUBLAS_WORKSPACE_CONFIG', None)


@pytest.mark.parametrize('switch', [False, True])
def test_what_it_sets(plain_options, switch):
    enforce(as_options(plain_options({'deterministic': switch})))
    assert torch.are_deterministic_algorithms_enabled() is switch
    assert torch.backends.cudnn.benchmark is not switch
    assert os.environ.get('CUBLAS_WORKSPACE_CONFIG') == (':4096:8' if switch else None)


def test_a_setting_of_ones_own_stays(plain_options, monkeypatch):
    monkeypatch.setenv('CUBLAS_WORKSPACE_CONFIG', ':16:8')
    enforce(as_options(plain_options({'deterministic': True})))
    assert os.environ['CUBLAS_WORKSPACE_CONFIG'] == ':16:8'


@pytest.mark.parametrize('gan', [False, True])
def test_a_step_has_only_operations_that_can_be(plain_options, gan):
    """On the CPU at least."""
    plain = plain_options({'val': ..., 'deterministic': True, 'train': {'precision': 'bf16', 'channels_last': True}},
                          gan)
    enforce(as_options(plain))
    ends = []
    for _ in range(2):
        torch.manual_seed(0)
        model = effsr.build_model(plain)
        for iteration in (1, 2):
            model.feed_data({'gt': torch.rand(4, 3, 24, 24, generator=torch.Generator().manual_seed(iteration)),
                             'seed': torch.arange(4)})
            model.optimize_parameters(iteration)
        ends.append(model.net_g.state_dict())
    assert all(torch.equal(ends[1][name], value) for name, value in ends[0].items())
