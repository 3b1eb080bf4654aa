"""Videos in and out: time, sound, turning and colour."""
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from upscale_work import nearest_weights, repeated

from effsr import upscale

av = pytest.importorskip('av')

SIZE = (32, 48)
TICK = Fraction(1, 1000)
BT709 = 1


def pictures(count=6):
    rows, columns = np.mgrid[:SIZE[0], :SIZE[1]] / 48
    return [np.rint(np.stack([rows, columns, np.full(SIZE, 0.1 * number)], 2) * 200 + 20).astype(np.uint8)
            for number in range(count)]


def write_video(path, times=None, codec='libx264', pixels='yuv444p', turned=0, matrix=None, sound='aac', aspect=None):
    options = {'crf': '4'} if codec == 'libx264' else {}
    with av.open(str(path), 'w') as file:
        stream = file.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = SIZE[1], SIZE[0], pixels
        stream.codec_context.time_base = TICK
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if turned:
            stream.set_display_rotation(turned)
        if matrix:
            stream.codec_context.colorspace = matrix
        audio = file.add_stream(sound, rate=48000) if sound else None
        for picture, time in zip(pictures(), times or range(0, 240, 40), strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format='rgb24')
            frame = frame.reformat(format=pixels, **({'dst_colorspace': matrix} if matrix else {}))
            frame.pts, frame.time_base = time, TICK
            if matrix:
                frame.colorspace = matrix
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
        if audio:
            for start in range(0, 9600, 960):
                tone = np.sin(np.arange(start, start + 960) * 0.06, dtype=np.float32)[None] * 0.3
                frame = av.AudioFrame.from_ndarray(tone, format='flt' if sound == 'libopus' else 'fltp', layout='mono')
                frame.sample_rate, frame.pts = 48000, start
                file.mux(audio.encode(frame))
            file.mux(audio.encode(None))
    return path


def read_video(path):
    with av.open(str(path)) as file:
        video = file.streams.video[0]
        frames = list(file.decode(video))
        context = video.codec_context
        facts = {'times': [round(frame.time * 1000) for frame in frames], 'codec': context.name,
                 'kind': context.pix_fmt, 'matrix': int(context.colorspace), 'aspect': video.sample_aspect_ratio,
                 'rotation': frames[0].rotation}
        seen = [frame.reformat(format='rgb24', interpolation=0x46004).to_ndarray() for frame in frames]
    with av.open(str(path)) as file:
        sound = [bytes(packet) for packet in file.demux(file.streams.audio) if packet.dts is not None]
    return seen, sound, facts


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    nearest_weights(Path('w.pth'))
    return tmp_path


def run(*arguments, status=0):
    assert upscale.main([*map(str, arguments), '-m', 'w.pth', '--precision', 'fp32']) == status


@pytest.mark.parametrize('times', [None, [0, 40, 130, 135, 300, 320]])
def test_pictures_times_and_sound(work, times):
    write_video(work / 'a.mp4', times)
    run('-i', 'a.mp4', '--crf', 1)
    (before, sound, was), (after, copied, now) = read_video('a.mp4'), read_video('results/a_out.mp4')
    assert now['times'] == was['times'] == (times or list(range(0, 240, 40)))
    assert copied == sound and len(sound) > 5
    for old, new in zip(before, after, strict=True):
        assert np.abs(new.astype(int) - repeated(old)).mean() < 1.5
        assert np.abs((new.astype(int) - repeated(old)).mean((0, 1))).max() < 0.7


@pytest.mark.parametrize('turned', [90, 180, -90])
def test_turned_pictures_come_out_upright(work, turned):
    write_video(work / 'a.mp4', turned=turned, aspect=Fraction(4, 3))
    run('-i', 'a.mp4')
    (before, _, was), (after, _, now) = read_video('a.mp4'), read_video('results/a_out.mp4')
    assert (was['rotation'] - turned) % 360 == 0 and now['rotation'] == 0
    assert now['aspect'] == (Fraction(4, 3) if turned == 180 else Fraction(3, 4))
    assert np.abs(after[0].astype(int) - repeated(np.rot90(before[0], turned // 90))).mean() < 1.5


def test_colour_tags_go_through_and_guesses_are_written_down(work):
    write_video(work / 'a.mkv', matrix=BT709)
    write_video(work / 'b.mkv')
    run('-i', 'a.mkv', 'b.mkv', '--crf', 1)
    for name, matrix in (('a', BT709), ('b', 6)):
        (before, _, _), (after, _, now) = read_video(f'{name}.mkv'), read_video(f'results/{name}_out.mkv')
        assert now['matrix'] == matrix
        assert np.abs((after[3].astype(int) - repeated(before[3])).mean((0, 1))).max() < 0.7


def test_without_loss_and_ten_bits(work):
    write_video(work / 'a.mkv', pixels='yuv420p10le', codec='ffv1')
    run('-i', 'a.mkv')
    assert read_video('results/a_out.mkv')[2]['kind'] == 'yuv420p10le'
    run('-i', 'a.mkv', '--codec', 'ffv1', '--bits', 8, '--overwrite')
    (before, _, _), (after, _, now) = read_video('a.mkv'), read_video('results/a_out.mkv')
    assert now['codec'] == 'ffv1' and np.abs(after[0].astype(int) - repeated(before[0])).max() <= 1


def test_formats_and_even_sides(work, capsys):
    write_video(work / 'a.mp4')
    run('-i', 'a.mp4', '-s', 1.03, '-o', 'b.mkv')
    assert read_video('b.mkv')[0][0].shape == (32, 48, 3)
    assert 'cut from 49x33 to even sides' in capsys.readouterr().out
    for ext, message in (('webm', 'its audio is aac'), ('png', 'is a video'), ('gif', 'is a video')):
        run('-i', 'a.mp4', '--ext', ext, status=1)
        assert message in capsys.readouterr().err
    write_video(work / 'c.webm', codec='libvpx-vp9', sound='libopus')
    run('-i', 'c.webm')
    assert read_video('results/c_out.webm')[2]['codec'].startswith('vp9')
    assert [path.name for path in Path('results').glob('[!.]*')] == ['c_out.webm']


def test_damaged_ones_leave_nothing(work, capsys):
    write_video(work / 'a.mp4')
    Path('cut.mp4').write_bytes(Path('a.mp4').read_bytes()[:2000])
    Path('text.mkv').write_text('no video')
    with av.open('sound.mkv', 'w') as file:
        stream = file.add_stream('pcm_s16le', rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 80), np.int16), format='s16', layout='mono')
        frame.sample_rate = 8000
        file.mux(stream.encode(frame))
    run('-i', 'cut.mp4', 'text.mkv', 'sound.mkv', status=1)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3 and 'holds no pictures' in lines[2] and not Path('results').exists()
