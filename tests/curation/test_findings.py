"""What a check makes of what it saw."""
import pytest

from effsr.curation.examine import Seen
from effsr.curation.findings import ERROR, WARNING, Rules, about_pairs, about_set, modes_of, size_range


def seen(height=8, width=8, channels=3, bits=8, clear=False, digest=''):
    return Seen((height, width), channels, bits, clear, False, 'PNG', digest)


def told(findings):
    return [(finding.level, finding.kind.partition(';')[0], finding.cases) for finding in findings]


def pictures(**sizes):
    return {f'{name}.png': seen(*size, digest=name) for name, size in sizes.items()}


def about(seen_ones, broken=None, smallest=0, paired=False):
    return told(about_set('IN', [*seen_ones, *(broken or {})], seen_ones, broken or {}, smallest, paired))


def test_nothing_wrong_nothing_said():
    assert about(pictures(a=(8, 8), b=(9, 9)), smallest=8) == []


def test_broken_and_small_ones_are_errors():
    assert about(pictures(a=(8, 7)), {'b.png': 'b.png: cut short'}, smallest=8) == [
        (ERROR, 'cannot be read', ['b.png: cut short']), (ERROR, 'smaller than --gt_size 8', ['IN/a.png: 7x8'])]


@pytest.mark.parametrize('paired, level', [(False, WARNING), (True, ERROR)])
def test_names_of_one_stem(paired, level):
    both = {'sub/a.png': seen(digest='1'), 'sub/a.jpg': seen(digest='2'), 'a.png': seen(digest='3')}
    assert about(both, paired=paired) == [
        (level, 'names that differ in their suffix alone', ['IN: sub/a.png = sub/a.jpg'])]


def test_equal_pixels():
    same = {'a.png': seen(digest='1'), 'b.jpg': seen(digest='2'), 'c.bmp': seen(digest='1')}
    assert about(same) == [(WARNING, 'the same pixels', ['IN: a.png = c.bmp'])]


def test_mixed_modes_and_clear_pixels():
    mixed = {'a.png': seen(digest='1'), 'b.png': seen(digest='2'), 'c.png': seen(channels=1, digest='3'),
             'd.png': seen(channels=4, bits=16, clear=True, digest='4')}
    assert about(mixed) == [
        (WARNING, 'modes are mixed', ['IN/c.png: grey', 'IN/d.png: RGB with alpha, 16 bit']),
        (WARNING, 'with clear pixels', ['IN/d.png'])]
    assert modes_of(mixed) == {'RGB': 2, 'grey': 1, 'RGB with alpha, 16 bit': 1}


def test_size_range_is_by_area():
    assert size_range(pictures(a=(2, 9), b=(4, 4), c=(1, 30))) == '4x4 to 30x1' and size_range({}) == 'no sizes'
    assert size_range(pictures(a=(2, 9))) == '9x2'


def pairs(gt, lq, rules, gt_names=None, lq_names=None):
    return told(about_pairs(gt, lq, gt_names or list(gt), lq_names or list(lq), rules))


def test_pairs_that_fit():
    assert pairs(pictures(a=(8, 12)), pictures(a=(2, 3)), Rules(4)) == []
    assert pairs(pictures(a=(8, 12)), pictures(ax4=(2, 3)), Rules(4, '{}x4')) == []
    nested = {'sub/a.png': seen(8, 8)}, {'sub/ax2.jpg': seen(4, 4)}
    assert pairs(*nested, Rules(2, '{}x2')) == []


def test_partners_that_are_missing():
    assert pairs(pictures(a=(8, 8), b=(8, 8)), pictures(a=(2, 2), c=(2, 2)), Rules(4)) == [
        (ERROR, 'gt without lq', ['gt b.png: no lq b']), (WARNING, 'lq without gt', ['lq c.png'])]


@pytest.mark.parametrize('gt, advice', [
    ((10, 8), 'cut gt to a multiple of 4 (prepare.py pairs --hr does), or check with --val'),
    ((4, 4), 'that is x2'),
    ((9, 5), 'make lq from gt again, or remove both'),
])
def test_sizes_that_do_not_fit(gt, advice):
    [(level, kind, [case])] = pairs(pictures(a=gt), pictures(a=(2, 2)), Rules(4))
    assert (level, kind) == (ERROR, 'gt is not 4 times lq')
    assert case == f'gt a.png: {gt[1]}x{gt[0]}, lq 2x2; {advice}'


def test_validation_cuts_what_is_left_over():
    assert pairs(pictures(a=(11, 8)), pictures(a=(2, 2)), Rules(4, cuts=True)) == []
    assert pairs(pictures(a=(12, 8)), pictures(a=(2, 2)), Rules(4, cuts=True)) != []
    assert pairs(pictures(a=(7, 8)), pictures(a=(2, 2)), Rules(4, cuts=True)) != []


def test_a_broken_half_is_not_told_twice():
    assert pairs({}, pictures(a=(2, 2)), Rules(4), gt_names=['a.png']) == []


def test_modes_of_a_pair():
    assert pairs({'a.png': seen(4, 4, 1)}, {'a.png': seen(2, 2)}, Rules(2)) == [
        (WARNING, 'gt and lq of different modes', ['gt a.png: grey, lq RGB'])]
