"""Features by the names of modules: which, in which order, and what is said about names that there are not."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import pytest
import torch
from torch import nn

from effsr.models.features import captured, check_layers, outputs
from effsr.options import OptionError


def net():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Sequential(nn.Conv2d(4, 2, 1)))


def test_outputs_by_name():
    model, images = net(), torch.rand(1, 3, 5, 5)
    with captured(model, ['2.0', '0']) as seen:
        answer = model(images)
    assert list(seen) == ['2.0', '0'] and seen['2.0'] is answer
    torch.testing.assert_close(seen['0'], model[0](images).relu())  # changed in place afterwards
    assert not any(module._forward_hooks for module in model.modules())
    seen['0'].sum().backward()
    assert model[0].weight.grad.abs().sum() > 0


def test_nothing_stays_after_an_error():
    model = net()
    with pytest.raises(RuntimeError), captured(model, ['0']):
        model(torch.rand(1, 5, 5, 5))
    assert not model[0]._forward_hooks


def test_names_that_there_are_not():
    check_layers(net(), ['0', '2.0'], 'train.distill_opt.layers')
    with pytest.raises(OptionError, match=r'distill_opt.layers: Sequential has no module 7; it has 0, 1, 2, 2.0'):
        check_layers(net(), ['0', '7'], 'train.distill_opt.layers')
    named = nn.ModuleDict({'conv_first': nn.Conv2d(3, 3, 1)})
    with pytest.raises(OptionError, match='no module conv_frist; did you mean conv_first'):
        check_layers(named, ['conv_frist'], 'key')


def test_in_the_order_of_the_names_and_as_often():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ModuleList([nn.ReLU()]))
    layers = ['0', '0']
    with captured(model, layers) as seen:
        answer = model[0](torch.rand(1, 3, 5, 5))
    assert [features is answer for features in outputs(seen, layers, 'key')] == [True, True]
    with captured(model, ['0', '1']) as seen:
        model[0](torch.rand(1, 3, 5, 5))
    with pytest.raises(OptionError, match='key: module 1 does not run by itself'):
        outputs(seen, ['0', '1'], 'key')


def test_what_is_no_tensor_is_no_feature():
    model = nn.Sequential(nn.LSTM(3, 3))
    with pytest.raises(OptionError, match='module 0, LSTM, puts out a tuple'), captured(model, ['0']):
        model(torch.rand(1, 2, 3))
