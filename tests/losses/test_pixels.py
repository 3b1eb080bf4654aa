"""Losses on pixels and their neighbours: values by hand, gradients in double, what is refused."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import math

import pytest
import torch
from basicsr.losses.basic_loss import CharbonnierLoss as Theirs
from basicsr.losses.basic_loss import WeightedTVLoss

from effsr.losses.pixel_loss import CharbonnierLoss, GradientLoss, TVLoss, WaveletLoss
from effsr.losses.pixels import charbonnier, gradient_difference, haar_details, sobel, total_variation


def pictures(*shape, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(*shape, generator=generator, dtype=dtype) for _ in range(2)]


def test_charbonnier_by_hand():
    pred, target = torch.tensor([3.0, 0.0, -0.4]).view(1, 1, 1, 3), torch.tensor([0.0, 0.0, 0.0]).view(1, 1, 1, 3)
    assert charbonnier(pred, target, 16.0).flatten().tolist() == pytest.approx([5.0, 4.0, math.sqrt(16.16)])
    assert CharbonnierLoss(2.0, 'sum', 16.0)(pred, target).item() == pytest.approx(2 * (9 + math.sqrt(16.16)))


@pytest.mark.parametrize('reduction', ['none', 'mean', 'sum'])
@pytest.mark.parametrize('weighed', [None, 1, 3])
def test_charbonnier_is_basicsrs(reduction, weighed):
    pred, target = pictures(2, 3, 5, 6)
    weight = None if weighed is None else pictures(2, weighed, 5, 6)[0]
    expected = Theirs(0.7, reduction, 1e-3)(pred, target, weight)
    torch.testing.assert_close(CharbonnierLoss(loss_weight=0.7, reduction=reduction, eps=1e-3)(pred, target, weight),
                               expected)


def test_total_variation_by_hand():
    picture = torch.tensor([[0.0, 1.0, 1.0], [0.0, 0.0, 3.0]]).view(1, 1, 2, 3)
    # Downwards: 0, 1, 2. To the right: 1, 0, 0, 3.
    assert total_variation(picture, 'sum').item() == 7.0
    assert total_variation(picture).item() == 3 / 3 + 4 / 4


@pytest.mark.parametrize('reduction', ['mean', 'sum'])
def test_total_variation_is_basicsrs_and_does_not_look_at_the_target(reduction):
    pred, target = pictures(2, 3, 5, 6)
    torch.testing.assert_close(TVLoss(0.3, reduction)(pred, target), WeightedTVLoss(0.3, reduction)(pred))


def test_sobel_gives_slopes_a_pixel():
    rows, columns = torch.arange(5.0).view(1, 1, 5, 1), torch.arange(6.0).view(1, 1, 1, 6)
    downwards, rightwards = sobel(2 * rows - 3 * columns)
    assert downwards.shape == rightwards.shape == (1, 1, 3, 4)
    assert (downwards == 2).all() and (rightwards == -3).all()
    dot = torch.zeros(1, 1, 5, 5)
    dot[..., 2, 2] = 8.0
    # Correlation: the operator, turned round.
    assert sobel(dot)[0][0, 0].tolist() == [[1, 2, 1], [0, 0, 0], [-1, -2, -1]]


def test_gradient_difference_by_hand():
    ramp = torch.arange(4.0).view(1, 1, 1, 4).expand(1, 1, 4, 4)
    assert (gradient_difference(ramp, ramp + 5) == 0).all()  # brightness is a pixel loss's
    assert (gradient_difference(ramp, -ramp) == 2).all()  # the direction counts
    assert GradientLoss(0.5)(ramp, torch.zeros(1, 1, 4, 4)).item() == 0.5
    assert GradientLoss(reduction='sum')(ramp, torch.zeros(1, 1, 4, 4)).item() == 4
    assert GradientLoss(reduction='none')(ramp, torch.zeros(1, 1, 4, 4)).shape == (1, 1, 2, 2)


def test_haar_bands_by_hand():
    picture = torch.tensor([[1.0, 2.0], [4.0, 8.0]]).view(1, 1, 2, 2)
    vertical, horizontal, both = (band.item() for band in haar_details(picture, 1))
    assert (vertical, horizontal, both) == ((1 + 2 - 4 - 8) / 4, (1 - 2 + 4 - 8) / 4, (1 - 2 - 4 + 8) / 4)
    shapes = [tuple(band.shape[-2:]) for band in haar_details(torch.zeros(1, 1, 8, 9), 3)]
    assert shapes == [(7, 8)] * 3 + [(5, 6)] * 3 + [(1, 2)] * 3


def test_haar_levels_are_means_of_blocks():
    picture = pictures(1, 1, 8, 8)[0]
    vertical = haar_details(picture, 2)[3]
    blocks = torch.nn.functional.avg_pool2d(picture, (2, 4), 1)  # two rows, four columns
    torch.testing.assert_close(vertical, (blocks[..., :-2, :] - blocks[..., 2:, :]) / 2)


def test_wavelet_loss_by_hand():
    pred = torch.tensor([[1.0, 2.0], [4.0, 8.0]]).view(1, 1, 2, 2)
    loss = WaveletLoss(levels=1)(pred + 7, torch.full((1, 1, 2, 2), 3.0))
    assert loss.item() == (9 + 5 + 3) / 4
    checks = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).repeat(2, 2).view(1, 1, 4, 4)
    # 3 x 3 positions of the finest diagonal band; all others are 0.
    assert WaveletLoss(2.0, 'sum')(checks, torch.zeros(1, 1, 4, 4)).item() == 2 * 9 * 0.5


LOSSES = [CharbonnierLoss(eps=1e-3), CharbonnierLoss(), TVLoss(), GradientLoss(), WaveletLoss()]


@pytest.mark.parametrize('loss', LOSSES, ids=lambda loss: type(loss).__name__)
def test_gradients(loss):
    pred, target = pictures(2, 2, 6, 7, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: loss(x, target), pred.requires_grad_())


@pytest.mark.parametrize('loss', LOSSES, ids=lambda loss: type(loss).__name__)
def test_no_loss_and_a_finite_gradient_at_the_target(loss):
    pred = torch.full((1, 3, 8, 8), 0.5, requires_grad=True)
    value = loss(pred, pred.detach().clone())
    value.backward()
    assert value.item() == pytest.approx(getattr(loss, 'eps', 0.0) ** 0.5) and pred.grad.isfinite().all()


@pytest.mark.parametrize(('loss', 'shape', 'message'), [
    (TVLoss(), (1, 3, 1, 8), r'TV: pictures of 1 x 8 \(height x width\) are too small; it needs 2 x 2'),
    (GradientLoss(), (1, 3, 8, 2), r'gradient: pictures of 8 x 2 .* it needs 3 x 3'),
    (WaveletLoss(levels=3), (1, 3, 8, 7), r'wavelet \(levels: 3\): pictures of 8 x 7 .* it needs 8 x 8'),
    (CharbonnierLoss(), (3, 8, 8), r'Charbonnier: pictures of shape \(3, 8, 8\); accepted: \(B, C, H, W\)'),
])
def test_pictures_that_are_refused(loss, shape, message):
    with pytest.raises(ValueError, match=message):
        loss(torch.zeros(shape), torch.zeros(shape))


@pytest.mark.parametrize('loss', [CharbonnierLoss(), GradientLoss(), WaveletLoss()])
def test_shapes_that_differ(loss):
    with pytest.raises(ValueError, match=r'different shapes: \(1, 3, 8, 8\) and \(1, 1, 8, 8\)'):
        loss(torch.zeros(1, 3, 8, 8), torch.zeros(1, 1, 8, 8))


@pytest.mark.parametrize(('make', 'message'), [
    (lambda: CharbonnierLoss(reduction='avg'), "reduction is 'avg'; accepted: none, mean, sum"),
    (lambda: CharbonnierLoss(eps=0), 'eps is 0; accepted: a number above 0'),
    (lambda: GradientLoss(loss_weight=-1.0), 'loss_weight is -1.0; accepted: a number from 0'),
    (lambda: GradientLoss(loss_weight=float('nan')), 'loss_weight is nan'),
    (lambda: TVLoss(reduction='none'), "reduction is 'none'; accepted: mean, sum"),
    (lambda: WaveletLoss(levels=0), 'levels is 0; accepted: a whole number from 1 to 8'),
    (lambda: WaveletLoss(levels=1.5), 'levels is 1.5'),
])
def test_arguments_that_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
