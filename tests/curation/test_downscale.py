"""Smaller copies for training, and originals that move away."""
import math
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from effsr import downscale
from effsr.curation import filling, moving
from effsr.data.image_io import list_images
from effsr.data.imresize import imresize


class Crash(BaseException):
    """The process is gone at this point."""


def noise(*shape, dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def photos(tmp_path):
    """Three pictures in IN; their contents by name."""
    for number, name in enumerate(('a.png', 'b.png', 'sub/c.png')):
        write(tmp_path / 'IN' / name, noise(10, 12, 3, seed=number))
    return contents(tmp_path / 'IN')


def contents(folder):
    files = [path for path in folder.rglob('*') if path.is_file()] if folder.exists() else []
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def run(tmp_path, *words):
    return downscale.main(['-i', str(tmp_path / 'IN'), '-o', str(tmp_path / 'OUT'), '--jobs', '1',
                           *(str(word) for word in words)])


def load(path):
    return np.array(Image.open(path))


def test_half_size_by_bicubic(tmp_path, photos, capsys):
    assert run(tmp_path) == 0
    assert np.array_equal(load(tmp_path / 'OUT' / 'sub' / 'c.png'), imresize(noise(10, 12, 3, seed=2), 0.5))
    assert capsys.readouterr().out.startswith(f'3 pictures -> 3 copies in {tmp_path / "OUT"}, ')
    assert contents(tmp_path / 'IN') == photos


def test_area_by_hand(tmp_path):
    write(tmp_path / 'IN' / 'a.png', np.array([[0, 10, 20, 30], [10, 20, 30, 40]], np.uint8))
    assert run(tmp_path, '--method', 'area') == 0
    assert load(tmp_path / 'OUT' / 'a.png').tolist() == [[10, 30]]


@pytest.mark.parametrize('scale', ['2', '3', '1.5', '7/2', '100'])
@pytest.mark.parametrize('method', ['bicubic', 'area', 'lanczos'])
def test_sizes_are_rounded_up(tmp_path, scale, method):
    write(tmp_path / 'IN' / 'a.png', np.full((11, 14, 3), 77, np.uint8))
    assert run(tmp_path, '-s', scale, '--method', method) == 0
    copy, factor = load(tmp_path / 'OUT' / 'a.png'), eval(scale)
    assert copy.shape == (math.ceil(11 / factor), math.ceil(14 / factor), 3) and (copy == 77).all()


@pytest.mark.parametrize('pixels', [noise(8, 8), noise(8, 8, 4), noise(8, 8, 2), noise(8, 8, dtype=np.uint16)],
                         ids=['gray', 'alpha', 'gray alpha', '16 bits'])
def test_grey_alpha_and_16_bits_stay(tmp_path, pixels):
    write(tmp_path / 'IN' / 'a.png', pixels)
    assert run(tmp_path, '--ext', 'tif') == 0
    copy = load(tmp_path / 'OUT' / 'a.tif')
    assert copy.dtype == pixels.dtype and copy.shape == (4, 4, *pixels.shape[2:])


def test_no_file_is_replaced(tmp_path, photos, capsys):
    assert run(tmp_path) == 0
    write(tmp_path / 'IN' / 'd.jpg', noise(10, 12, 3))
    (tmp_path / 'OUT' / 'd.png').write_bytes(b'mine')
    assert run(tmp_path) == 1
    assert 'd.png: is there already, and downscale did not make it; move it away' in capsys.readouterr().err
    assert (tmp_path / 'OUT' / 'd.png').read_bytes() == b'mine'
    (tmp_path / 'other').mkdir()
    (tmp_path / 'other' / 'x.png').write_bytes(b'mine')
    assert downscale.main(['-i', str(tmp_path / 'IN'), '-o', str(tmp_path / 'other')]) == 1
    assert 'other: holds x.png, which downscale did not make' in capsys.readouterr().err


def test_originals_move_when_all_copies_are_there(tmp_path, photos, capsys):
    assert run(tmp_path, '--move', tmp_path / 'AWAY') == 0
    assert contents(tmp_path / 'AWAY') == photos and contents(tmp_path / 'IN') == {}
    assert len(list_images(tmp_path / 'OUT')) == 3
    assert capsys.readouterr().out.endswith(f'3 originals moved to {tmp_path / "AWAY"}\n')


def test_no_original_moves_while_a_copy_is_missing(tmp_path, photos, capsys):
    (tmp_path / 'IN' / 'broken.png').write_bytes(b'\x89PNG')
    assert run(tmp_path, '--move', tmp_path / 'AWAY') == 1
    assert 'downscale: no original was moved, as not all copies are in place' in capsys.readouterr().err
    assert not (tmp_path / 'AWAY').exists()
    assert run(tmp_path, '--move', tmp_path / 'AWAY', '--on_error', 'skip') == 0
    assert contents(tmp_path / 'AWAY') == photos and list(contents(tmp_path / 'IN')) == ['broken.png']


def test_a_different_file_in_the_way_of_a_move(tmp_path, photos, capsys):
    (tmp_path / 'AWAY').mkdir()
    (tmp_path / 'AWAY' / 'b.png').write_bytes(b'mine')
    (tmp_path / 'AWAY' / 'a.png').write_bytes(photos['a.png'])  # as a run leaves it that is killed before it removes
    assert run(tmp_path, '--move', tmp_path / 'AWAY') == 1
    told = capsys.readouterr()
    assert 'b.png: another file is there already' in told.err and '2 originals moved' in told.out
    assert told.err.endswith('downscale: 1 original of 3 could not be moved, named above, and stays\n')
    assert contents(tmp_path / 'AWAY') == {**photos, 'b.png': b'mine'}
    assert contents(tmp_path / 'IN') == {'b.png': photos['b.png']}


@pytest.mark.parametrize('words, message', [
    (['--move', 'IN'], '--move IN: lies in IN, or holds it'),
    (['--move', 'IN/away'], '--move IN/away: lies in IN, or holds it'),
    (['--move', 'OUT'], '--move OUT: lies in -o OUT, or holds it; accepted: a folder apart'),
    (['--move', 'OUT/away'], '--move OUT/away: lies in -o OUT'),
    (['--move', 'IN/a.png'], '--move IN/a.png: is a file; accepted: a folder'),
])
def test_folders_in_each_other(tmp_path, photos, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    assert downscale.main(['-i', 'IN', '-o', 'OUT', *words]) == 1
    assert message in capsys.readouterr().err and contents(tmp_path / 'IN') == photos and not Path('OUT').exists()


@pytest.mark.parametrize('words, message', [(['-s', '1'], '-s/--scale: 1; accepted: a number above 1'),
                                            (['-s', 'two'], '-s/--scale: two; accepted'),
                                            (['--method', 'nearest'], '--method: invalid choice'),
                                            (['--ext', 'jpg'], '--ext: invalid choice')])
def test_flags(tmp_path, capsys, words, message):
    with pytest.raises(SystemExit) as caught:
        run(tmp_path, *words)
    assert caught.value.code == 2 and message in capsys.readouterr().err


def test_a_dry_run_moves_nothing(tmp_path, photos):
    assert run(tmp_path, '--move', tmp_path / 'AWAY', '--dry_run') == 0
    assert not (tmp_path / 'AWAY').exists() and not (tmp_path / 'OUT').exists()


STEPS = [(moving, 'file_digest'), (shutil, 'copyfileobj'), (moving.os, 'fsync'), (moving.shutil, 'copystat'),
         (moving, '_copy'), (moving, '_name'), (moving.os, 'link'), (moving, '_sync_folder'), (Path, 'unlink'),
         (Path, 'mkdir'), (moving.os, 'replace'), (filling.Output, 'begin'), (filling.Output, 'note'),
         (filling.Output, 'commit')]


@pytest.mark.parametrize('after', [False, True], ids=['before', 'after'])
@pytest.mark.parametrize('call', [0, 1, 2, 5])
@pytest.mark.parametrize('place, name', STEPS, ids=[name for _, name in STEPS])
def test_a_crash_at_any_step_loses_nothing_and_the_next_run_finishes(tmp_path, photos, monkeypatch, place, name, call,
                                                                     after):
    calls, real = [], getattr(place, name)

    def crashing(*args, **more):
        calls.append(name)
        if len(calls) == call + 1 and not after:
            raise Crash
        result = real(*args, **more)
        if len(calls) == call + 1:
            raise Crash
        return result

    with monkeypatch.context() as patch:
        patch.setattr(place, name, crashing)
        with suppress(Crash):
            run(tmp_path, '--move', tmp_path / 'AWAY')
    for file, data in photos.items():
        kept = [folder / file for folder in (tmp_path / 'IN', tmp_path / 'AWAY') if (folder / file).exists()]
        assert kept and all(path.read_bytes() == data for path in kept), file
    if contents(tmp_path / 'IN'):
        assert run(tmp_path, '--move', tmp_path / 'AWAY') == 0
    visible = {path for path in contents(tmp_path / 'AWAY') if not Path(path).name.startswith('.')}
    assert visible == set(photos) and contents(tmp_path / 'IN') == {}
    assert [path.relative_to(tmp_path / 'OUT').as_posix() for path in list_images(tmp_path / 'OUT')] == list(photos)


def test_links_move_before_what_they_lead_to(tmp_path, photos):
    (tmp_path / 'IN' / 'z.png').symlink_to('a.png')
    assert run(tmp_path, '--move', tmp_path / 'MOVED') == 0
    assert contents(tmp_path / 'MOVED') == {**photos, 'z.png': photos['a.png']}
    assert not contents(tmp_path / 'IN')
