"""Training pairs: the same place in lq and gt, the same pairs from the same seeds."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import io

import pytest
import torch
from torch.utils.data import default_collate

from effsr.data.worker_pairs import WorkerPairs
from effsr.degradations import DegradationSettings, degrade, usm_sharpen
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
    result = paired_crop(Pairs(lq, gt, gt + 1, torch.arange(count)), list(range(count)), 16, scale)
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
    pairs = Pairs(lq, gt, gt, torch.arange(100))
    first = paired_crop(pairs, list(range(100)), 8, 2).lq
    assert {(int(image[0, 0, 0]), int(image[1, 0, 0])) for image in first} == {(0, 0), (0, 1), (1, 0), (1, 1)}
    backwards = paired_crop(pairs, list(range(99, -1, -1)), 8, 2).lq
    assert torch.equal(backwards.flip(0), first)


def test_a_crop_larger_than_the_image():
    with pytest.raises(ValueError, match='gt_size 32 does not fit into gt of 24x20; lower gt_size'):
        paired_crop(Pairs(torch.zeros(1, 3, 10, 12), *2 * [torch.zeros(1, 3, 20, 24)], torch.zeros(1)), [0], 32, 2)


def test_pairs_have_the_sizes_of_gt_size_or_of_the_image(source):
    assert [tuple(part.shape) for part in source()(batch())] == [(4, 3, 8, 8), (4, 3, 16, 16), (4, 3, 16, 16), (4,)]
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


def named(seed=0, count=4):
    data = batch(count, seed=seed)
    return {**data, 'gt_path': [f'{number}.png' for number in data['seed'].tolist()]}


def saved_and_loaded(state):
    """Through a file, as checkpoints are read."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def test_seeds_travel_through_the_pool_with_their_pairs(source):
    pooled, plain = source(queue_size=8), source()
    of_seed = {}
    for number in range(6):
        fresh = plain(named(number))
        of_seed.update({int(seed): lq for seed, lq in zip(fresh.seeds, fresh.lq, strict=True)})
        pairs = pooled(named(number))
        assert pairs.seeds.dtype == torch.int64 and pairs.seeds.device == pairs.lq.device
        assert all(torch.equal(of_seed[int(seed)], lq) for seed, lq in zip(pairs.seeds, pairs.lq, strict=True))
        assert pooled.paths_of(pairs.seeds.tolist()) == [f'{int(seed)}.png' for seed in pairs.seeds]
    assert set(pairs.seeds.tolist()) & set(range(500))  # older ones than those just put in


def test_only_files_that_can_still_be_asked_for_are_remembered(source):
    maker = source(queue_size=8)
    handed = [maker(named(number)).seeds.tolist() for number in range(120)]
    assert len(maker.origins.paths) < 8 * 2 + 33 * 4 + 4
    for seeds in handed[-16:]:
        assert maker.paths_of(seeds) == [f'{seed}.png' for seed in seeds]
    assert maker.paths_of(maker.pool.held(-1).tolist()) == [f'{int(seed)}.png' for seed in maker.pool.held(-1)]
    assert maker.paths_of([3, 10**18]) == [None, None]


def test_batches_without_seeds_or_files(source):
    maker = source(queue_size=8)
    pairs = maker({'gt': batch()['gt']})
    assert len(set(pairs.seeds.tolist())) == 4 and min(pairs.seeds.tolist()) >= 0
    assert maker.paths_of(pairs.seeds.tolist()) == [None] * 4


def test_seeds_of_given_pairs(source):
    maker = source(high_order_degradation=False)
    data = {'lq': torch.rand(2, 3, 4, 4), 'gt': torch.rand(2, 3, 8, 8)}
    assert maker(data).seeds.tolist() == [-1, -1] and maker.paths_of([-1]) == [None]
    pairs = maker({**data, 'seed': [5, 6], 'gt_path': ['a.png', 'b.png']})
    assert pairs.seeds.tolist() == [5, 6] and maker.paths_of([6, 5]) == ['b.png', 'a.png']
    # BasicSR's own dataset brings files and no seeds.
    seeds = maker({**data, 'gt_path': ['c.png', 'd.png']}).seeds.tolist()
    assert max(seeds) < -1 and maker.paths_of(seeds) == ['c.png', 'd.png']


