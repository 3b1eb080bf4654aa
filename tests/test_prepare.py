"""prepare.py and downscale.py as a user runs them: killed, stopped, run again."""
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from effsr import downscale, prepare
from effsr.data.image_io import list_images

ROOT = Path(__file__).parents[1]
TILES = ROOT.parent / 'shared' / 'data' / 'train_hr'
posix = pytest.mark.skipif(os.name != 'posix', reason='signals of POSIX')


def write_pictures(folder, count, side):
    folder.mkdir()
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 256, (side, side, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f'{number:03}.png')


def start(script, *words, **more):
    return subprocess.Popen([sys.executable, str(ROOT / 'effsr' / script), *(str(word) for word in words)], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)


def visible(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in list_images(folder)}


def test_each_subcommand_has_a_line_of_help(capsys):
    for name, module in prepare.SUBCOMMANDS.items():
        with pytest.raises(SystemExit) as caught:
            prepare.main([name, '--help'])
        assert caught.value.code == 0
        told = capsys.readouterr().out
        assert told.startswith(f'usage: prepare.py {name} ') and module.__doc__.split()[0] in told
        assert callable(module.run)
    with pytest.raises(SystemExit):
        downscale.main(['--help'])


def test_a_subcommand_that_is_none(capsys):
    with pytest.raises(SystemExit) as caught:
        prepare.main(['subimage'])
    assert caught.value.code == 2 and "invalid choice: 'subimage'" in capsys.readouterr().err


@pytest.mark.slow
def test_as_scripts_from_any_folder(tmp_path):
    write_pictures(tmp_path / 'IN', 3, 24)
    for script, words, expected in (
            ('prepare.py', ['subimages', '-o', 'OUT', '--size', 16, '--step', 8], '3 pictures -> 12 tiles in OUT, '),
            ('downscale.py', ['-o', 'HALF'], '3 pictures -> 3 copies in HALF, ')):
        run = start(script, *words, '-i', 'IN', '--jobs', 2, cwd=tmp_path)
        line, told = run.communicate()
        assert (run.returncode, told) == (0, '') and line.startswith(expected)


@posix
@pytest.mark.slow
def test_stopped_while_it_is_still_being_loaded(tmp_path):
    run = start('prepare.py', 'subimages', '-i', tmp_path, '-o', tmp_path / 'OUT')
    time.sleep(0.4)
    run.send_signal(signal.SIGINT)
    assert run.communicate(timeout=30) == ('', '\nprepare: stopped\n') and run.returncode == 130


@posix
@pytest.mark.slow
@pytest.mark.skipif(not TILES.exists(), reason='the photographs are not here')
def test_killed_again_and_again_on_photographs(tmp_path):
    """SIGKILL of the command and of a process of it, then SIGTERM; at the end the tiles of an undisturbed run."""
    (tmp_path / 'IN').mkdir()
    for path in list_images(TILES)[:60]:
        (tmp_path / 'IN' / path.name).symlink_to(path)
    words = ['subimages', '-i', tmp_path / 'IN', '--size', 160, '--step', 80, '--jobs', 2]
    assert prepare.main([*map(str, words), '-o', str(tmp_path / 'REF')]) == 0
    out, reached = tmp_path / 'OUT', []
    for signum, status in ((signal.SIGKILL, -9), (signal.SIGTERM, 143), (signal.SIGKILL, -9)):
        run = start('prepare.py', *words, '-o', out)
        wanted = len(reached and list(out.iterdir())) + 200
        while run.poll() is None and (not out.exists() or len(list(out.iterdir())) < wanted):
            time.sleep(0.005)
        run.send_signal(signum)
        run.communicate(timeout=30)
        assert run.returncode == status
        with pytest.raises(ValueError, match='OUT: prepare subimages has not finished there'):
            list_images(out)
        reached.append(len(list(out.iterdir())))
    assert reached == sorted(set(reached))
    run = start('prepare.py', *words, '-o', out)
    line, told = run.communicate(timeout=120)
    assert run.returncode == 0 and told == '' and line.startswith('60 pictures -> ')
    assert visible(out) == visible(tmp_path / 'REF')
    assert not [path for path in out.iterdir() if path.name.endswith('.tmp')]
