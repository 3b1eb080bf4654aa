"""Overlapping tiles."""
import math

import numpy as np
import pytest
from PIL import Image

from effsr import prepare
from effsr.curation.subimages import flatness, starts
from effsr.data.image_io import list_images


def noise(*shape, dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def run(tmp_path, *words, size=16, step=8):
    return prepare.main(['subimages', '-i', str(tmp_path / 'IN'), '-o', str(tmp_path / 'OUT'), '--size', str(size),
                         '--step', str(step), '--jobs', '1', *words])


def names(tmp_path):
    return [path.relative_to(tmp_path / 'OUT').as_posix() for path in list_images(tmp_path / 'OUT')]


@pytest.mark.parametrize('length, size, step, thresh_size, expected', [
    (480, 480, 240, 0, [0]),
    (481, 480, 240, 0, [0, 1]),
    (720, 480, 240, 0, [0, 240]),
    (800, 480, 240, 0, [0, 240, 320]),
    (800, 480, 240, 80, [0, 240]),
    (800, 480, 240, 79, [0, 240, 320]),
    (1000, 480, 500, 0, [0, 500, 520]),
    (479, 480, 240, 0, []),
])
def test_the_grid_by_hand(length, size, step, thresh_size, expected):
    assert starts(length, size, step, thresh_size) == expected


@pytest.mark.parametrize('length', range(40, 200, 7))
def test_the_grid_is_that_of_basicsr(length):
    """The lines of extract_subimages.py that lay it."""
    size, step, thresh_size = 40, 24, 5
    space = np.arange(0, length - size + 1, step)
    if length - (space[-1] + size) > thresh_size:
        space = np.append(space, length - size)
    assert starts(length, size, step, thresh_size) == space.tolist()


def test_flatness_by_hand():
    ramp = np.arange(0, 60, 3, dtype=np.uint8)
    assert flatness(np.full((9, 9, 3), 80, np.uint8)) == 0
    assert flatness(np.tile(ramp, (9, 1))[..., None]) == pytest.approx(3)
    both = (ramp[:, None] + ramp)[..., None]
    assert flatness(both) == pytest.approx(3 * math.sqrt(2))
    assert flatness(both.astype(np.uint16) * 257) == pytest.approx(3 * math.sqrt(2))
    assert flatness(np.zeros((1, 5, 3), np.uint8)) == 0


def test_every_tile_is_the_part_it_is_called(tmp_path, capsys):
    picture = noise(20, 33, 3)
    write(tmp_path / 'IN' / 'sub' / 'a.b.png', picture)
    assert run(tmp_path) == 0
    corners = [(top, left) for top in (0, 4) for left in (0, 8, 16, 17)]
    assert names(tmp_path) == [f'sub/a.b_s{number:03}.png' for number in range(1, 9)]
    for name, (top, left) in zip(names(tmp_path), corners, strict=True):
        tile = np.array(Image.open(tmp_path / 'OUT' / name))
        assert np.array_equal(tile, picture[top:top + 16, left:left + 16])
    assert capsys.readouterr().out.startswith(f'1 picture -> 8 tiles in {tmp_path / "OUT"}, ')


@pytest.mark.parametrize('pixels, mode', [(noise(16, 16), 'L'), (noise(16, 16, 4), 'RGBA'), (noise(16, 16, 2), 'LA'),
                                          (noise(16, 16, dtype=np.uint16), 'I;16')])
def test_grey_alpha_and_16_bits_stay(tmp_path, pixels, mode):
    write(tmp_path / 'IN' / 'a.png', pixels)
    assert run(tmp_path) == 0
    tile = Image.open(tmp_path / 'OUT' / 'a_s001.png')
    assert tile.mode == mode and np.array_equal(np.array(tile), pixels)


def test_flat_tiles_are_left_out_and_the_others_keep_their_numbers(tmp_path, capsys):
    picture = noise(16, 48, 3)
    picture[:, 16:32] = 90
    write(tmp_path / 'IN' / 'a.png', picture)
    assert run(tmp_path, '--flat', '2', step=16) == 0
    assert names(tmp_path) == ['a_s001.png', 'a_s003.png']
    assert '1 picture -> 2 tiles in' in (line := capsys.readouterr().out) and '(1 skipped: flat)' in line
    assert run(tmp_path, '--flat', '2', step=16) == 0
    assert '1 picture -> 2 tiles in' in (line := capsys.readouterr().out) and '(1 skipped: flat)' in line


def test_the_end_of_names_is_taken_off(tmp_path):
    for name in ('0001x4.png', '0002x4.png'):
        write(tmp_path / 'IN' / name, noise(16, 16, 3))
    assert run(tmp_path, '--strip', 'x4', '--ext', 'webp') == 0
    assert names(tmp_path) == ['0001_s001.webp', '0002_s001.webp']


def test_a_picture_smaller_than_a_tile(tmp_path, capsys):
    write(tmp_path / 'IN' / 'a.png', noise(20, 20, 3))
    write(tmp_path / 'IN' / 'small.png', noise(15, 40, 3))
    (tmp_path / 'IN' / 'broken.png').write_bytes((tmp_path / 'IN' / 'a.png').read_bytes()[:300])
    assert run(tmp_path) == 1
    told = capsys.readouterr()
    assert 'small.png: 40x15 is smaller than a tile of --size 16; take it out, or lower --size\n' in told.err
    assert 'broken.png: damaged or unsupported PNG file' in told.err
    assert told.err.endswith('prepare subimages: 2 pictures of 3 cannot be used, named above; mend or remove them, or '
                             'give --on_error skip, then run the same command again to finish\n')
    assert '1 picture -> 4 tiles in' in told.out and '(2 cannot be used)' in told.out
    with pytest.raises(ValueError, match='prepare subimages has not finished there'):
        names(tmp_path)
    assert run(tmp_path, '--on_error', 'skip') == 0
    assert len(names(tmp_path)) == 4


def test_no_picture_that_can_be_used_is_a_failure(tmp_path, capsys):
    write(tmp_path / 'IN' / 'small.png', noise(15, 40, 3))
    assert run(tmp_path, '--on_error', 'skip') == 1
    assert '1 picture of 1 cannot be used, named above; mend or remove it, then' in capsys.readouterr().err


def test_two_files_of_one_stem(tmp_path, capsys):
    write(tmp_path / 'IN' / 'a.png', noise(16, 16, 3))
    write(tmp_path / 'IN' / 'a.bmp', noise(16, 32, 3))
    assert run(tmp_path) == 1
    assert capsys.readouterr().err == ('prepare subimages: a.bmp and a.png: both would be written to a_s001.png; '
                                       'rename one, or prepare them into folders of their own\n')
    assert not (tmp_path / 'OUT').exists()


def test_a_dry_run(tmp_path, capsys):
    write(tmp_path / 'IN' / 'a.png', noise(20, 33, 3))
    assert run(tmp_path, '--dry_run') == 0
    assert '1 picture of 1 to do, the others are done -> up to 8 tiles more in' in capsys.readouterr().out
    assert not (tmp_path / 'OUT').exists()


def test_new_sources_are_added_later(tmp_path, capsys):
    write(tmp_path / 'IN' / 'a.png', noise(16, 16, 3))
    assert run(tmp_path) == 0
    before = (tmp_path / 'OUT' / 'a_s001.png').stat().st_mtime_ns
    write(tmp_path / 'IN' / 'b.png', noise(16, 16, 3, seed=1))
    assert run(tmp_path) == 0
    assert names(tmp_path) == ['a_s001.png', 'b_s001.png']
    assert (tmp_path / 'OUT' / 'a_s001.png').stat().st_mtime_ns == before
    (tmp_path / 'IN' / 'a.png').unlink()
    capsys.readouterr()
    assert run(tmp_path) == 0
    assert 'keeps what was made of 1 picture no longer among those given, such as a.png' in capsys.readouterr().err


def test_the_result_does_not_depend_on_jobs(tmp_path):
    for number in range(7):
        write(tmp_path / 'IN' / f'{number}.png', noise(24, 24, 3, seed=number))
    assert run(tmp_path) == 0
    one = {name: (tmp_path / 'OUT' / name).read_bytes() for name in names(tmp_path)}
    assert prepare.main(['subimages', '-i', str(tmp_path / 'IN'), '-o', str(tmp_path / 'MANY'), '--size', '16',
                         '--step', '8', '--jobs', '3']) == 0
    assert one == {path.name: path.read_bytes() for path in list_images(tmp_path / 'MANY')} and len(one) == 28
