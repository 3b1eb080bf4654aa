"""`effsr/benchmark.py upscale`: whole programs beside the reference's way."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from effsr import benchmark
from effsr.archs.srvgg_arch import SRVGGNetCompact
from effsr.benchmarks import reference_way, upscale
from effsr.benchmarks.reference_way import in_tiles
from effsr.benchmarks.upscale import OURS, OURS_EXACT, TILES, WHOLE, compared, large_picture
from effsr.benchmarks.upscale_report import Result, as_plain, failure_notes, result_table
from effsr.benchmarks.whole_programs import Ran, run_program
from effsr.data.image_io import read_rgb, write_rgb
from effsr.runtime.checkpoint import save_atomic


@pytest.fixture(scope='module')
def photographs(tmp_path_factory):
    """Three pictures of 360 x 350."""
    folder = tmp_path_factory.mktemp('photographs')
    for number in range(3):
        small = np.random.default_rng(number).integers(0, 256, (5, 5, 3), np.uint8)
        Image.fromarray(small).resize((350, 360)).save(folder / f'{number}.png')
    return folder


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(0)
    net = SRVGGNetCompact(num_feat=4, num_conv=1, upscale=2)
    save_atomic({'params': net.state_dict()}, tmp_path / 'net.pth')
    return tmp_path / 'net.pth'


def test_the_whole_command(photographs, weights, tmp_path, monkeypatch, capsys):
    """Programs are made up: what they write is a nearest neighbour, less a little where it is ours."""
    seen = []

    def pretended(module, arguments, work, limit, threads):
        ours = module == 'effsr.upscale'
        source, target = (Path(arguments[place]) for place in ((1, 3) if ours else (1, 2)))
        for path in source.iterdir():
            big = read_rgb(path).repeat(2, 0).repeat(2, 1).copy()
            big[0, 0] ^= 2 if ours else 0
            write_rgb(target / f'{path.stem}_out.png', big)
        seen.append((module, arguments[-2:], limit, threads))
        if not ours and arguments[3] == '0' and 'large' in source.name:
            return Ran(1.0, 5 * 2**20, error='DefaultCPUAllocator: not enough memory', of_memory=True)
        return Ran(1.0 if ours else 3.0, 2**20, None)

    monkeypatch.setattr(upscale, 'run_program', pretended)
    flags = ['-m', str(weights), '--images', str(photographs), '--megapixels', '0.06', '--rounds', '2',
             '--threads', '1', '--memory', '1', '--device', 'cpu']
    flags += ['--json', str(tmp_path / 'u.json'), '--markdown', str(tmp_path / 'u.md')]
    assert benchmark.main(['upscale', *flags]) == 0
    out = capsys.readouterr().out
    assert 'a folder of 3 PNG' in out and 'one PNG of 300x200' in out and 'out of memory' in out
    assert 'not enough memory' in out
    document = json.loads((tmp_path / 'u.json').read_text())
    folder, large = document['values']['tasks']
    assert list(folder['ways']) == [OURS, OURS_EXACT, WHOLE, TILES] and folder['differences'][OURS]['largest'] == 2
    assert list(large['ways']) == [OURS, OURS_EXACT, TILES] and list(large['failed']) == [WHOLE]
    assert len(seen) == 4 * 2 + 3 * 2 + 1 and {entry[2:] for entry in seen} == {(10**9, 1)}
    assert '--precision' in seen[1][1] and seen[0][0] == seen[1][0] == 'effsr.upscale'


def test_another_failure_is_told_by_the_status(photographs, weights, monkeypatch, capsys):
    monkeypatch.setattr(upscale, 'run_program', lambda *given: Ran(1.0, error='it broke'))
    flags = ['-m', str(weights), '--images', str(photographs), '--tasks', 'folder', '--rounds', '2', '--device', 'cpu']
    assert benchmark.main(['upscale', *flags]) == 1
    assert 'ended after 1.0 s: it broke' in capsys.readouterr().out


@pytest.mark.parametrize(('flags', 'says'), [
    (['--megapixels', '0'], '--megapixels 0.0'), (['--rounds', '1'], '--rounds 1; accepted: 2 or more'),
    (['-m', 'none.pth'], 'none.pth: no such file'), (['--memory', '-1'], '--memory -1.0')])
def test_flags_that_are_refused(flags, says, capsys):
    assert benchmark.main(['upscale', *flags]) == 1
    told = capsys.readouterr().err
    assert says in told and 'Traceback' not in told


def test_tables_by_hand():
    rans = {OURS: [Ran(1.0, 2**20), Ran(3.0, 2**21)], TILES: [Ran(4.0, 2**22), Ran(6.0, 2**22)]}
    result = Result('one', 2.0, 2, rans, {WHOLE: Ran(7.0, None, None, 'no memory', True)}, {TILES: (3, 255**2 / 10**4)})
    assert result_table(result).rows == (
        (OURS, '2.0 (1.0-3.0)', '4', '1.00', '2', '', '', ''),
        (TILES, '5.0 (4.0-6.0)', '1.6', '3.00', '4', '', '3', '40.0'),
        (WHOLE, 'out of memory', '', '', '', '', '', ''))
    assert failure_notes([result]) == [f'one, {WHOLE}, ended after 7.0 s: no memory']
    assert as_plain(result)['ways'][OURS][0]['seconds'] == 1.0


def test_tiles_of_the_reference():
    """A mean of 3x3 sees one pixel around: tiles with two around equal the whole, those with none do not."""
    def net(picture):
        means = F.avg_pool2d(F.pad(picture, (1, 1, 1, 1)), 3, 1)
        return means.repeat_interleave(2, 2).repeat_interleave(2, 3)

    picture = torch.rand(1, 3, 13, 18)
    assert torch.equal(in_tiles(net, picture, 2, 5, 2), net(picture))
    assert not torch.allclose(in_tiles(net, picture, 2, 5, 0), net(picture))


def test_the_reference_keeps_colours(tmp_path, monkeypatch):
    """A network that changes nothing gives the same file."""
    monkeypatch.setattr(reference_way, 'load_model', lambda path, device: type('Model', (), {
        'net': torch.nn.Conv2d(3, 3, 1, groups=3), 'scale': 1})())
    torch.nn.init.ones_(weight := torch.empty(3, 1, 1, 1))
    monkeypatch.setattr(torch.nn.Conv2d, 'forward', lambda self, x: F.conv2d(x, weight, groups=3))
    for name in ('in', 'out'):
        (tmp_path / name).mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)
    write_rgb(tmp_path / 'in/a.png', pixels)
    for tile in ('0', '4'):
        reference_way.main('', str(tmp_path / 'in'), str(tmp_path / 'out'), tile, '2', 'cpu')
        assert np.array_equal(read_rgb(tmp_path / 'out/a_out.png'), pixels)


def test_a_large_picture_has_its_size_and_its_seed(photographs):
    paths = sorted(map(str, photographs.iterdir()))
    picture = large_picture(paths, 6.0, 0)
    assert picture.shape == (2000, 3000, 3) and picture.std() > 0
    assert np.array_equal(picture, large_picture(paths, 6.0, 0))
    assert not np.array_equal(picture, large_picture(paths, 6.0, 1))


def test_comparing_by_hand(tmp_path):
    for name, value in (('a', 10), ('b', 13)):
        (tmp_path / name).mkdir()
        write_rgb(tmp_path / name / 'x.png', np.full((2, 2, 3), value, np.uint8))
    assert compared({name: tmp_path / name for name in 'ab'}, 'a') == {'a': (0, 0.0), 'b': (3, 9.0)}


@pytest.mark.slow
def test_a_program_is_measured_and_its_failure_told(weights, tmp_path):
    for name in ('in', 'out'):
        (tmp_path / name).mkdir()
    write_rgb(tmp_path / 'in/a.png', np.zeros((8, 8, 3), np.uint8))
    arguments = [str(tmp_path / 'in'), str(tmp_path / 'out'), '0', '10', 'cpu']
    ran = run_program('effsr.benchmarks.reference_way', [str(weights), *arguments], tmp_path, threads=1)
    assert ran.error == '' and ran.seconds > 0 and (tmp_path / 'out/a_out.png').exists()
    assert ran.resident is None or ran.resident > 2**26
    failed = run_program('effsr.benchmarks.reference_way', ['none.pth', *arguments], tmp_path, threads=1)
    assert 'no such file' in failed.error and not failed.of_memory
    if Path('/proc/self/statm').exists():
        write_rgb(tmp_path / 'in/a.png', np.zeros((900, 900, 3), np.uint8))
        small = run_program('effsr.benchmarks.reference_way', [str(weights), *arguments], tmp_path, 2**20, 1)
        assert small.error and small.of_memory
