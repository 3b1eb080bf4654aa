"""Out of memory becomes one line: at what, at which size, what to change; so do other failures of a step."""
import effsr

# isort: split
import pytest
import torch
from basicsr.utils.registry import ARCH_REGISTRY
from torch import nn

from effsr.models.step import failures, memory
from effsr.options import OptionError

CPU = torch.device('cpu')
OUT = getattr(torch, 'OutOfMemoryError', torch.cuda.OutOfMemoryError)
ON_THE_CPU = ("[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to "
              'allocate 123 bytes. Error code 12 (Cannot allocate memory)')


class Full(nn.Module):
    """Fails in the forward pass, or in the backward pass."""

    def __init__(self, error=None, backward=False, channels=3, upscale=2):
        super().__init__()
        self.error, self.backward = error, backward
        self.conv = nn.Conv2d(3, channels, 1)
        self.upscale = upscale

    def forward(self, images):
        if self.error is not None and not self.backward:
            raise self.error
        output = nn.functional.interpolate(self.conv(images), scale_factor=self.upscale)
        if self.error is not None and output.requires_grad:
            output.register_hook(self.fail)
        return output

    def fail(self, gradient):
        raise self.error


def paired(count=4):
    return {'lq': torch.rand(count, 3, 8, 8), 'gt': torch.rand(count, 3, 16, 16)}


@pytest.fixture
def build(plain_options, monkeypatch):
    monkeypatch.setitem(ARCH_REGISTRY._obj_map, 'Full', Full)
    monkeypatch.setattr(memory, 'free_and_total', lambda device: (3 * 2**29, 24 * 2**30))

    def make(gan=False, high_order=False, **train):
        return effsr.build_model(plain_options({
            'val': ..., 'high_order_degradation': high_order, 'queue_size': 0 if not high_order else 64,
            'datasets': {'val': ..., 'train': {'type': 'RealESRGANDataset' if high_order else 'RealESRGANPairedDataset',
                                               **({} if high_order else {'crop_pad_size': ..., 'dataroot_lq': 'x'})}},
            'network_g': {'type': 'Full', 'num_feat': ..., 'num_conv': ...}, 'train': train}, gan))
    return make


def told(model, *args):
    with pytest.raises(ValueError) as caught:
        if args:
            model.feed_data(*args)
        else:
            model.feed_data(paired())
            model.optimize_parameters(7)
    assert '\n' not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize('error', [OUT('CUDA out of memory. Tried to allocate 2.00 GiB'), RuntimeError(ON_THE_CPU),
                                   RuntimeError('CUDA error: out of memory'), MemoryError()])
@pytest.mark.parametrize(('backward', 'where'), [(False, 'the forward pass of network_g'),
                                                 (True, 'the backward pass of network_g')])
def test_in_a_step(build, error, backward, where):
    model = build()
    model.net_g.error, model.net_g.backward = error, backward
    assert told(model) == (
        f'out of memory in {where}, iteration 7: a batch of 4, lq of 8x8, gt of 16x16; 1.5 of 24.0 GiB of this machine '
        'are free; set train: accumulate: 1 -> 2 (the result stays), or train: precision: fp32 -> bf16, or datasets: '
        'train: batch_size_per_gpu: 8 -> 4')


def test_in_the_discriminator(build):
    model = build(gan=True, accumulate=2, precision='bf16')
    for net, where in ((model.net_d, "the generator's pass through network_d"),):
        net.register_forward_pre_hook(lambda module, args: fail(OUT('CUDA out of memory')))
        line = told(model)
        assert line.startswith(f'out of memory in {where}, iteration 7: a batch of 4 in 2 parts, lq of 8x8')
        assert 'accumulate: 2 -> 4 (the result stays), or datasets' in line and 'bf16' not in line
    model = build(gan=True, net_d_iters=2)
    model.net_d.register_forward_pre_hook(lambda module, args: fail(OUT('CUDA out of memory')))
    assert 'out of memory in the passes of network_d over real pictures, iteration 7' in told(model)


def fail(error):
    raise error


def test_while_pairs_are_made(build, monkeypatch):
    model = build(high_order=True)
    monkeypatch.setattr(type(model.pairs.degradation), '__call__', lambda *args: fail(OUT('CUDA out of memory')))
    line = told(model, {'gt': torch.rand(8, 3, 24, 24), 'seed': torch.arange(8)})
    assert line.startswith('out of memory in making pairs of a batch, iteration 0: a batch of 8, gt of 24x24; 1.5 of')
    assert line.endswith('set queue_size: 64 -> 32, or datasets: train: batch_size_per_gpu: 8 -> 4')


@pytest.mark.parametrize(('gt_size', 'scale', 'smaller'), [(256, 4, 192), (128, 4, 96), (64, 4, 32), (48, 2, 32)])
def test_a_smaller_crop_that_every_network_takes(plain_options, gt_size, scale, smaller):
    plain = plain_options({'scale': scale, 'gt_size': gt_size, 'val': ..., 'datasets': ...,
                           'network_g': {'upscale': scale}})
    model = effsr.build_model(plain)
    assert f'gt_size: {gt_size} -> {smaller}' in memory.remedies(model, False)
    assert smaller % scale == 0


def test_recomputing_is_offered_where_it_can_be_had(plain_options):
    rrdb = {'type': 'RRDBNet', 'num_in_ch': 3, 'num_out_ch': 3, 'num_feat': 4, 'num_block': 1, 'num_grow_ch': 4,
            'scale': 2, 'upscale': ..., 'num_conv': ...}
    for switch in (False, True):
        model = effsr.build_model(plain_options({'val': ..., 'datasets': ..., 'network_g': rrdb,
                                                 'train': {'gradient_checkpointing': switch}}))
        offered = any('gradient_checkpointing' in change for change in memory.remedies(model, False))
        assert offered is not switch


def test_other_errors_pass_as_they_are(build):
    model = build()
    model.net_g.error = RuntimeError('shapes differ')
    model.feed_data(paired())
    with pytest.raises(RuntimeError, match='^shapes differ$'):
        model.optimize_parameters(1)


def test_an_operation_that_cannot_be_deterministic(build):
    model = build()
    model.net_g.error = RuntimeError('upsample_bicubic2d_backward_out_cuda does not have a deterministic implementation'
                                     ', but you set torch.use_deterministic_algorithms(True).\nYou can turn off')
    assert told(model) == (
        'deterministic: upsample_bicubic2d_backward_out_cuda in the forward pass of network_g gives other bits each '
        'time on this device; set deterministic: false, or use another network or loss')


def test_a_network_that_cannot_be_compiled(build):
    error = type('Unsupported', (RuntimeError,), {'__module__': 'torch._dynamo.exc'})('\ncall to print\nat line 3')
    line = failures.explain(build(), error, None)
    assert line == 'train.compile: its preparation cannot be compiled: Unsupported: call to print; set compile: false'


def test_memory_of_this_machine():
    found = memory.free_and_total(CPU)
    assert found is None or 0 < found[0] <= found[1]


def test_a_user_error_keeps_its_type(build):
    model = build(accumulate=8)
    model.feed_data(paired())
    with pytest.raises(OptionError, match='^train.accumulate: a batch of 4 cannot be split into 8 parts'):
        model.optimize_parameters(1)
