"""effsr/upscale.py, as its user meets it."""
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from upscale_work import nearest_weights, repeated

from effsr import upscale
from effsr.data.image_io import (
    Picture,
    image_size,
    list_images,
    read_picture,
    read_rgb,
    write_picture,
    write_rgb,
)
from effsr.inference.weights import load_model
from effsr.runtime.checkpoint import save_atomic

ROOT = Path(__file__).parents[1]
REAL_LQ = ROOT.parent / 'shared/data/real_lq'


@pytest.fixture
def work(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    nearest_weights(tmp_path / 'w.pth')
    (tmp_path / 'in').mkdir()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 12, 3), np.uint8)).save(tmp_path / 'in/photo.png')
    return tmp_path


def test_a_picture_is_upscaled(work, capsys):
    assert upscale.main(['-i', 'in/photo.png', '-m', 'w.pth']) == 0
    result = read_rgb('results/photo_out.png')
    np.testing.assert_array_equal(result, repeated(read_rgb('in/photo.png')))
    out, err = capsys.readouterr()
    assert err == ''
    for words in ('w.pth', 'SRVGGNetCompact x2', '12x9 -> results/photo_out.png 24x18', ' s)',
                  '1 upscaled, 0 failed -> results', 'runs on  torch cpu'):
        assert words in out


def test_tiles_change_nothing(work):
    arguments = ['-i', 'in/photo.png', '-m', 'w.pth']
    assert upscale.main([*arguments, '--tile', '4', '--tile_pad', '3', '--suffix', 'tile']) == 0
    assert upscale.main([*arguments, '--suffix', '']) == 0
    np.testing.assert_array_equal(*[read_rgb(f'results/{name}.png') for name in ('photo_tile', 'photo')])


