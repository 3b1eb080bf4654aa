"""Gradient checkpointing: the same gradients bit for bit, the same names, less kept."""
import effsr

# isort: split
import copy

import pytest
import torch
from basicsr.archs.rrdbnet_arch import RRDBNet
from torch import nn

from effsr.models.step.recomputing import can_be_recomputed, recompute_body
from effsr.options import OptionError

RRDB = {'type': 'RRDBNet', 'num_in_ch': 3, 'num_out_ch': 3, 'num_feat': 4, 'num_block': 2, 'num_grow_ch': 4, 'scale': 2,
        'upscale': ..., 'num_conv': ...}


def nets():
    torch.manual_seed(0)
    plain = RRDBNet(3, 3, scale=2, num_feat=4, num_block=3, num_grow_ch=4)
    recomputed = copy.deepcopy(plain)
    recompute_body(recomputed, 'network_g')
    return plain, recomputed


def test_the_same_gradients_bit_for_bit_and_the_same_names():
    plain, recomputed = nets()
    images = torch.rand(2, 3, 8, 8)
    assert list(recomputed.state_dict()) == list(plain.state_dict())
    outputs = [net(images) for net in (plain, recomputed)]
    assert torch.equal(*outputs)
    for output in outputs:
        output.square().mean().backward()
    for (name, one), other in zip(plain.named_parameters(), recomputed.parameters(), strict=True):
        assert torch.equal(one.grad, other.grad), name


def test_blocks_run_twice_with_gradients_and_once_without():
    calls = []
    _, net = nets()
    for block in net.body:
        block.register_forward_pre_hook(lambda module, args: calls.append(module))
    net(torch.rand(1, 3, 8, 8)).sum().backward()
    assert len(calls) == 6
    calls.clear()
    with torch.no_grad():
        net(torch.rand(1, 3, 8, 8))
    assert len(calls) == 3


@pytest.mark.parametrize(('body', 'match'), [
    (None, 'Odd has no body of blocks in sequence to compute again; accepted: RRDBNet'),
    (nn.ModuleList([nn.Conv2d(3, 3, 1)]), 'accepted: RRDBNet'), (nn.Conv2d(3, 3, 1), 'accepted: RRDBNet'),
    (nn.Sequential(nn.BatchNorm2d(3)), 'without buffers')])
def test_what_cannot_be_recomputed_is_told(body, match):
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            if body is not None:
                self.body = body

    assert not can_be_recomputed(Odd())
    with pytest.raises(OptionError, match=f'train.gradient_checkpointing: network_g: .*{match}'):
        recompute_body(Odd(), 'network_g')


@pytest.mark.parametrize('gan', [False, True])
def test_training_with_it_is_training_without(plain_options, gan):
    models = []
    for switch in (False, True):
        torch.manual_seed(0)
        model = effsr.build_model(plain_options({'datasets': ..., 'val': ..., 'high_order_degradation': False,
                                                 'network_g': RRDB, 'train': {'gradient_checkpointing': switch}}, gan))
        generator = torch.Generator().manual_seed(0)
        for iteration in (1, 2):
            model.feed_data({'lq': torch.rand(2, 3, 8, 8, generator=generator),
                             'gt': torch.rand(2, 3, 16, 16, generator=generator)})
            model.optimize_parameters(iteration)
        models.append(model)
    for name in ('net_g', 'net_g_ema'):
        states = [getattr(model, name).state_dict() for model in models]
        assert all(torch.equal(states[1][key], value) for key, value in states[0].items())
        assert list(states[0]) == list(states[1])


def test_a_network_without_a_body_is_refused_where_it_is_built(plain_options):
    with pytest.raises(OptionError, match='train.gradient_checkpointing: .*SRVGGNetCompact'):
        effsr.build_model(plain_options({'datasets': ..., 'val': ..., 'train': {'gradient_checkpointing': True}}))
    # In a test there is nothing to recompute.
    effsr.build_model(plain_options({'datasets': ..., 'runtime': {'is_train': False},
                                     'train': {'gradient_checkpointing': False}}))
