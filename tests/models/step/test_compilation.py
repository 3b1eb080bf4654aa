"""torch.compile: told where it cannot be had, and otherwise the same training."""
import effsr

# isort: split
import shutil

import pytest
import torch
from torch import nn

from effsr.models.step import acceleration, compilation
from effsr.options import OptionError


@pytest.fixture(autouse=True)
def _asked_anew():
    compilation.check_compiler.cache_clear()
    yield
    compilation.check_compiler.cache_clear()


@pytest.mark.parametrize(('device', 'needed'), [('cpu', r'a C\+\+ compiler'), ('cuda', 'Triton')])
def test_without_a_compiler(monkeypatch, device, needed):
    def broken(function):
        raise RuntimeError('\nNo working C++ compiler found\nmore')
    monkeypatch.setattr(torch, 'compile', broken)
    with pytest.raises(OptionError, match='train.compile: compiling does not work on this machine: RuntimeError: No '
                                          f'working C.. compiler found; install {needed}.*, or set compile: false'):
        compilation.check_compiler(device)


def test_it_is_told_when_the_model_is_built(plain_options, monkeypatch):
    monkeypatch.setattr(compilation, '_add_one', lambda values: 1 / 0)
    monkeypatch.setattr(torch, 'compile', lambda function: function)
    with pytest.raises(OptionError, match='train.compile: compiling does not work on this machine: ZeroDivisionError'):
        effsr.build_model(plain_options({'datasets': ..., 'val': ..., 'train': {'compile': True}}))


def compare(plain_options, gan):
    models = []
    for switch in (False, True):
        torch.manual_seed(0)
        sgd = {'type': 'SGD'}
        train = {'compile': switch, 'accumulate': 2, 'optim_g': sgd, **({'optim_d': sgd} if gan else {})}
        model = effsr.build_model(plain_options({'datasets': ..., 'val': ..., 'high_order_degradation': False,
                                                 'train': train}, gan))
        generator = torch.Generator().manual_seed(0)
        for iteration in (1, 2):
            model.feed_data({'lq': torch.rand(4, 3, 8, 8, generator=generator),
                             'gt': torch.rand(4, 3, 16, 16, generator=generator)})
            model.optimize_parameters(iteration)
        model.feed_data({'lq': torch.rand(1, 3, 9, 7, generator=generator)})
        model.test()
        assert model.output.shape == (1, 3, 18, 14)
        models.append(model)
    for name in ('net_g', 'net_g_ema', *(['net_d'] if gan else [])):
        states = [getattr(model, name).state_dict() for model in models]
        assert list(states[0]) == list(states[1])
        for key, value in states[0].items():
            torch.testing.assert_close(states[1][key], value, rtol=0, atol=1e-5, msg=f'{name}.{key}')


@pytest.mark.filterwarnings('ignore')  # of the compiler itself
def test_traced_training_is_training(plain_options, monkeypatch):
    """All but the generated code, which takes more than a minute."""
    traced = []

    def trace(net):
        traced.append(net)
        net._compiled_call_impl = torch.compile(net._call_impl, backend='aot_eager')
    monkeypatch.setattr(acceleration, 'check_compiler', lambda device_type: None)
    monkeypatch.setattr(nn.Module, 'compile', trace)
    compare(plain_options, gan=True)
    assert len(traced) == 2


@pytest.mark.slow
@pytest.mark.filterwarnings('ignore')
@pytest.mark.skipif(shutil.which('g++') is None, reason='there is no C++ compiler')
def test_compiled_training_is_training(plain_options):
    compare(plain_options, gan=False)
