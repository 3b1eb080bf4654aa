"""Sizes of tiles: what fits, what divides well, what is half as large."""
import pytest

from effsr.inference.plan import Budget, Layout, Plan, choose_layout, output_size
from effsr.inference.tiling import tile_spans


def layout(size, halo=10, plan=None, tiles=10**9, band=10**9, per_pixel=1000, row=1000, multiple=1, fixed=None):
    return choose_layout(size, halo, plan or Plan(), Budget(tiles, band, per_pixel), row, multiple, fixed)


@pytest.mark.parametrize('size', [(4000, 6000), (100, 30000), (30000, 100), (700, 700), (64, 64), (1, 1), (513, 512)])
@pytest.mark.parametrize('memory', [10**6, 10**7, 10**8, 10**10])
@pytest.mark.parametrize('multiple', [1, 4])
def test_windows_fit_and_cover(size, memory, multiple):
    size = tuple(-(-length // multiple) * multiple for length in size)
    halo = 12
    found = layout(size, halo, tiles=memory, multiple=multiple)
    height, width = found.window(size)
    smallest = 2 * halo + 16 + 2 * multiple
    assert found.batch * height * width * 1000 <= max(memory * (1 + 0.05 * (multiple > 1)), smallest**2 * 1000)
    for length, tile in zip(size, found.tile, strict=True):
        spans = tile_spans(length, tile, found.pad)
        assert sum(span.last - span.first for span in spans) == length
        assert all(span.start % multiple == span.stop % multiple == 0 for span in spans)


def test_tiles_divide_a_side_evenly():
    # Windows of at most 512 answer for 492: three are needed for 1100, which need be no longer than 380.
    assert layout((1100, 512)).tile == (360, 512)


def test_a_picture_that_fits_is_not_cut():
    assert layout((500, 300)).window((500, 300)) == (500, 300)


def test_bands_are_low_where_rows_are_long():
    found = layout((4000, 4000), band=10**6, row=10**4)
    assert found.tile[0] <= 100 < found.tile[1]


def test_large_halos_get_larger_windows():
    assert layout((4000, 4000), halo=100, tiles=10**10).window((4000, 4000))[0] > 900


def test_several_tiles_at_once_only_while_they_are_small():
    assert layout((100, 3000), tiles=10**10).batch == 1 + 512**2 // (100 * 512) - 1
    assert layout((3000, 3000), tiles=10**10).batch == 1
    assert layout((3000, 3000), plan=Plan(batch=3)).batch == 3
    assert layout((3000, 3000), fixed=2).batch == 2


def test_a_tile_that_is_asked_for_is_taken():
    assert layout((3000, 3000), plan=Plan(tile=130), multiple=4) == Layout((132, 132), 10, 1)


def test_half_as_large():
    size, found = (100, 300), Layout((64, 128), 8, 4)
    seen = [found]
    while (found := found.smaller(size, 4)) is not None:
        seen.append(found)
    assert [(one.tile, one.batch) for one in seen] == [
        ((64, 128), 4), ((64, 128), 2), ((64, 128), 1), ((64, 64), 1), ((32, 64), 1), ((32, 32), 1), ((16, 32), 1),
        ((16, 16), 1)]


def test_a_tile_larger_than_the_picture_counts_as_the_picture():
    assert Layout((500, 500), 8, 1).smaller((40, 300), 1).tile == (40, 150)


@pytest.mark.parametrize(('scale', 'size'), [(None, (8, 12)), (1, (2, 3)), (2.5, (5, 8)), (0.1, (1, 1))])
def test_size_of_the_result(scale, size):
    assert output_size(2, 3, Plan(scale=scale), 4) == size


@pytest.mark.parametrize(('name', 'value'), [
    ('scale', 0), ('scale', -2.0), ('scale', float('inf')), ('tile', -1), ('tile_pad', -1), ('batch', -1), ('bits', 10),
    ('alpha', 'drop'), ('memory', 0)])
def test_values_out_of_range(name, value):
    with pytest.raises(ValueError, match=f'{name} .*; accepted: '):
        Plan(**{name: value})
