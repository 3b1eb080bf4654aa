"""effsr/upscale.py on kinds of files, by its flags, as its user meets it."""
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms
from upscale_work import nearest_weights, repeated

from effsr import upscale
from effsr.data.image_animation import read_animation
from effsr.data.image_decode import decode_file
from effsr.data.image_io import image_size, read_picture
from effsr.data.imresize import imresize

ROOT = Path(__file__).parents[1]
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()


@pytest.fixture
def work(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    nearest_weights(tmp_path / 'w.pth')
    (tmp_path / 'in').mkdir()
    Image.fromarray(noise(9, 12, 3)).save(tmp_path / 'in/photo.png')
    return tmp_path


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def run(*arguments, status=0):
    assert upscale.main([*map(str, arguments), '-m', 'w.pth', '--precision', 'fp32']) == status


def test_orientation_is_applied_and_metadata_kept(work):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, 'Maker'
    exif.get_ifd(0x8769)[0xA002] = 12
    Image.fromarray(noise(9, 12, 3)).save('a.jpg', exif=exif, icc_profile=ICC, quality=95)
    run('-i', 'a.jpg', '--quality', 100)
    with Image.open('results/a_out.jpg') as image:
        assert image.size == (18, 24) and image.info['icc_profile'] == ICC
        read = image.getexif()
        assert (read[0x0112], read[0x010F], read.get_ifd(0x8769)[0xA002]) == (1, 'Maker', 18)
    turned = np.rot90(np.asarray(Image.open('a.jpg')), -1)
    assert np.abs(decode_file(Path('results/a_out.jpg'))[0].astype(int) - repeated(turned)).mean() < 3


def test_cmyk_and_palette_and_still_gif(work, capsys):
    Image.fromarray(noise(9, 12, 4), 'CMYK').save('in/print.tif')
    Image.fromarray(noise(9, 12, 3)).convert('P').save('in/flat.png', transparency=3)
    Image.fromarray(noise(9, 12, 3)).save('in/one.gif')
    run('-i', 'in')
    assert 'CMYK became sRGB' in capsys.readouterr().out
    for name in ('print_out.tif', 'flat_out.png', 'one_out.png'):
        assert image_size(f'results/{name}') == (18, 24)
    assert read_picture('results/flat_out.png').alpha is not None


@pytest.mark.parametrize('scale', [0.5, 1.5, 3.5, 6])
def test_any_factor(work, scale):
    run('-i', 'in', '-s', scale)
    found = decode_file(Path('results/photo_out.png'))[0]
    size = (round(9 * scale), round(12 * scale))
    whole = imresize(repeated(noise(9, 12, 3).astype(np.float32)), size=size)
    assert np.abs(found - np.clip(whole, 0, 255)).max() < 0.51


def test_bits_and_formats(work, capsys):
    run('-i', 'in', '--bits', 16)
    assert read_picture('results/photo_out.png').bits == 16
    cv2.imwrite('in/photo.png', np.random.default_rng(0).integers(0, 65536, (9, 12, 4)).astype(np.uint16))
    run('-i', 'in', '--ext', 'jpg')
    out = capsys.readouterr().out
    assert '16 bits became 8 in JPEG' in out and 'laid on white' in out
    run('-i', 'in', '--ext', 'tif', '--alpha', 'resize')
    assert read_picture('results/photo_out.tif').bits == 16
    run('-i', 'in', '--ext', 'webp', '--bits', 16, status=1)
    assert 'cannot hold 16 bits' in capsys.readouterr().err


def test_what_a_format_has_no_room_for(work, capsys):
    Image.fromarray(noise(2, 9000, 3)).save('in/photo.webp')
    Path('in/photo.png').unlink()
    run('-i', 'in')
    assert 'written as PNG: WEBP cannot hold 18000x4' in capsys.readouterr().out
    run('-i', 'in', '--ext', 'webp', status=1)
    assert 'pass --ext png' in capsys.readouterr().err and len(list(Path('results').glob('[!.]*'))) == 1


@pytest.mark.parametrize('kind', ['gif', 'webp', 'png'])
@pytest.mark.parametrize('ext', ['auto', 'gif', 'webp', 'apng'])
def test_animations_keep_their_timing(work, kind, ext):
    frames = [Image.fromarray(np.roll(np.full((9, 12, 3), 40, np.uint8) + noise(1, 12, 1) // 4, step, 1))
              for step in range(3)]
    frames[0].save(f'in/moving.{kind}', save_all=True, append_images=frames[1:], duration=[50, 100, 230], loop=0,
                   **({'lossless': True} if kind == 'webp' else {}))
    run('-i', f'in/moving.{kind}', '--ext', ext, '--lossless')
    path = Path('results') / f'moving_out.{kind if ext == "auto" else ext}'
    made = read_animation(path.read_bytes(), path)
    assert made.durations == (50, 100, 230) and made.plays == 0 and made.size == (18, 24)
    for frame, expected in zip(made.frames(), frames, strict=True):
        assert np.abs(frame.astype(int) - repeated(np.asarray(expected))).max() <= (3 if 'gif' in (kind, ext) else 1)


def test_animations_into_stills_are_refused(work, capsys):
    frames = [Image.fromarray(noise(9, 12, 3) // (1 + step)) for step in range(2)]
    frames[0].save('in/moving.gif', save_all=True, append_images=frames[1:], duration=50)
    run('-i', 'in', '--ext', 'jpg', status=1)
    assert 'moving.gif: is animated' in capsys.readouterr().err
    run('-i', 'in/photo.png', '--ext', 'gif', status=1)
    assert 'is a still picture' in capsys.readouterr().err


def test_comparison_is_written_beside(work):
    run('-i', 'in', '-s', 3, '--compare')
    both = decode_file(Path('results/photo_out_compare.png'))[0]
    assert both.shape == (27, 2 * 36 + 2, 3)
    np.testing.assert_array_equal(both[:, 38:], decode_file(Path('results/photo_out.png'))[0])
    plain = np.clip(imresize(noise(9, 12, 3).astype(np.float32), size=(27, 36)), 0, 255)
    assert np.abs(both[:, :36] - plain).max() < 0.51 and (both[:, 36:38] == 255).all()


def test_folders_patterns_and_several_inputs(work, capsys):
    for name in ('in/sub/photo.png', 'in/sub/deep/other.png', 'more/a [1].png'):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise(4, 4, 3)).save(name)
    run('-i', 'in', 'more/a [1].png', 'no*.png', 'missing.png', '--recursive', status=1)
    found = sorted(path.relative_to('results').as_posix() for path in Path('results').rglob('*.png'))
    assert found == ['a [1]_out.png', 'photo_out.png', 'sub/deep/other_out.png', 'sub/photo_out.png']
    err = capsys.readouterr().err
    assert 'no picture or video fits' in err and 'missing.png: no such file' in err and len(err.splitlines()) == 2
    run('-i', 'in/**/*.png', '-o', 'flat')
    assert len(list(Path('flat').rglob('*.png'))) == 3 and Path('flat/sub/photo_out.png').is_file()


def test_a_file_can_be_named(work, capsys):
    run('-i', 'in/photo.png', '-o', 'new/big.webp')
    assert image_size('new/big.webp') == (18, 24)
    run('-i', 'in', 'w.pth', '-o', 'big.png', status=1)
    assert 'for one input' in capsys.readouterr().err


def test_resume_passes_over_what_is_whole_and_the_same(work, capsys):
    run('-i', 'in')
    made = Path('results/photo_out.png').stat().st_mtime_ns
    run('-i', 'in', '--resume')
    assert '1 there already' in capsys.readouterr().out
    run('-i', 'in', '--resume', '-s', 3, status=1)
    assert 'other settings (scale None, now 3.0)' in capsys.readouterr().err
    assert Path('results/photo_out.png').stat().st_mtime_ns == made
    run('-i', 'in', '--resume', '-s', 3, '--overwrite')
    assert image_size('results/photo_out.png') == (27, 36)
    Path('results/photo_out.png').write_bytes(b'damaged')  # not what the journal knows
    run('-i', 'in', '--resume', '-s', 3, status=1)
    assert '--overwrite' in capsys.readouterr().err


def test_resume_does_not_take_results_of_weights_described_otherwise(work, capsys):
    run('-i', 'in')
    (work / 'w.json').write_text('{"arch": {"type": "SRVGGNetCompact", "args": {"num_feat": 4, "num_conv": 1, '
                                 '"upscale": 2, "act_type": "prelu"}}}')
    run('-i', 'in', '--resume', status=1)
    assert 'other settings (network ' in capsys.readouterr().err


def test_blend(work, capsys):
    run('-i', 'in', '--blend', 'w.pth', '0.5')
    np.testing.assert_array_equal(decode_file(Path('results/photo_out.png'))[0], repeated(noise(9, 12, 3)))
    nearest_weights(work / 'x3.pth', 3)
    for other, share, message in (('x3.pth', '0.5', 'two trainings of one network'), ('w.pth', '2', 'from 0 to 1'),
                                  ('none.pth', '0.5', 'no such file')):
        run('-i', 'in', '--overwrite', '--blend', other, share, status=1)
        assert message in capsys.readouterr().err


@pytest.mark.parametrize(('flags', 'message'), [
    (['-s', '-1'], 'scale is -1'), (['--quality', '0'], 'quality is 0'), (['--memory', '0'], '--memory is 0'),
    (['--max_pixels', '0'], 'max_pixels is 0'), (['--crf', '99'], 'crf is 99'), (['--threads', '0'], 'threads is 0'),
    (['-o', 'w.pth'], 'is a file')])
def test_mistakes_are_one_line(work, capsys, flags, message):
    run('-i', 'in', *flags, status=1)
    err = capsys.readouterr().err
    assert message in err and len(err.splitlines()) == 1 and not Path('results').exists()


def test_limits_and_links(work, capsys):
    Path('in/link.png').symlink_to('nowhere.png')
    Path('results/photo_out.png').mkdir(parents=True)
    run('-i', 'in', status=1)
    run('-i', 'in/photo.png', '-o', 'other', '--max_pixels', 100, status=1)
    err = capsys.readouterr().err
    assert 'link.png: no such file' in err and 'photo_out.png is a folder' in err and 'decompression bomb' in err


@pytest.mark.slow
def test_interrupted_it_leaves_whole_files(work):
    for number in range(300):
        Image.fromarray(noise(120, 120, 3)).save(f'in/{number:03}.png')
    command = [sys.executable, str(ROOT / 'effsr/upscale.py'), '-i', 'in', '-m', 'w.pth', '--device', 'cpu']
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.startswith('[2/'):
                process.send_signal(signal.SIGINT)
                break
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and err.startswith('upscale: stopped') and len(err.splitlines()) == 1
    names = [path.name for path in Path('results').iterdir()]
    assert not any(name.endswith('.tmp') for name in names)
    assert all(read_picture(f'results/{name}').color.shape for name in names if name.endswith('.png'))


def test_resume_in_the_folder_of_the_inputs_leaves_results_alone(work, capsys):
    run('-i', 'in', '-o', 'in')
    run('-i', 'in', '-o', 'in', '--resume')
    assert '2 there already' in capsys.readouterr().out
    assert sorted(path.name for path in Path('in').iterdir()) == ['.upscale.jsonl', 'photo.png', 'photo_out.png']


def test_further_pages_of_a_tiff_are_told(work, capsys):
    first, second = Image.fromarray(noise(9, 12, 3)), Image.fromarray(255 - noise(9, 12, 3))
    first.save('pages.tif', save_all=True, append_images=[second])
    run('-i', 'pages.tif')
    assert 'the first of 2 pages; the others were left out' in capsys.readouterr().out
    np.testing.assert_array_equal(decode_file(Path('results/pages_out.tif'))[0], repeated(noise(9, 12, 3)))


def test_a_factor_that_no_format_has_room_for(work, capsys):
    run('-i', 'in', '-s', '1e9', status=1)
    err = capsys.readouterr().err
    assert 'PNG cannot hold' in err and 'pass a smaller -s' in err and 'PNG can\n' not in err
