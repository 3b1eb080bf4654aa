"""Training pairs: the same place in lq and gt, the same pairs from the same seeds."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import pytest
import torch

from effsr.degradations import degrade, usm_sharpen
from effsr.models.pairs import Pairs, PairSource, paired_crop
from effsr.options import validate

CPU = torch.device('cpu')


@pytest.fixture
def source(plain_options):
    def make(sharpen=False, **changes):
        return PairSource(validate(plain_options({'datasets': ..., **changes})), CPU, sharpen)
    return make


def batch(count=4, side=24, seed=0):
    gt = torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(seed))
    return {'gt': gt, 'seed': torch.arange(count) + 100 * seed}


def coordinates(height, width, factor):
    """Each pixel holds the row and column of the lq pixel it belongs to, and zero."""
    rows = (torch.arange(height) // factor).float()[:, None].expand(height, width)
    columns = (torch.arange(width) // factor).float()[None].expand(height, width)
    return torch.stack([rows, columns, torch.zeros(height, width)])


def test_the_crop_is_the_same_place_in_all():
    scale, count = 4, 8
    lq = coordinates(12, 10, 1).expand(count, -1, -1, -1)
    gt = coordinates(48, 40, scale).expand(count, -1, -1, -1)
    result = paired_crop(Pairs(lq, gt, gt + 1), list(range(count)), 16, scale)
    assert result.lq.shape == (count, 3, 4, 4)
    assert result.gt.shape == result.gt_usm.shape == (count, 3, 16, 16)
    expected = result.lq.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    assert torch.equal(result.gt, expected)
    assert torch.equal(result.gt_usm, expected + 1)
    corners = {(int(image[0, 0, 0]), int(image[1, 0, 0])) for image in result.lq}
    assert len(corners) > 3  # each image has its own


def test_the_crop_reaches_every_place_and_depends_on_the_seed_alone():
    lq = coordinates(5, 5, 1).expand(100, -1, -1, -1)
    gt = coordinates(10, 10, 2).expand(100, -1, -1, -1)
    first = paired_crop(Pairs(lq, gt, gt), list(range(100)), 8, 2).lq
    assert {(int(image[0, 0, 0]), int(image[1, 0, 0])) for image in first} == {(0, 0), (0, 1), (1, 0), (1, 1)}
    backwards = paired_crop(Pairs(lq, gt, gt), list(range(99, -1, -1)), 8, 2).lq
    assert torch.equal(backwards.flip(0), first)


def test_a_crop_larger_than_the_image():
    with pytest.raises(ValueError, match='gt_size 32 does not fit into gt of 24x20; lower gt_size'):
        paired_crop(Pairs(torch.zeros(1, 3, 10, 12), *2 * [torch.zeros(1, 3, 20, 24)]), [0], 32, 2)


def test_pairs_have_the_sizes_of_gt_size_or_of_the_image(source):
    assert [tuple(part.shape) for part in source()(batch())] == [(4, 3, 8, 8), (4, 3, 16, 16), (4, 3, 16, 16)]
    whole = source(gt_size=None)(batch())
    assert whole.lq.shape == (4, 3, 12, 12) and whole.gt.shape == (4, 3, 24, 24)


def test_the_pair_is_the_degradation_of_gt(source):
    maker = source(gt_size=None)
    data = batch()
    pairs = maker(data)
    expected = degrade(data['gt'], maker.degradation.draw([0, 1, 2, 3]), 2)
    assert torch.equal(pairs.lq, expected)
    assert torch.equal(pairs.gt, data['gt']) and pairs.gt_usm is pairs.gt


def test_same_seeds_same_pairs_whatever_the_neighbours(source):
    data = batch()
    one, again = source()(data), source()(data)
    turned = source()({key: value.flip(0) for key, value in data.items()})
    for a, b, c in zip(one, again, turned, strict=True):
        assert torch.equal(a, b) and torch.equal(a, c.flip(0))
    other = source()({**data, 'seed': data['seed'] + 50})
    assert not torch.equal(one.lq, other.lq)


def test_a_batch_without_seeds_gets_some(source):
    data = {'gt': batch()['gt']}
    maker = source()
    first, second = maker(data), maker(data)
    assert not torch.equal(first.lq, second.lq)
    assert torch.equal(source()(data).lq, first.lq)  # from manual_seed, so a script can be repeated


@pytest.mark.parametrize('high_order', [True, False])
def test_an_lq_of_ones_own_passes_through(source, high_order):
    lq = torch.rand(2, 3, 12, 12)
    data = {**batch(2), 'lq': lq}
    pairs = source(high_order_degradation=high_order, queue_size=100)(data)
    assert torch.equal(pairs.lq, lq) and torch.equal(pairs.gt, data['gt'])


def test_without_degradation_lq_must_come(source):
    with pytest.raises(ValueError, match=r'this one has gt, seed; use a RealESRGANPairedDataset'):
        source(high_order_degradation=False)(batch())


def test_usm_sharpens_the_target_and_what_is_degraded(source):
    data = batch()
    maker = source(sharpen=True, gt_size=None)
    pairs = maker(data)
    assert torch.equal(pairs.gt, data['gt'])
    assert torch.equal(pairs.gt_usm, usm_sharpen(data['gt']))
    assert torch.equal(pairs.lq, degrade(pairs.gt_usm, maker.degradation.draw([0, 1, 2, 3]), 2))
    given = source(sharpen=True, high_order_degradation=False)({**data, 'lq': torch.zeros(4, 3, 12, 12)})
    assert torch.equal(given.gt_usm, usm_sharpen(data['gt']))


@pytest.mark.parametrize('sharpen', [True, False])
def test_the_pool_gives_old_pairs_back_once_it_is_full(source, sharpen):
    pooled, plain = source(sharpen, queue_size=8), source(sharpen)
    fresh = [plain(batch(seed=number)) for number in range(3)]
    given = [pooled(batch(seed=number)) for number in range(3)]
    for number in (0, 1):
        assert all(torch.equal(a, b) for a, b in zip(given[number], fresh[number], strict=True))
    old = [tuple(part[i] for part in step) for step in fresh[:2] for i in range(4)]
    for i in range(4):
        pair = tuple(part[i] for part in given[2])
        assert sum(all(torch.equal(a, b) for a, b in zip(pair, other, strict=True)) for other in old) == 1
