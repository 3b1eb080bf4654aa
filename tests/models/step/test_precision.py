"""fp32, bf16, fp16 and auto: what is chosen, what is refused, and the loss scale against torch's own."""
import effsr

# isort: split
import logging

import pytest
import torch
from torch import nn

from effsr.models.step import precision
from effsr.models.step.precision import LossScale, Precision
from effsr.options import OptionError

CPU, GPU = torch.device('cpu'), torch.device('cuda')


def test_fp16_on_a_cpu_is_refused_in_one_line():
    with pytest.raises(OptionError, match=r'^train\.precision: fp16 needs a GPU.*accepted there: fp32, bf16, auto$'):
        Precision('fp16', CPU)


@pytest.mark.parametrize(('name', 'well', 'dtype'), [
    ('fp32', True, torch.float32), ('bf16', False, torch.bfloat16), ('auto', True, torch.bfloat16),
    ('auto', False, torch.float32)])
def test_what_is_chosen_and_told(name, well, dtype, monkeypatch, caplog):
    monkeypatch.setattr(precision, 'does_bf16_well', lambda device: well)
    logging.getLogger('basicsr').propagate = True
    with caplog.at_level('INFO', 'basicsr'):
        assert Precision(name, CPU).dtype == dtype
    said = [record.getMessage() for record in caplog.records]
    assert said == ([] if name != 'auto' else [f'train: precision: auto: {"bf16" if well else "fp32"}; this CPU '
                                               f'{"does" if well else "does not do"} bf16 well'])


@pytest.mark.parametrize(('capability', 'well'), [((7, 5), False), ((8, 0), True), ((9, 0), True), ((12, 0), True)])
def test_gpus_with_bf16(capability, well, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'get_device_capability', lambda device: capability)
    assert precision.does_bf16_well(GPU) is well


@pytest.mark.parametrize(('found', 'well'), [((), False), (('_is_avx512_bf16_supported',), True),
                                             (('_is_amx_tile_supported',), True)])
def test_cpus_with_bf16(found, well, monkeypatch):
    for name in ('_is_amx_tile_supported', '_is_avx512_bf16_supported'):
        monkeypatch.setattr(torch.cpu, name, lambda name=name: name in found, raising=False)
    assert precision.does_bf16_well(CPU) is well


def test_within_autocast_convolutions_compute_in_bf16_and_weights_stay():
    net, images = nn.Conv2d(3, 3, 1), torch.rand(1, 3, 2, 2)
    with Precision('bf16', CPU).autocast():
        assert net(images).dtype == torch.bfloat16
    with Precision('fp32', CPU).autocast():
        assert net(images).dtype == torch.float32
    assert net.weight.dtype == torch.float32


def test_the_scale_goes_as_that_of_torch():
    """GradScaler's arithmetic, over overflows at many distances; growth every 3 steps."""
    theirs = torch.amp.GradScaler('cpu', init_scale=precision.FIRST_SCALE, growth_interval=3)
    ours = LossScale(CPU)
    weight = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], 0.0)
    generator = torch.Generator().manual_seed(0)
    for good in (torch.rand(60, generator=generator) > 0.3).tolist():
        optimizer.zero_grad()
        theirs.scale(weight * (1.0 if good else float('inf'))).sum().backward()
        theirs.step(optimizer)
        theirs.update()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(precision, 'GROWTH_INTERVAL', 3)
            ours.update(torch.tensor(good))
        assert ours.value.item() == theirs.get_scale()
    assert ours.value.item() != precision.FIRST_SCALE


def test_the_scale_starts_doubles_halves_and_never_becomes_infinite():
    scale = LossScale(CPU)
    scale.load_state_dict({'scale': 4.0, 'good_steps': 1998})
    for ok, expected in ((True, 4.0), (True, 8.0), (False, 4.0), (True, 4.0)):
        scale.update(torch.tensor(ok))
        assert scale.value.item() == expected
    scale.load_state_dict({'scale': 3e38, 'good_steps': 1999})
    scale.update(torch.tensor(True))
    assert scale.value.item() == pytest.approx(3e38)
    assert scale.state_dict()['good_steps'] == 0
    assert LossScale(CPU).state_dict() == {'scale': 65536.0, 'good_steps': 0}


def scaled():
    """fp32 with the loss scale of fp16, which a CPU has no autocast for."""
    made = Precision('fp32', CPU)
    made.loss_scale = LossScale(CPU)
    return made


def test_scaled_and_unscaled_again():
    made, weight = scaled(), nn.Parameter(torch.tensor([2.0]))
    made.scale((weight * 3).sum()).backward()
    assert weight.grad.tolist() == [3.0 * 65536]
    made.unscale_(torch.optim.SGD([weight, nn.Parameter(torch.zeros(1))], 0.1))
    assert weight.grad.tolist() == [3.0]
    assert made.overflow_is_ordinary() and Precision('fp32', CPU).overflow_is_ordinary() is None
    made.load_state_dict({'scale': 1.0, 'good_steps': 0})
    assert not made.overflow_is_ordinary()
    made.load_state_dict({})  # of a run in fp32
    assert made.state_dict() == {'scale': 1.0, 'good_steps': 0} and Precision('bf16', CPU).state_dict() == {}


@pytest.mark.parametrize('gan', [False, True])
def test_a_step_in_bf16(plain_options, gan):
    """Close to that in fp32; losses, weights, average and the optimizer's memory in fp32."""
    generator = torch.Generator().manual_seed(0)
    data = {'lq': torch.rand(4, 3, 8, 8, generator=generator), 'gt': torch.rand(4, 3, 16, 16, generator=generator)}
    logs = []
    for name in ('fp32', 'bf16'):
        torch.manual_seed(0)
        model = effsr.build_model(plain_options({'datasets': ..., 'val': ..., 'high_order_degradation': False,
                                                 'train': {'precision': name}}, gan))
        used, seen = [], []
        for net in (model.net_g, model.net_g_ema):
            net.body[0].register_forward_hook(lambda net, args, output, used=used: used.append(output.dtype))
        model.cri_pix.register_forward_pre_hook(lambda net, args, seen=seen: seen.append(args[0].dtype))
        model.feed_data(data)
        model.optimize_parameters(1)
        assert used == [model.precision.dtype] and set(seen) == {torch.float32}
        tensors = [*model.net_g.state_dict().values(), *model.net_g_ema.state_dict().values(), model.output]
        tensors += [value for optimizer in model.optimizers for state in optimizer.state.values()
                    for value in state.values()]
        assert all(tensor.dtype == torch.float32 for tensor in tensors)
        logs.append(model.get_current_log())
        model.test()
        assert used[-1] == torch.float32
    assert logs[1] == pytest.approx(logs[0], abs=0.02) and logs[1] != logs[0]