def test_a_bad_file_is_reported_and_the_rest_are_done(work, capsys):
    data = (work / 'in/photo.png').read_bytes()
    (work / 'in/cut.png').write_bytes(data[:len(data) // 2])
    (work / 'in/empty.jpg').touch()
    (work / 'in/text.png').write_text('no picture')
    (work / 'in/notes.txt').write_text('passed over')
    (work / 'in/sub').mkdir()
    shutil.copy(work / 'in/photo.png', work / 'in/sub/deeper.png')
    assert upscale.main(['-i', 'in', '-m', 'w.pth', '-o', 'made/here']) == 1
    out, err = capsys.readouterr()
    assert '1 upscaled, 3 failed -> made/here' in out
    lines = err.strip().splitlines()
    assert len(lines) == 3 and all(name in line for name, line in zip(('cut', 'empty', 'text'), lines, strict=True))
    assert sorted(path.name for path in (work / 'made/here').iterdir()) == ['.upscale.jsonl', 'photo_out.png']


def test_existing_outputs_stay_unless_told_otherwise(work, capsys):
    arguments = ['-i', 'in', '-m', 'w.pth']
    Path('results').mkdir()
    Path('results/photo_out.png').write_text('mine')
    assert upscale.main(arguments) == 1
    assert Path('results/photo_out.png').read_text() == 'mine'
    assert '--overwrite' in capsys.readouterr().err
    assert upscale.main([*arguments, '--overwrite']) == 0
    assert image_size('results/photo_out.png') == (18, 24)


def test_the_input_is_never_overwritten(work, capsys):
    before = Path('in/photo.png').read_bytes()
    assert upscale.main(['-i', 'in', '-o', 'in', '--suffix', '', '-m', 'w.pth', '--overwrite']) == 1
    assert Path('in/photo.png').read_bytes() == before
    assert 'the input itself' in capsys.readouterr().err


@pytest.mark.parametrize(('arguments', 'message'), [
    (['-i', 'missing.png', '-m', 'w.pth'], 'missing.png: no such file or folder'),
    (['-i', 'empty', '-m', 'w.pth'], 'empty: no image'),
    (['-i', 'in', '-m', 'none.pth'], 'none.pth: no such file'),
    (['-i', 'in', '-m', 'in/photo.png'], 'photo.png: not a PyTorch checkpoint'),
    (['-i', 'in', '-m', 'unknown.pth'], 'not recognised'),
    (['-i', 'in'], 'python effsr/train.py -opt options/quickstart_esrnet_x4.yml'),
    (['-i', 'in', '-m', 'w.pth', '-t', '-1'], 'tile is -1'),
    (['-i', 'in', '-m', 'w.pth', '--suffix', '../x'], 'suffix'),
    (['-i', 'in', '-m', 'w.pth', '-o', 'w.pth'], 'w.pth: is a file'),
])
def test_mistakes_are_one_line_and_make_nothing(work, capsys, arguments, message):
    (work / 'empty').mkdir()
    save_atomic({'params': torch.nn.Linear(2, 2).state_dict()}, work / 'unknown.pth')
    before = sorted(work.rglob('*'))
    assert upscale.main(arguments) == 1
    out, err = capsys.readouterr()
    assert out == '' and message in err and len(err.splitlines()) == 1
    assert sorted(work.rglob('*')) == before


@pytest.mark.skipif(torch.cuda.is_available(), reason='there is a CUDA device')
def test_cuda_without_cuda(work, capsys):
    assert upscale.main(['-i', 'in', '-m', 'w.pth', '--device', 'cuda']) == 1
    assert 'accepted here: cpu, auto' in capsys.readouterr().err


def test_no_output_folder_when_every_picture_fails(work):
    (work / 'in/photo.png').write_text('no picture')
    assert upscale.main(['-i', 'in', '-m', 'w.pth']) == 1
    assert not (work / 'results').exists()


def test_without_weights_the_newest_quickstart_ones_are_taken(work, capsys):
    nearest_weights(work / 'experiments/quickstart_esrnet_x4/models/net_g_latest.pth', scale=3)
    assert upscale.main(['-i', 'in']) == 0
    assert image_size('results/photo_out.png') == (27, 36)
    out = capsys.readouterr().out
    assert 'quickstart_esrnet_x4/models/net_g_latest.pth' in out and 'newest quickstart weights' in out


def test_inputs_of_one_stem_keep_their_suffix(work, capsys):
    write_rgb('in/Photo.jpg', read_rgb('in/photo.png'))
    assert upscale.main(['-i', 'in', '-m', 'w.pth', '--ext', 'png']) == 0
    assert sorted(path.name for path in Path('results').glob('[!.]*')) == ['Photo_jpg_out.png', 'photo_png_out.png']


def test_two_inputs_never_write_one_output(work, capsys):
    for name in ('a.png', 'a.bmp', 'a_png.tif'):
        shutil.copy('in/photo.png', f'in/{name}')
    assert upscale.main(['-i', 'in', '-m', 'w.pth', '--overwrite']) == 1
    assert 'another input of this run' in capsys.readouterr().err
    assert len(list(Path('results').glob('[!.]*'))) == 3


@pytest.mark.parametrize(('source', 'expected'), [
    ('photo.jpg', 'photo_out.jpg'), ('photo.webp', 'photo_out.webp'), ('photo.bmp', 'photo_out.bmp'),
    ('clear.webp', 'clear_out.png'), ('deep.tif', 'deep_out.png'), ('clear.png', 'clear_out.png'),
])
def test_automatic_formats(work, source, expected):
    color = np.random.default_rng(0).random((6, 7, 3), np.float32)
    alpha = color[..., 0] if source.startswith('clear') else None
    write_picture(work / source, Picture(color, alpha, bits=16 if source.startswith('deep') else 8))
    assert upscale.main(['-i', source, '-m', 'w.pth']) == 0
    result = read_picture(Path('results') / expected)
    assert result.color.shape == (12, 14, 3) and (result.alpha is None) == (alpha is None)
    assert result.bits == (16 if source.startswith('deep') else 8)


@pytest.mark.parametrize('ext', ['png', 'jpg', 'webp'])
def test_chosen_formats(work, ext):
    assert upscale.main(['-i', 'in', '-m', 'w.pth', '--ext', ext]) == 0
    assert read_picture(f'results/photo_out.{ext}').format == {'jpg': 'JPEG'}.get(ext, ext.upper())


@pytest.mark.parametrize('gray', [False, True])
@pytest.mark.parametrize('has_alpha', [False, True])
@pytest.mark.parametrize('bits', [8, 16])
def test_kinds_of_pictures_are_kept(work, gray, has_alpha, bits):
    values = np.random.default_rng(0).integers(0, 2**bits, (6, 7, 4)).astype(np.float32) / (2**bits - 1)
    color = np.repeat(values[..., :1], 3, 2) if gray else values[..., :3]
    write_picture(work / 'in/photo.png', Picture(color, values[..., 3] if has_alpha else None, gray, bits))
    assert upscale.main(['-i', 'in', '-m', 'w.pth']) == 0
    result = read_picture('results/photo_out.png')
    assert (result.gray, result.bits, result.alpha is not None) == (gray, bits, has_alpha)
    seen = repeated(values[..., 3] > 1 / 255) if has_alpha else np.ones(result.color.shape[:2], bool)
    np.testing.assert_allclose(result.color[seen], repeated(color)[seen], atol=1.01 / (2**bits - 1))
    if has_alpha:
        np.testing.assert_allclose(result.alpha, repeated(values[..., 3]), atol=1.01 / (2**bits - 1))


def test_weights_that_are_not_numbers(work, capsys):
    net = load_model(work / 'w.pth').net
    net.body[0].weight.fill_(float('nan'))
    save_atomic({'params': net.state_dict()}, work / 'nan.pth')
    assert upscale.main(['-i', 'in', '-m', 'nan.pth']) == 1
    assert 'NaN' in capsys.readouterr().err and not (work / 'results').exists()


def test_it_runs_as_a_script_from_any_folder(work):
    command = [sys.executable, str(ROOT / 'effsr/upscale.py'), '-i', 'in', '-m', 'w.pth', '--device', 'cpu']
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert '\n1 upscaled, 0 failed -> results (' in done.stdout
    assert 'Traceback' not in done.stderr


@pytest.mark.skipif(not REAL_LQ.is_dir(), reason='../shared/data/real_lq is not there')
def test_real_low_quality_files(work):
    assert upscale.main(['-i', str(REAL_LQ), '-m', 'w.pth']) == 0
    sources = list_images(REAL_LQ)
    results = {path.name.rsplit('_out', 1)[0]: read_picture(path) for path in Path('results').glob('[!.]*')}
    assert len(results) == len(sources) == 9
    for source in sources:
        before, after = read_picture(source), results[source.stem]
        assert (after.gray, after.bits, after.alpha is None) == (before.gray, before.bits, before.alpha is None)
        assert after.format == before.format
        # JPEG and 8-bit rounding are all that the pixel-repeating network adds.
        seen = 1 if before.alpha is None else repeated(before.alpha)[..., None]
        assert (np.abs(after.color - repeated(before.color)) * seen).mean() < 0.02
