"""What runs where: on a device the host never waits and batches share launches; on a CPU images stay apart."""
from collections import Counter
from unittest import mock

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from effsr.degradations import Degradation, DegradationSettings, apply, draw_batch, jpeg, poisson, usm, usm_sharpen

# These make the host wait for a number, or for the size of a result; a plain copy from or to the device does, too.
WAITING = ('_local_scalar_dense', 'item', 'nonzero', 'unique', 'masked_select', 'bincount', 'is_nonzero', 'equal',
           'index.Tensor', 'repeat_interleave.Tensor')
CACHES = (jpeg._constants, poisson._host_tables, poisson._tables, usm._gaussian)


class Watch(TorchDispatchMode):
    """Counts operations and refuses those that would wait for a device."""

    def __init__(self):
        super().__init__()
        self.counts = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = str(func).removeprefix('aten.')
        waits = any(name.startswith((word, '_' + word)) for word in WAITING)
        devices = {a.device.type for a in args if isinstance(a, torch.Tensor)}
        devices |= {torch.device(kwargs['device']).type} if kwargs.get('device') is not None else set()
        if 'copy' in name and len(devices) > 1:
            waits |= not kwargs.get('non_blocking', len(args) > 2 and args[2])
        assert not waits, f'{name} on {devices} waits for the device'
        self.counts['all'] += 1
        out = func(*args, **kwargs)
        if 'cuda' in devices:
            assert not isinstance(out, torch.Tensor) or out.device.type == 'cuda', f'{name} brings a tensor back'
            self.counts['cuda'] += 1
        return out


def clear():
    for cache in CACHES:
        cache.cache_clear()


@pytest.fixture
def pretended_cuda():
    """Tensors of a CUDA device without values, which need no such device."""
    clear()
    with (FakeTensorMode(allow_non_fake_inputs=True), mock.patch.object(torch.Tensor, 'pin_memory', lambda self: self),
          mock.patch.object(apply, '_generator', lambda device, seed: torch.Generator().manual_seed(seed))):
        yield torch.device('cuda')
    clear()


def watched(device, settings, count, seed=0, warm=True) -> Watch:
    gt = torch.zeros(count, 3, 64, 64, device=device)
    for _ in range(1 + warm):  # constants are made and copied once
        with Watch() as watch:
            lq, _ = Degradation(settings, 4)(usm_sharpen(gt), range(seed, seed + count))
    assert lq.device.type == 'cuda' and lq.shape == (count, 3, 16, 16)
    return watch


@pytest.mark.parametrize('mode', ['per_image', 'batch'])
def test_host_never_waits_for_the_device(pretended_cuda, mode):
    for seed in (0, 100, 200):
        watched(pretended_cuda, DegradationSettings(mode=mode, jpeg_444_prob=0.5), 6, seed, warm=False)


def test_the_watch_sees_waiting(pretended_cuda):
    x = torch.zeros(3, device=pretended_cuda)
    for wait in (lambda: x.cpu(), lambda: torch.unique(x), lambda: x[x > 0], lambda: torch.zeros(3).to(x.device)):
        with Watch(), pytest.raises(AssertionError, match='wait|brings'):
            wait()


def test_a_batch_shares_launches(pretended_cuda):
    settings = DegradationSettings(mode='batch', gray_noise_prob=0, gray_noise_prob2=0)
    one, eight = (watched(pretended_cuda, settings, count).counts['cuda'] for count in (1, 8))
    assert eight < 1.5 * one


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')
def test_on_a_real_device_the_host_never_waits():
    gt = torch.rand(4, 3, 64, 64, device='cuda')
    degradation = Degradation(scale=4)
    degradation(usm_sharpen(gt), range(4))
    torch.cuda.set_sync_debug_mode('error')
    try:
        lq, _ = degradation(usm_sharpen(gt), range(4, 8))
    finally:
        torch.cuda.set_sync_debug_mode('default')
    assert lq.isfinite().all()


@pytest.mark.parametrize('mode', ['per_image', 'batch'])
def test_images_together_as_on_a_device_equal_images_one_by_one(crops, mode):
    for seed in (0, 50, 100):
        parameters = draw_batch(DegradationSettings(mode=mode), range(seed, seed + 4))
        with torch.no_grad():
            together = torch.cat(apply._chain(list(crops.split(1)), parameters, (24, 24), 4)).clamp(0, 1)
        apart = apply.degrade(crops, parameters, 4)
        assert (together - apart).abs().mean() < 0.4 / 255  # one is not rounded to levels


@pytest.mark.parametrize('mode', ['per_image', 'batch'])
def test_on_a_cpu_an_image_does_not_depend_on_its_neighbours(crops, mode):
    parameters = draw_batch(DegradationSettings(mode=mode), range(4))
    whole = apply.degrade(crops, parameters, 4)
    sharp = usm_sharpen(crops)
    for chosen in ([0], [3, 1], [2, 0, 3]):
        assert torch.equal(apply.degrade(crops[chosen], [parameters[i] for i in chosen], 4), whole[chosen])
        assert torch.equal(usm_sharpen(crops[chosen]), sharp[chosen])
