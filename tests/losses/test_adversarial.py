"""Adversarial losses: BasicSR's numbers, values worked out by hand, derivatives of penalties, refusals."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import math

import pytest
import torch
from basicsr.utils.registry import LOSS_REGISTRY
from torch import nn

from effsr.losses import adversarial
from effsr.losses.gan_loss import GANLoss

BASICSR_TYPES = ('vanilla', 'lsgan', 'wgan', 'wgan_softplus', 'hinge')


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize('gan_type', BASICSR_TYPES)
@pytest.mark.parametrize('is_real', [True, False])
@pytest.mark.parametrize('is_disc', [True, False])
def test_numbers_and_gradients_are_those_of_basicsr(gan_type, is_real, is_disc):
    arguments = {'gan_type': gan_type, 'real_label_val': 0.9, 'fake_label_val': 0.1, 'loss_weight': 0.3}
    scores = torch.randn(2, 1, 4, 4, requires_grad=True)
    results = []
    for criterion in (GANLoss(**arguments), LOSS_REGISTRY.get('GANLoss_basicsr')(**arguments)):
        loss = criterion(scores, is_real, is_disc=is_disc)
        results.append((loss, *torch.autograd.grad(loss, scores)))
    assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))


def test_basicsrs_stays():
    assert LOSS_REGISTRY.get('GANLoss') is GANLoss
    assert LOSS_REGISTRY.get('GANLoss_basicsr').__module__.startswith('basicsr.')
    assert LOSS_REGISTRY.get('MultiScaleGANLoss')(gan_type='lsgan')(torch.ones(1), True) == 0


@pytest.mark.parametrize(('gan_type', 'real', 'fake'), [
    ('softplus', math.log(1 + math.exp(-2)), math.log(1 + math.exp(2))), ('wgan-gp', -2, 2), ('lsgan', 1, 4),
    ('hinge', 0, 3), ('vanilla', math.log(1 + math.exp(-2)), math.log(1 + math.exp(2)))])
def test_by_hand(gan_type, real, fake):
    scores = torch.full((3, 1), 2.0)
    losses = [GANLoss(gan_type)(scores, is_real, is_disc=True).item() for is_real in (True, False)]
    assert losses == pytest.approx([real, fake])
    # Two scales count alike, whatever their sizes.
    one, two = (GANLoss(gan_type)(torch.full(shape, value), True, is_disc=True)
                for shape, value in (((1, 1, 8, 8), 2.0), ((1, 1, 2, 2), -1.0)))
    both = GANLoss(gan_type)([torch.full((1, 1, 8, 8), 2.0), torch.full((1, 1, 2, 2), -1.0)], True, is_disc=True)
    assert both.item() == pytest.approx((one.item() + two.item()) / 2)


def test_relative_scores():
    scores, others = torch.tensor([1.0, 3.0]), torch.tensor([5.0, 6.0])
    assert adversarial.relative(scores, others, 'standard').tolist() == [-4, -3]
    assert adversarial.relative(scores, others, 'average').tolist() == [-4.5, -2.5]


def test_penalties_by_hand():
    """Of scores w * (sum of squares) / 2 the gradient is w times the picture."""
    images = torch.rand(3, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    weight = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    squares = images.square().flatten(1).sum(1)
    answer = weight * squares[:, None] / 2
    r1, gp = adversarial.r1_penalty(answer, images), adversarial.gradient_penalty(answer, images)
    torch.testing.assert_close(r1, (0.25 * squares).mean())
    torch.testing.assert_close(gp, (0.5 * squares.sqrt() - 1).square().mean())
    torch.testing.assert_close(torch.autograd.grad(r1, weight)[0], (2 * 0.5 * squares).mean())
    # A map counts as its mean, scales as the mean of theirs.
    spread = answer[:, :, None, None].expand(-1, -1, 3, 3)
    torch.testing.assert_close(adversarial.r1_penalty([spread, spread], images), r1)


@pytest.mark.parametrize('penalty', [adversarial.r1_penalty, adversarial.gradient_penalty])
def test_penalties_derivatives(penalty):
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Softplus(), nn.Conv2d(3, 1, 2)).double()
    images = torch.rand(2, 2, 5, 5, dtype=torch.float64, requires_grad=True)

    def of(*weights):
        given = dict(zip([name for name, _ in net.named_parameters()], weights, strict=True))
        return penalty(torch.func.functional_call(net, given, (images,)), images)
    assert torch.autograd.gradcheck(of, tuple(net.parameters()))


def test_a_flat_discriminator_has_a_finite_gradient():
    images, weight = torch.rand(2, 1, 2, 2, requires_grad=True), torch.zeros((), requires_grad=True)
    penalty = adversarial.gradient_penalty(weight * images.flatten(1).sum(1, keepdim=True), images)
    assert penalty.item() == pytest.approx(1, abs=1e-5)
    assert torch.autograd.grad(penalty, weight)[0].isfinite()


def test_between():
    real, fake = torch.ones(2, 1, 2, 2), torch.zeros(2, 1, 2, 2)
    assert adversarial.between(real, fake, torch.tensor([0.25, 1.0])).flatten(1)[:, 0].tolist() == [0.25, 1.0]


def test_feature_distance_by_hand():
    features, targets = [torch.zeros(1, 2, 2, 2), torch.ones(1, 4)], [torch.ones(1, 2, 2, 2), torch.full((1, 4), 4.0)]
    assert adversarial.feature_distance(features, targets) == 2.0


@pytest.mark.parametrize(('arguments', 'threshold'), [
    ({'gan_type': 'vanilla'}, 0.0), ({'gan_type': 'hinge'}, 0.0), ({'gan_type': 'lsgan'}, 0.5),
    ({'gan_type': 'lsgan', 'real_label_val': 0.9, 'fake_label_val': -0.1}, 0.4), ({'gan_type': 'wgan-gp'}, None),
    ({'gan_type': 'vanilla', 'relativistic': 'average'}, None)])
def test_what_a_score_says(arguments, threshold):
    assert adversarial.threshold_of(GANLoss(**arguments)) == pytest.approx(threshold)


def test_accuracy():
    real, fake = torch.tensor([3.0, 1.0, -1.0, 5.0]), torch.tensor([-1.0, 0.5, -2.0, -3.0])
    assert [value.item() for value in adversarial.accuracy(real, fake, 0.0)] == [0.75, 0.75]
    # The middle of the means, 2 and -1.375, is 0.3125.
    assert [value.item() for value in adversarial.accuracy(real, fake, None)] == [0.75, 0.75]
    assert [value.item() for value in adversarial.accuracy(real - 9, fake - 9, 0.0)] == [0.0, 1.0]
    both = adversarial.accuracy([real, real - 9], [fake, fake - 9], 0.0)
    assert [value.item() for value in both] == [0.375, 0.875]


@pytest.mark.parametrize(('arguments', 'match'), [
    ({'gan_type': 'waffle'}, "gan_type is 'waffle'; accepted: vanilla, lsgan, hinge"),
    ({'gan_type': 'vanilla', 'relativistic': 'half'}, "relativistic is 'half'; accepted: none, standard, average"),
    ({'gan_type': 'vanilla', 'loss_weight': -1}, 'loss_weight is -1; accepted: a number from 0'),
    ({'gan_type': 'vanilla', 'r1_every': 0}, 'r1_every is 0; accepted: a whole number from 1 to 1000'),
    ({'gan_type': 'wgan-gp', 'gp_weight': math.nan}, 'gp_weight is nan'),
    ({'gan_type': 'vanilla', 'gp_weight': 5}, 'gp_weight is 5, but gan_type vanilla has no gradient penalty'),
])
def test_what_is_refused(arguments, match):
    with pytest.raises(ValueError, match=match):
        GANLoss(**arguments)
