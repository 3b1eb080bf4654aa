"""No step makes the host wait for an accelerator: of a number that the device computes it asks nothing."""
import effsr

# isort: split
import traceback

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from effsr.models.step import guard

# What needs a value on the host: a number, or a shape that follows from values.
ASKING = {'_local_scalar_dense', 'item', 'is_nonzero', 'equal', 'nonzero', 'masked_select', 'unique_dim', '_unique',
          '_unique2', 'unique_consecutive', 'bincount'}
INDEXING = {'index', 'index_put', 'index_put_', '_index_put_impl_'}


class Forbidding(TorchDispatchMode):
    """Within it no operation may make the host wait for a device; on a CPU one that would if it were an accelerator."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = func.__name__.split('.')[0]
        masked = name in INDEXING and any(torch.is_tensor(index) and index.dtype == torch.bool for index in args[1])
        assert name not in ASKING and not masked, f'{func}: {"".join(traceback.format_stack(limit=12))}'
        result = func(*args, **kwargs)
        source = args[1] if name == 'copy_' else args[0] if name == '_to_copy' else None
        if source is not None and source.device.type != 'cpu' and result.device.type == 'cpu':
            assert kwargs.get('non_blocking') or args[2:3] == (True,), f'{func}: a copy to the host that waits'
        return result


class UnderWay:
    """Flags that never come by themselves, as from a device that lags behind."""

    def __init__(self, flags):
        self.flags = flags

    def ready(self):
        return False

    def read(self):
        raise AssertionError('the host read flags of a step that is not four steps old')


FUSED = {'type': 'AdamW', 'fused': True, 'lr': 1e-3}
STEPS = {
    'plain': (False, {'optim_g': FUSED}),
    'options': (False, {'optim_g': FUSED, 'clip_grad_norm': 1.0, 'accumulate': 2, 'ema_warmup': True,
                        'precision': 'bf16', 'channels_last': True}),
    'momentum': (False, {'optim_g': {'type': 'SGD', 'momentum': 0.9, 'lr': 1e-3}}),
    'schedule free': (False, {'optim_g': {'type': 'AdamWScheduleFree', 'lr': 1e-3}}),
    'gan': (True, {'optim_g': FUSED, 'optim_d': FUSED}),
    'gan, options': (True, {'optim_g': {'type': 'RMSprop', 'lr': 1e-4}, 'optim_d': {'type': 'SGD', 'lr': 1e-3},
                            'clip_grad_norm': 1.0, 'accumulate': 2, 'ldl_opt': {'type': 'L1Loss'}}),
    'gan, penalties': (True, {'optim_g': FUSED, 'optim_d': FUSED, 'accumulate': 2, 'feature_matching_opt': {},
                              'color_opt': {'type': 'ColorLoss', 'window': 2}, 'gan_opt': {
                                  'gan_type': 'wgan-gp', 'relativistic': 'average', 'r1_weight': 1.0, 'r1_every': 1}}),
    'gan, discriminator alone': (True, {'optim_g': FUSED, 'optim_d': FUSED, 'net_d_init_iters': 9}),
}


def prepared(plain_options, name, **changes):
    """A model whose optimizers have their state, with a third batch fed, and that batch's iteration."""
    gan, train = STEPS[name]
    if 'ScheduleFree' in train.get('optim_g', {}).get('type', ''):
        pytest.importorskip('schedulefree')
    torch.manual_seed(0)
    model = effsr.build_model(plain_options({'datasets': ..., 'val': ..., 'high_order_degradation': False,
                                             'train': train, **changes}, gan))
    for iteration in (1, 2, 3):
        model.update_learning_rate(iteration)
        model.feed_data({'lq': torch.rand(4, 3, 12, 12), 'gt': torch.rand(4, 3, 24, 24)})
        if iteration < 3:
            model.optimize_parameters(iteration)
    return model


@pytest.mark.parametrize('name', STEPS)
def test_a_step_asks_the_device_nothing(plain_options, monkeypatch, name):
    """Optimizers whose own counters lie on the host, where they read them, are left out: Adam that is not fused."""
    monkeypatch.setattr(guard, 'host_may_look', lambda flag: False)
    model = prepared(plain_options, name)
    model.watch._send = UnderWay
    model.watch.settle(wait=True)
    before = [weight.detach().clone() for weight in model.net_g.parameters()]
    with Forbidding():
        model.optimize_parameters(3)
    moved = [not torch.equal(*pair) for pair in zip(before, model.net_g.parameters(), strict=True)]
    assert any(moved) is (name != 'gan, discriminator alone')


@pytest.mark.parametrize('ask', [torch.Tensor.item, bool, torch.Tensor.nonzero, torch.Tensor.unique,
                                 lambda flag: flag.new_ones(1)[flag.reshape(1)]])
def test_what_is_forbidden_is_noticed(ask):
    with pytest.raises(AssertionError), Forbidding():
        ask(torch.tensor(True))


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
@pytest.mark.parametrize('name', STEPS)
def test_a_step_on_a_gpu_does_not_wait(plain_options, name):
    model = prepared(plain_options, name, num_gpu=1)
    assert model.device.type == 'cuda'
    model.watch.settle(wait=True)
    torch.cuda.set_sync_debug_mode('error')
    try:
        model.optimize_parameters(3)
    finally:
        torch.cuda.set_sync_debug_mode('default')
    assert all(weight.isfinite().all() for weight in model.net_g.parameters())
