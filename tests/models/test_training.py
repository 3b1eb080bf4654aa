"""Parts of a batch, passes in fp32 or less, the discriminator left as it is."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import pytest
import torch
from torch import nn

from effsr.models import training
from effsr.models.pairs import Pairs
from effsr.models.step.precision import Precision
from effsr.options import OptionError
from effsr.options.schema import TrainOptions


def test_losses_by_name_with_their_own_targets():
    def perceptual(result, target):
        return (result - target).sum(), None
    result, gt, percep_gt = torch.full((1,), 3.0), torch.full((1,), 1.0), torch.full((1,), 2.0)
    losses = training.generator_losses(result, gt, nn.L1Loss(), percep_gt, perceptual)
    assert {name: float(value) for name, value in losses.items()} == {'pix': 2.0, 'percep': 1.0}
    assert training.generator_losses(result, gt, None, percep_gt, None) == {}


def pairs(count):
    generator = torch.Generator().manual_seed(0)
    lq, gt = torch.rand(count, 3, 4, 4, generator=generator), torch.rand(count, 3, 8, 8, generator=generator)
    return Pairs(lq, gt, gt, torch.arange(count))


def test_a_batch_in_parts():
    whole = pairs(5)
    (only,) = training.split(whole, 1)
    assert only.pairs is whole and only.share == 1 and only.last
    parts = training.split(whole, 3)
    assert [len(part.pairs.lq) for part in parts] == [2, 2, 1]
    assert [part.share for part in parts] == [0.4, 0.4, 0.2] and [part.last for part in parts] == [False, False, True]
    for number, field in enumerate(whole):
        assert torch.equal(torch.cat([part.pairs[number] for part in parts]), field)
    with pytest.raises(OptionError, match='train.accumulate: a batch of 5 cannot be split into 6 parts; set accumula'):
        training.split(whole, 6)


def test_parts_in_the_format_that_the_options_name():
    whole = pairs(4)
    parts = training.parts_of(whole, TrainOptions.model_construct(channels_last=True, accumulate=2))
    assert len(parts) == 2
    for part, expected in zip(parts, training.split(whole, 2), strict=True):
        for image, plain in zip(part.pairs[:3], expected.pairs[:3], strict=True):
            assert image.is_contiguous(memory_format=torch.channels_last) and torch.equal(image, plain)
        assert torch.equal(part.pairs.seeds, expected.pairs.seeds)


def test_means_weigh_by_share_and_sums_count_in_full():
    losses = {'pix': torch.tensor(8.0), 'gan': torch.tensor(2.0)}
    assert training.weighted(losses, 0.25, ['pix'], 'l_') == {'l_pix': 8.0, 'l_gan': 0.5}
    assert training.weighted(losses, 1.0) == losses
    # Three processes: gradients and the log's losses are averaged over them.
    assert training.weighted(losses, 0.25, ['pix'], processes=3) == {'pix': 24.0, 'gan': 0.5}
    totals = {}
    training.add_to(totals, {'l_pix': torch.tensor(1.0, requires_grad=True)})
    training.add_to(totals, {'l_pix': torch.tensor(2.0)})
    assert totals == {'l_pix': 3.0} and not totals['l_pix'].requires_grad


def normed():
    """Every kind of buffer that a pass in training mode moves: statistics, both kinds of spectral norm."""
    net = nn.Sequential(nn.utils.spectral_norm(nn.Conv2d(3, 4, 3)), nn.BatchNorm2d(4),
                        nn.utils.parametrizations.spectral_norm(nn.Conv2d(4, 2, 3)))
    return net.train()


def test_an_answer_that_moves_no_buffer():
    precision, net, images = Precision('fp32', torch.device('cpu')), normed(), torch.rand(2, 3, 8, 8)
    images.requires_grad_()
    before = {name: buffer.clone() for name, buffer in net.named_buffers()}
    owned = dict(net.named_buffers())
    answer = training.answer_untouched(precision, net, images)
    answer.sum().backward()
    assert images.grad.abs().sum() > 0
    for name, buffer in net.named_buffers():
        assert buffer is owned[name] and torch.equal(buffer, before[name]), name
    again = net(images)  # in the same mode: batch statistics, one power iteration
    assert torch.equal(again, answer)
    assert all(not torch.equal(buffer, before[name]) for name, buffer in net.named_buffers())


def test_a_held_spectral_norm_divides_by_that_of_the_pass_before():
    net = normed()
    with training.held_spectral_norm(net, False):
        net(torch.rand(2, 3, 8, 8))
    convolutions = [net[0], net[2]]
    used = [convolution.weight.clone() for convolution in convolutions[:1]]
    vectors = {name: buffer.clone() for name, buffer in net.named_buffers() if 'running' not in name}
    with training.held_spectral_norm(net, True):
        net(torch.rand(2, 3, 8, 8))
    assert torch.equal(convolutions[0].weight, used[0])
    assert all(torch.equal(dict(net.named_buffers())[name], value) for name, value in vectors.items()
               if 'num_batches' not in name)
    assert all(module.training for module in net.modules())
