"""Each method: the same place in lq and gt, values worked out by hand."""
import pytest
import torch

from effsr.augmentation import Box, cutblur, cutmix, mixup, permute_rgb, resizemix
from effsr.augmentation.mixing import box_around, box_inside, shrink

SCALE = 4


def pair(value, height=6, width=5, scale=SCALE):
    """lq and gt of one value."""
    return (torch.full((3, height, width), value), torch.full((3, height * scale, width * scale), value))


def noise(seed, height=6, width=5, scale=SCALE):
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(3, height, width, generator=generator),
            torch.rand(3, height * scale, width * scale, generator=generator))


def mask(images, box):
    """Of each image, where the rectangle is."""
    found = []
    for image in images:
        inside = torch.zeros(image.shape[-2:], dtype=torch.bool)
        inside[box.within(image.shape[-1] // images[0].shape[-1])] = True
        found.append(inside)
    return found


def enlarged(inside):
    return inside.repeat_interleave(SCALE, 0).repeat_interleave(SCALE, 1)


def test_a_rectangle_is_at_the_same_place_of_both():
    assert Box(1, 2, 3, 4).within(1) == (slice(1, 4), slice(2, 6))
    assert Box(1, 2, 3, 4).within(4) == (slice(4, 16), slice(8, 24))
    small, large = mask(pair(0.0), Box(1, 2, 3, 2))
    assert small.sum() == 6 and torch.equal(enlarged(small), large)


@pytest.mark.parametrize(('side', 'top', 'left', 'box'), [
    (0.5, 0.0, 0.0, Box(0, 0, 5, 4)), (0.5, 0.999, 0.999, Box(5, 4, 5, 4)), (1.0, 0.5, 0.5, Box(0, 0, 10, 8)),
    (0.01, 0.55, 0.5, Box(5, 4, 1, 1)), (0.7, 0.5, 0.5, Box(2, 2, 7, 5))])
def test_rectangles_inside(side, top, left, box):
    assert box_inside(10, 8, side, top, left) == box


@pytest.mark.parametrize(('side', 'row', 'column', 'box'), [
    (0.5, 0.5, 0.5, Box(3, 2, 5, 4)), (0.5, 0.0, 0.0, Box(0, 0, 3, 2)), (0.5, 0.95, 0.99, Box(7, 5, 3, 3)),
    (1.0, 0.5, 0.5, Box(0, 0, 10, 8)), (0.0, 0.5, 0.5, Box(5, 4, 0, 0))])
def test_rectangles_around_a_pixel_are_cut_by_the_image(side, row, column, box):
    assert box_around(10, 8, side, row, column) == box


def test_mixup_is_a_weighted_mean():
    lq, gt = mixup(pair(0.2), pair(1.0), 0.75)
    torch.testing.assert_close((lq, gt), (torch.full((3, 6, 5), 0.4), torch.full((3, 24, 20), 0.4)))
    one, other = noise(1), noise(2)
    assert all(torch.equal(a, b) for a, b in zip(mixup(one, other, 1.0), one, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(mixup(one, other, 0.0), other, strict=True))
    batch = mixup(tuple(x[None] for x in one), tuple(x[None] for x in other), 0.3)
    assert torch.equal(batch[1][0], mixup(one, other, 0.3)[1])


def test_cutmix_takes_a_rectangle_of_the_same_place():
    one, other, box = noise(1), noise(2), Box(2, 1, 3, 2)
    before = [x.clone() for x in (*one, *other)]
    for result, a, b, inside in zip(cutmix(one, other, box), one, other, mask(one, box), strict=True):
        assert torch.equal(result, torch.where(inside, b, a))
    assert all(torch.equal(x, y) for x, y in zip((*one, *other), before, strict=True))
    assert all(torch.equal(x, y) for x, y in zip(cutmix(one, other, Box(3, 3, 0, 0)), one, strict=True))


def test_resizemix_puts_the_whole_other_pair_in():
    one, other, box = noise(1, 8, 8), noise(2, 8, 8), Box(3, 2, 4, 4)
    lq, gt = resizemix(one, other, box)
    for result, image, source, inside in zip((lq, gt), one, other, mask(one, box), strict=True):
        assert torch.equal(result[:, ~inside], image[:, ~inside])
        patch = result[:, inside].reshape(3, *(side // 2 for side in source.shape[-2:]))
        assert torch.equal(patch, shrink(source, *patch.shape[-2:]))
    lq, gt = resizemix(pair(0.0), pair(0.5), Box(0, 0, 1, 1))
    assert lq[:, 0, 0].tolist() == pytest.approx([0.5] * 3) and lq.count_nonzero() == 3
    expected = torch.zeros(3, 24, 20)
    expected[:, :4, :4] = 0.5
    torch.testing.assert_close(gt, expected)


def test_cutblur_replaces_lq_by_the_small_gt_and_leaves_gt():
    lq, gt = noise(1)
    sharp, box = noise(2)[1], Box(1, 1, 3, 2)
    inside, _ = mask((lq, gt), box)
    for within, clean, source in ((True, 1, gt), (False, 1, gt), (True, 2, sharp)):
        result, *rest = cutblur((lq, gt, sharp), box, within, clean)
        small = shrink(source, 6, 5)
        assert torch.equal(result, torch.where(inside == within, small, lq))
        assert rest[0] is gt and rest[1] is sharp


def test_shrinking_is_matlabs_bicubic_within_the_range():
    """Of a step of 0 and 1 across 8 pixels the cubic kernel, stretched over 16, makes these four."""
    row = torch.tensor([0.0] * 8 + [1.0] * 8).expand(3, 16, 16)
    weights = []
    for pixel in range(4):  # by the formula of Keys, a = -0.5
        total = value = 0.0
        for source in range(16):
            x = abs((source + 0.5) / 4 - (pixel + 0.5))
            weight = 1.5 * x**3 - 2.5 * x**2 + 1 if x <= 1 else -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0
            total, value = total + weight, value + weight * (source >= 8)
        weights.append(min(1.0, max(0.0, value / total)))
    small = shrink(row, 4, 4)
    torch.testing.assert_close(small[0, 1], torch.tensor(weights))
    assert small.min() == 0 and small.max() == 1
    same = shrink(row, 16, 16)
    assert torch.equal(same, row) and same.data_ptr() != row.data_ptr()


def test_channels_change_places():
    lq, gt = noise(1)
    result = permute_rgb((lq, gt), (2, 0, 1))
    assert torch.equal(result[0], lq[[2, 0, 1]]) and torch.equal(result[1], gt[[2, 0, 1]])
    assert torch.equal(permute_rgb((lq[None],), (2, 1, 0))[0], lq.flip(0)[None])


def test_what_does_not_fit():
    with pytest.raises(ValueError):
        mixup(pair(0.0), pair(0.0)[:1], 0.5)
    with pytest.raises(RuntimeError):
        cutmix(pair(0.0), pair(0.0, 3, 5), Box(2, 0, 3, 2))
