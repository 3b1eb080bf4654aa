"""A batch in parts is the batch: weights, losses and norms are those of the whole."""
import effsr

# isort: split
import pytest
import torch
from basicsr.utils.registry import ARCH_REGISTRY
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from effsr.options import OptionError


def batch(iteration, count=5):
    generator = torch.Generator().manual_seed(iteration)
    return {'lq': torch.rand(count, 3, 8, 8, generator=generator),
            'gt': torch.rand(count, 3, 16, 16, generator=generator)}


def trained(plain_options, gan, steps=3, count=5, **train):
    torch.manual_seed(0)
    model = effsr.build_model(plain_options({'datasets': ..., 'val': ..., 'high_order_degradation': False,
                                             'train': train}, gan))
    logs = []
    for iteration in range(1, steps + 1):
        model.feed_data(batch(iteration, count))
        model.optimize_parameters(iteration)
        logs.append(model.get_current_log())
    return model, logs


def same(one, other, names, atol=2e-6):
    for name in names:
        expected = getattr(one, name).state_dict()
        for key, value in getattr(other, name).state_dict().items():
            torch.testing.assert_close(value, expected[key], rtol=0, atol=atol, msg=f'{name}.{key}')


@pytest.mark.parametrize('parts', [2, 5])
@pytest.mark.parametrize('gan', [False, True])
def test_parts_are_the_whole(plain_options, gan, parts):
    # SGD: Adam's first steps are the sign of the gradient, and amplify its last bits.
    sgd = {'type': 'SGD', 'lr': 0.05}
    settings = {'optim_g': sgd, 'clip_grad_norm': 0.05, **({'optim_d': sgd} if gan else {})}
    whole, logs = trained(plain_options, gan, **settings)
    split, split_logs = trained(plain_options, gan, accumulate=parts, **settings)
    same(whole, split, ('net_g', 'net_g_ema', *(['net_d'] if gan else [])))
    for log, split_log in zip(logs, split_logs, strict=True):
        assert split_log == pytest.approx(log, abs=1e-5)
    assert split.output.shape == whole.output.shape
    torch.testing.assert_close(split.output.detach(), whole.output.detach(), rtol=0, atol=1e-5)


def test_with_adam_and_every_loss(plain_options):
    losses = {'ldl_opt': {'type': 'L1Loss'}, 'pixel_opt': {'reduction': 'sum', 'loss_weight': 1e-3}, 'net_d_iters': 2}
    whole, logs = trained(plain_options, True, **losses)
    split, split_logs = trained(plain_options, True, accumulate=2, **losses)
    same(whole, split, ('net_g', 'net_g_ema', 'net_d'), atol=2e-5)
    for log, split_log in zip(logs, split_logs, strict=True):
        assert split_log == pytest.approx(log, abs=1e-4)


def test_more_parts_than_samples(plain_options):
    with pytest.raises(OptionError, match='train.accumulate: a batch of 5 cannot be split into 6 parts'):
        trained(plain_options, False, accumulate=6)


@pytest.fixture
def _alone(tmp_path):
    torch.distributed.init_process_group('gloo', init_method=f'file://{tmp_path}/group', rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


class Normed(nn.Sequential):
    """A discriminator with batch norm."""

    def __init__(self):
        super().__init__(nn.Conv2d(3, 4, 3, 1, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 1, 3, 1, 1))


@pytest.mark.usefixtures('_alone')
@pytest.mark.parametrize('parts', [1, 3])
def test_processes_exchange_gradients_once_a_step(plain_options, monkeypatch, parts):
    monkeypatch.setitem(ARCH_REGISTRY._obj_map, 'Normed', Normed)
    changes = {'datasets': ..., 'val': ..., 'high_order_degradation': False, 'network_d': {'type': 'Normed',
               'num_in_ch': ..., 'num_feat': ...}, 'train': {'accumulate': parts}}
    torch.manual_seed(0)
    alone = effsr.build_model(plain_options(changes, True))
    torch.manual_seed(0)
    model = effsr.build_model(plain_options({**changes, 'runtime': {'dist': True}}, True))
    exchanged = {'net_g': 0, 'net_d': 0}

    def hook(name, bucket):
        exchanged[name] += 1
        return _done(bucket)

    for name in exchanged:
        net = getattr(model, name)
        assert isinstance(net, DistributedDataParallel)
        net.register_comm_hook(name, hook)
    for iteration in (1, 2, 3):
        for each in (alone, model):
            each.feed_data(batch(iteration))
            each.optimize_parameters(iteration)
    buckets = 1  # of networks this small
    assert exchanged == {'net_g': 3 * buckets, 'net_d': 3 * buckets}
    for name in exchanged:
        for one, other in zip(getattr(alone, name).parameters(), getattr(model, name).module.parameters(), strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


def _done(bucket):
    future = torch.futures.Future()
    future.set_result(bucket.buffer())
    return future