def test_the_parameters_drawn_are_kept_for_the_log(source):
    maker = source()
    maker(batch())
    assert len(maker.drawn.read()['resize1']) == 4


def test_taking_up_the_state_gives_the_same_pairs(source):
    maker, again = source(queue_size=8), source(queue_size=8)
    unseeded = {'gt': batch()['gt']}
    for number in range(5):
        maker(named(number) if number % 2 else unseeded)
    again.load_state_dict(saved_and_loaded(maker.state_dict()))
    again.load_pool_state_dict(saved_and_loaded(maker.pool_state_dict()))
    for number in range(5, 9):
        data = named(number) if number % 2 else unseeded
        one, other = maker(data), again(data)
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
        assert maker.paths_of(one.seeds.tolist()) == again.paths_of(other.seeds.tolist())
    with pytest.raises(ValueError, match='state of a pool of 8 pairs'):
        source(queue_size=9).load_pool_state_dict(maker.pool_state_dict())


def test_an_empty_pool_has_a_state_too(source):
    maker = source(queue_size=8)
    again = source(queue_size=8)
    again.load_pool_state_dict(saved_and_loaded(maker.pool_state_dict()))
    assert all(torch.equal(a, b) for a, b in zip(maker(named()), again(named()), strict=True))


def test_a_gt_that_is_not_finite_is_degraded_as_if_it_were_and_stays_what_it_is(source):
    data = batch()
    expected = source(sharpen=True, gt_size=None)(data)
    broken = {**data, 'gt': data['gt'].clone()}
    broken['gt'][2] = float('nan')
    pairs = source(sharpen=True, gt_size=None)(broken)
    assert pairs.lq.isfinite().all() and not pairs.gt[2].isfinite().any() and not pairs.gt_usm[2].isfinite().any()
    others = [0, 1, 3]
    assert all(torch.equal(a[others], b[others]) for a, b in zip(pairs, expected, strict=True))


def of_workers(seed=0, sharpen=False, count=4):
    """What the data workers make of :func:`batch`, its gt rounded to the levels of a file."""
    maker = WorkerPairs(DegradationSettings(blur_kernel_size=7, blur_kernel_size2=7), 2, 16, sharpen)
    gt = (batch(count, seed=seed)['gt'] * 255).round().byte()
    seeds = batch(count, seed=seed)['seed'].tolist()
    samples = [{**maker(image.permute(1, 2, 0).numpy(), number, 1), 'seed': number, 'gt_path': f'{number}.png'}
               for image, number in zip(gt, seeds, strict=True)]
    return default_collate(samples), {'gt': gt.float() / 255, 'seed': torch.tensor(seeds)}


@pytest.mark.parametrize('sharpen', [False, True])
def test_pairs_of_the_workers_are_those_of_the_step(source, sharpen):
    made, plain = of_workers(sharpen=sharpen)
    maker, other = source(sharpen), source(sharpen)
    pairs, expected = maker(made), other(plain)
    assert torch.equal(pairs.gt, expected.gt) and torch.equal(pairs.seeds, expected.seeds)
    torch.testing.assert_close(pairs.gt_usm, expected.gt_usm, atol=2e-5, rtol=0)
    assert (pairs.lq - expected.lq).abs().mean() < 0.15  # noise differs
    assert maker.paths_of([2]) == ['2.png']
    drawn, again = maker.drawn.read(), other.drawn.read()
    assert len(drawn['resize1']) == 4 and drawn.keys() == again.keys()
    assert all((drawn[name] == again[name]).all() for name in drawn)


def test_pairs_of_the_workers_go_through_the_pool(source):
    maker = source(queue_size=8)
    fresh = [of_workers(number)[0] for number in range(3)]
    given = [maker(data) for data in fresh]
    assert torch.equal(given[1].lq, fresh[1]['lq'])
    assert set(given[2].seeds.tolist()) <= {int(seed) for data in fresh[:2] for seed in data['seed']}
