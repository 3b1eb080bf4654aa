"""`effsr/evaluate.py card`: figures of one model in several precisions, as Markdown with sample pictures."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import json

import cv2
import numpy as np
import pytest
import torch

from effsr import evaluate
from effsr.archs.srvgg_arch import SRVGGNetCompact
from effsr.data.image_io import read_rgb, write_rgb
from effsr.evaluation import card as card_module
from effsr.evaluation import card_command
from effsr.evaluation.card import Card, CardRow, area, read_pairs, upscaled
from effsr.evaluation.card_text import GAP, Facts, card_notes, card_table, strip
from effsr.evaluation.sets import parse_set
from effsr.inference.backends.libraries import missing
from effsr.inference.weights import load_model
from effsr.metrics.psnr_ssim import psnr, ssim
from effsr.runtime.checkpoint import save_atomic

FACTS = Facts('mine', 'a.pth', '0', 'SRVGGNetCompact', {}, 2, None, 'few', 'others', 'python x', 'here')


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(0)
    save_atomic({'params': SRVGGNetCompact(num_feat=4, num_conv=1, upscale=2).state_dict()}, tmp_path / 'net.pth')
    return tmp_path / 'net.pth'


@pytest.fixture
def photographs(tmp_path):
    (tmp_path / 'HR').mkdir()
    for number in range(2):
        small = np.random.default_rng(number).integers(0, 256, (6, 6, 3), np.uint8)
        write_rgb(tmp_path / f'HR/{number}.png', cv2.resize(small, (80, 64), interpolation=cv2.INTER_CUBIC))
    return tmp_path / 'HR'


def test_the_whole_command(weights, photographs, tmp_path, capsys):
    flags = ['card', '-m', f'mine={weights}', '-d', f'few={photographs}', '-o', str(tmp_path / 'card'), '--shape',
             '3x24x32', '--precisions', 'fp32', 'bf16', '--device', 'cpu']
    assert evaluate.main(flags) == 0
    assert 'few, 2 pictures, x2' in capsys.readouterr().out
    text = (tmp_path / 'card/card.md').read_text()
    for words in ('| Models | FLOPs(G) | Params(M) | PSNR | SSIM | Shape |', '| mine fp32 |', '| mine bf16 |',
                  '| bicubic |', '| 3x24x32 |', 'pictures/0.png', 'SHA-256', 'effsr/upscale.py -m net.pth'):
        assert words in text, words
    row = json.loads((tmp_path / 'card/card.json').read_text())['values']['rows'][1]
    model = load_model(weights)
    truth = read_rgb(photographs / '0.png'), read_rgb(photographs / '1.png')
    found = []
    for picture in truth:
        lq, gt = (cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for size in ((32, 24), (64, 48)))
        tensor = torch.from_numpy(lq.transpose(2, 0, 1).astype(np.float32))[None] / 255
        sr = model.net(tensor).clamp(0, 1).mul(255).round()[0].permute(1, 2, 0).to(torch.uint8).numpy()
        found.append((psnr(sr, gt), ssim(sr, gt)))
    assert (row['psnr'], row['ssim']) == pytest.approx(np.mean(found, axis=0), abs=1e-3)
    macs = 24 * 32 * 9 * (3 * 4 + 4 * 4 + 4 * 12)
    assert row['macs'] == macs and row['flops'] == 2 * macs
    assert read_rgb(tmp_path / 'card/pictures/0.png').shape == (48, 4 * 64 + 3 * GAP, 3)
    assert evaluate.main(flags) == 1 and 'is there already; pass --overwrite' in capsys.readouterr().err
    assert evaluate.main([*flags, '--overwrite']) == 0


@pytest.mark.skipif(bool(missing(('onnx', 'onnxscript', 'onnxruntime'))), reason='needs the extra onnx')
@pytest.mark.filterwarnings('ignore::DeprecationWarning', 'ignore::FutureWarning')
@pytest.mark.slow
def test_int8(weights, photographs, tmp_path):
    assert evaluate.main(['card', '-m', str(weights), '-d', f'few={photographs}', '-o', str(tmp_path / 'card'),
                          '--shape', '3x24x32', '--calibrate', str(photographs), '--device', 'cpu']) == 0
    rows = {row['name']: row for row in json.loads((tmp_path / 'card/card.json').read_text())['values']['rows']}
    assert list(rows) == ['bicubic', 'fp32', 'bf16', 'int8'] and 'int8' in rows['int8']['engine']
    assert abs(rows['int8']['psnr'] - rows['fp32']['psnr']) < 2


def test_what_cannot_be_run_is_told_and_the_rest_done(weights, photographs, tmp_path, monkeypatch, capsys):
    opened = card_module.open_engine

    def refuse(model, settings, say):
        if settings.precision == 'bf16':
            raise ValueError('no such\nthing here')
        return opened(model, settings, say)

    monkeypatch.setattr(card_module, 'open_engine', refuse)
    flags = ['card', '-m', str(weights), '-d', f'few={photographs}', '-o', str(tmp_path / 'c'), '--shape', '3x16x16',
             '--precisions', 'bf16', 'fp32', '--device', 'cpu']
    assert evaluate.main(flags) == 1
    assert 'bf16 is left out: no such thing here' in capsys.readouterr().err
    assert '| net fp32 |' in (tmp_path / 'c/card.md').read_text()


@pytest.mark.parametrize(('flags', 'says'), [
    (['--shape', '1x128x128'], '--shape 1x128x128; accepted: 3xHEIGHTxWIDTH'), (['--shape', '3x8x99'], 'sides from 16'),
    (['-d', 'few'], 'accepted: NAME=HR'), (['-d', 'few=:HR'], 'needs ground truth'),
    (['-m', 'bicubic'], 'accepted here: a file of weights'), (['-m', 'no.pth'], 'no such file'),
    (['--import', 'nowhere_to_be_found'], '--import nowhere_to_be_found')])
def test_mistakes(weights, photographs, tmp_path, flags, says, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert evaluate.main(['card', '-m', str(weights), '-d', 'few=HR', '-o', 'card', '--device', 'cpu', *flags]) == 1
    told = capsys.readouterr().err
    assert says in told and 'Traceback' not in told and not (tmp_path / 'card').exists()


def test_an_output_that_is_a_file(weights, tmp_path, capsys):
    assert evaluate.main(['card', '-m', str(weights), '-o', str(weights)]) == 1
    assert 'is a file; give a folder' in capsys.readouterr().err


def test_low_resolution_pictures_that_are_given(photographs, tmp_path):
    (tmp_path / 'LR').mkdir()
    for number in range(2):
        write_rgb(tmp_path / f'LR/{number}.png', np.full((32, 40, 3), 7, np.uint8))
    pairs = read_pairs(parse_set(f'few={photographs}:{tmp_path / "LR"}'), (16, 20), 2)
    assert [pair.name for pair in pairs] == ['0', '1'] and (pairs[0].lq == 7).all()
    assert pairs[0].lq.shape == (16, 20, 3) and pairs[0].gt.shape == (32, 40, 3)
    assert np.array_equal(pairs[0].gt, area(read_rgb(photographs / '0.png'), 32, 40))


def test_results_are_clipped_and_rounded():
    class Doubled:
        def __call__(self, tiles):
            return 2 * tiles

    lq = np.array([[[0, 100, 200]]], np.uint8)
    assert upscaled(Doubled(), lq).tolist() == [[[0, 200, 255]]]


def test_table_and_notes_by_hand():
    counted = type('Counted', (), {'flops': 653_675_000_000, 'parameters': 16_698_000})()
    card = Card((128, 128), (CardRow('bicubic', None, 19.0, 0.5, 'OpenCV'),
                             CardRow('fp32', counted, 19.688, 0.605, 'torch'),
                             CardRow('int8', counted, None, None, '', 'it lacks')), {}, 100)
    assert card_table(card, FACTS).rows == (
        ('mine fp32', '653.675', '16.698', '19.688', '0.6050', '3x128x128'),
        ('mine int8', '653.675', '16.698', '', '', '3x128x128'), ('bicubic', '', '', '19.000', '0.5000', '3x128x128'))
    assert card_notes(card)[-1] == 'int8 is left out: it lacks'


def test_sample_pictures_show_the_middle():
    wide = np.zeros((4, 9, 3), np.uint8)
    wide[:, 4] = 9
    shown = strip({'lq': wide, 'fp32': wide, 'gt': wide + 1}, 3)
    assert shown.shape == (3, 6 + GAP, 3)
    assert shown[0, :3, 0].tolist() == [0, 9, 0] and shown[0, -3:, 0].tolist() == [1, 10, 1]


def test_without_the_libraries_of_int8(monkeypatch, capsys):
    monkeypatch.setattr(card_command, 'missing', lambda names: ['onnx'])
    assert card_command.usual_precisions(torch.device('cpu')) == ('fp32', 'bf16')
    assert 'int8 is left out: onnx not installed' in capsys.readouterr().err


def test_networks_that_fold_pixels_refuse_odd_sides(weights):
    from dataclasses import replace

    with pytest.raises(ValueError, match='takes sides divisible by 4'):
        card_command.parse_shape('3x18x32', replace(load_model(weights), multiple=4))
