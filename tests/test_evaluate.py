"""effsr/evaluate.py, as its user meets it."""
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from effsr import evaluate
from effsr.benchmarks.costs import CostRow
from effsr.data.image_io import Picture, read_rgb, write_picture, write_rgb
from effsr.data.imresize import imresize
from effsr.evaluation import command as evaluation_command
from effsr.evaluation import running, scoring
from effsr.evaluation.results import from_json
from effsr.metrics import catalogue, psnr, ssim
from effsr.metrics.scorer import MetricInfo, Opened, Unavailable
from effsr.runtime.checkpoint import save_atomic

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / 'shared/data'
SIZES = {'a': (32, 40), 'b': (48, 32), 'c': (40, 40)}


def nearest_weights(path: Path, gain: float = 0.0, scale: int = 2) -> Path:
    """A tiny SRVGGNetCompact that repeats pixels; with a gain it adds that much to each."""
    from basicsr.utils.registry import ARCH_REGISTRY

    net = ARCH_REGISTRY.get('SRVGGNetCompact')(num_feat=4, num_conv=1, upscale=scale)
    torch.nn.init.zeros_(net.body[-1].weight)
    torch.nn.init.constant_(net.body[-1].bias, gain)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_atomic({'params': net.state_dict()}, path)
    return path


def truth(name: str) -> np.ndarray:
    """A smooth picture with some noise, (H, W, 3) uint8."""
    height, width = SIZES[name]
    generator = np.random.default_rng(ord(name))
    coarse = generator.integers(40, 200, (4, 4, 3)).astype(np.float64)
    return np.clip(imresize(coarse, size=(height, width)) + generator.normal(0, 3, (height, width, 3)),
                   0, 255).astype(np.uint8)


def put(name: str, pixels: np.ndarray) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    write_rgb(name, pixels)


@pytest.fixture
def work(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in SIZES:
        put(f'hr/{name}.png', truth(name))
    nearest_weights(tmp_path / 'run/models/net_g_30.pth')
    return tmp_path


def call(*argv: str) -> int:
    return evaluate.main([*argv, *([] if '--processes' in argv else ['--processes', '1'])])


def outcome(path: str = 'e.json'):
    return from_json(json.loads(Path(path).read_text(encoding='utf-8')))


def repeated(name: str) -> np.ndarray:
    return imresize(truth(name), scale=0.5).repeat(2, 0).repeat(2, 1)


def test_the_whole_command(work, capsys):
    for name in SIZES:
        put(f'mine/{name}_out.png', truth(name))
    models = ('bicubic', 'run/models/net_g_30.pth', 'same=mine')
    assert call('-m', *models, '-d', 'S=hr', '--json', 'e.json', '--markdown', 'e.md', '--csv', 'e.csv',
                '--baseline', 'run_30') == 0
    out, err = capsys.readouterr()
    found = outcome()
    assert err == '' and [one.name for one in found.contestants] == ['bicubic', 'run_30', 'same']
    assert (found.contestants[1].steps, found.contestants[1].parameters) == (30, 112 + 4 + 148 + 4 + 444)
    values = found.values['S']['run_30']
    for number, name in enumerate(SIZES):
        assert values['psnr_y'][number] == psnr(repeated(name), truth(name), 2, True)
        assert values['ssim_y'][number] == ssim(repeated(name), truth(name), 2, True)
    assert found.whole['S']['run_30']['psnr_y'] == pytest.approx(np.mean(values['psnr_y']), rel=1e-12)
    assert found.whole['S']['same'] == {'psnr_y': np.inf, 'ssim_y': pytest.approx(1)}
    # There is no difference to infinity.
    assert 'psnr_y' not in found.differences['S']['same'] and found.differences['S']['same']['ssim_y'].significant
    for words in ('S x2, 3 pictures', 'border: 2 pixels', "MATLAB's bicubic, 1/2"):
        assert words in out
    assert 'S: no difference between same and run_30 in PSNR Y: a value is infinite' in out
    assert '**inf**' in Path('e.md').read_text() and '| run_30 | 30 | ' in Path('e.md').read_text()
    rows = list(csv.DictReader(Path('e.csv').read_text().splitlines()))
    assert len(rows) == 3 * 2 * (3 + 1) and rows[0]['picture'] == 'a' and rows[3]['picture'] == '(all)'
    assert float(rows[0]['value']) == found.values['S']['bicubic']['psnr_y'][0]
    assert sorted(found.pictures['S']['a']) == ['bicubic', 'gt', 'lq', 'run_30', 'same']
    np.testing.assert_array_equal(read_rgb(found.pictures['S']['a']['run_30']), repeated('a'))
    assert found.pictures['S']['a']['gt'] == Path('hr/a.png')


def test_a_report_tells_what_costs_were_measured_on(work, monkeypatch, capsys):
    def quick_costs(models, device):
        return {name: CostRow(568, 40_000, 20_000, 1, (2 * 64) ** 2, (0.1, 0.2, 0.3)) for name in models}
    monkeypatch.setattr(evaluation_command, 'quick_costs', quick_costs)
    assert call('-m', 'bicubic', 'run/models/net_g_30.pth', '-d', 'S=hr', '--device', 'cpu', '--report', 'page',
                '--json', 'e.json') == 0
    assert 'report -> page/index.html' in capsys.readouterr().out
    html = Path('page/index.html').read_text('utf-8')
    assert f'one picture of 64 x 64 pixels, float32, on the CPU with {torch.get_num_threads()} of its threads' in html
    assert 'median of 3 rounds' in html and '200' in html
    assert json.loads(Path('e.json').read_text())['values']['costs']['run_30']['times'] == [0.1, 0.2, 0.3]


def test_a_second_run_computes_nothing(work, monkeypatch, capsys):
    command = ('-m', 'bicubic', 'run/models/net_g_30.pth', '-d', 'S=hr', '--json')
    assert call(*command, 'e.json') == 0
    journal = Path('results/evaluation/.evaluation.jsonl').read_bytes()

    def refuse(*args):
        raise AssertionError('computed again')

    monkeypatch.setattr(scoring, 'upscale_pixels', refuse)
    monkeypatch.setattr(scoring, 'imresize', refuse)
    monkeypatch.setattr(scoring.Scorer, 'score', refuse)
    assert call(*command, 'again.json') == 0
    assert Path('results/evaluation/.evaluation.jsonl').read_bytes().strip() == journal.strip()
    first, again = outcome(), outcome('again.json')
    assert (first.values, first.whole, first.differences) == (again.values, again.whole, again.differences)


def test_nothing_stale_is_taken(work):
    command = ('-m', 'bicubic', 'net=run/models/net_g_30.pth', '-d', 'S=hr', '--metrics', 'psnr_rgb', '--json')
    assert call(*command, '1.json') == 0
    # Damage, other weights under the same name, another truth: each changes what it touches and nothing else.
    result = Path('results/evaluation/S/net/a.png')
    put(str(result), np.zeros((32, 40, 3), np.uint8))
    assert call(*command, '2.json') == 0 and outcome('2.json').values == outcome('1.json').values
    nearest_weights(Path('run/models/net_g_30.pth'), 0.1)
    assert call(*command, '3.json') == 0
    one, three = outcome('1.json').values['S'], outcome('3.json').values['S']
    assert one['bicubic'] == three['bicubic']
    assert all(a > b for a, b in zip(one['net']['psnr_rgb'], three['net']['psnr_rgb'], strict=True))
    put('hr/a.png', 255 - truth('a'))
    assert call(*command, '4.json') == 0
    four = outcome('4.json').values['S']['net']['psnr_rgb']
    assert four[1:] == three['net']['psnr_rgb'][1:] and four[0] != three['net']['psnr_rgb'][0]


def test_the_figures_do_not_depend_on_the_processes(work):
    command = ('-m', 'bicubic', 'run/models/net_g_30.pth', '-d', 'S=hr', '--degrade', 'o.yml', '--seed', '5')
    shutil.copy(ROOT / 'options/quickstart_esrnet_x4.yml', 'o.yml')
    nearest_weights(work / 'run/models/net_g_30.pth', scale=4)
    for number in ('1', '2'):
        assert call(*command, '--processes', number, '--work', f'w{number}', '--json', f'{number}.json') == 0
    one, two = outcome('1.json'), outcome('2.json')
    assert (one.values, one.whole, one.differences) == (two.values, two.whole, two.differences)
    for name in SIZES:
        np.testing.assert_array_equal(read_rgb(f'w1/S/lq/{name}.png'), read_rgb(f'w2/S/lq/{name}.png'))


def test_a_failed_picture_leaves_no_mean(work, capsys):
    for name in SIZES:
        put(f'mine/{name}.png', truth(name))
    Image.fromarray(np.dstack([truth('b'), np.zeros(SIZES['b'], np.uint8)])).save('mine/b.png')
    assert call('-m', 'bicubic', 'mine', '-d', 'S=hr', '-s', '2', '--json', 'e.json', '--csv', 'e.csv') == 1
    out, err = capsys.readouterr()
    found = outcome()
    assert found.whole['S']['mine'] == {'psnr_y': None, 'ssim_y': None} and found.whole['S']['bicubic']['psnr_y']
    assert found.values['S']['mine']['psnr_y'] == (np.inf, None, np.inf)
    assert found.missing['S']['mine']['psnr_y'].startswith('1 of 3 pictures failed: mine/b.png: has transparent pixels')
    assert 'mine' not in found.pictures['S']['b'] and found.differences['S']['mine'] == {}
    assert '- [1]' in out and '[1] 1 of 3 pictures failed' in out
    assert 'evaluate: S, mine: mine/b.png' in err and '1 of 6 results are missing' in err


def test_weights_that_give_nan(work, capsys):
    nearest_weights(work / 'bad.pth', float('nan'))
    assert call('-m', 'bad.pth', 'bicubic', '-d', 'S=hr', '--json', 'e.json') == 1
    assert 'NaN or infinity' in outcome().missing['S']['bad']['psnr_y']
    assert capsys.readouterr().err.count('gave NaN or infinity') == 1, 'told once, not for each picture'
    assert outcome().differences['S'] == {'bicubic': {}} and not Path('results/evaluation/S/bad/a.png').exists()


def test_smaller_than_the_window(work, capsys):
    put('hr/small.png', truth('a')[:12, :12])
    assert call('-m', 'bicubic', '-d', 'S=hr', '-s', '2', '--json', 'e.json') == 0
    found = outcome()
    assert found.values['S']['bicubic']['ssim_y'][3] is None and found.values['S']['bicubic']['psnr_y'][3] > 0
    assert found.whole['S']['bicubic']['ssim_y'] is None
    assert '1 of 4 pictures have no value: small:' in found.missing['S']['bicubic']['ssim_y']
    assert '11 x 11 must be left' in capsys.readouterr().out


def test_without_truth(work, capsys):
    Path('lr').mkdir()
    Image.fromarray(np.dstack([truth('a'), np.full(SIZES['a'], 99, np.uint8)])).save('lr/clear.png')
    put('lr/b.jpg', truth('b'))
    assert call('-m', 'bicubic', 'lanczos', '-d', 'real=:lr', '-s', '3', '--json', 'e.json') == 0
    found = outcome()
    assert found.whole['real']['bicubic'] == {'psnr_y': None, 'ssim_y': None}
    assert set(found.missing['real']['bicubic'].values()) == {'the set has no ground truth'}
    assert not found.sets[0].has_gt and '1 of 2 pictures with transparent pixels, laid on white' in found.sets[0].notes
    assert read_rgb(found.pictures['real']['b']['lanczos']).shape == (144, 96, 3)
    assert all(path.suffix == '.png' for row in found.pictures['real'].values() for path in row.values())


def test_depth_alpha_and_greyness(work, capsys):
    values = np.random.default_rng(0).integers(0, 65536, (32, 32, 3)).astype(np.uint16)
    Path('deep').mkdir()
    write_picture('deep/x.png', Picture((values / 65535).astype(np.float32), bits=16))
    assert call('-m', 'bicubic', '-d', 'S=deep', '-s', '2', '--metrics', 'psnr_rgb', '--json', 'e.json') == 0
    result = read_rgb('results/evaluation/S/bicubic/x.png').astype(np.float64)
    error = np.mean((result - values / 257)[2:-2, 2:-2] ** 2)
    assert outcome().whole['S']['bicubic']['psnr_rgb'] == pytest.approx(10 * np.log10(255**2 / error), abs=1e-9)
    assert '1 of 1 pictures with 16 bits a channel' in capsys.readouterr().out
    Path('alpha').mkdir()
    Image.fromarray(np.dstack([truth('a'), np.full(SIZES['a'], 255, np.uint8)])).save('alpha/x.png')
    assert call('-m', 'bicubic', '-d', 'S=alpha', '-s', '2') == 0
    assert 'one picture only: no interval' in capsys.readouterr().out
    Image.fromarray(np.dstack([truth('a'), np.full(SIZES['a'], 254, np.uint8)])).save('alpha/x.png')
    assert call('-m', 'bicubic', '-d', 'S=alpha', '-s', '2') == 1
    assert 'evaluate: -d S: alpha/x.png: has transparent pixels' in capsys.readouterr().err


def test_grey_by_its_value(work, capsys):
    Path('grey').mkdir()
    Image.fromarray(truth('a')[..., 0]).save('grey/x.png')
    figures = {}
    for rule in ('luma', 'value', 'x', 'S/x'):
        assert call('-m', 'bicubic', '-d', 'S=grey', '-s', '2', '--grey', rule, '--json', f'{rule[0]}.json') == 0
        figures[rule] = outcome(f'{rule[0]}.json').whole['S']['bicubic']['psnr_y']
    # Luma has 219 of 255 steps: the same errors weigh less.
    assert figures['luma'] - figures['value'] == pytest.approx(20 * np.log10(255 / 219), abs=1e-9)
    assert figures['value'] == figures['x'] == figures['S/x']
    assert call('-m', 'bicubic', '-d', 'S=hr', '-s', '2', '--grey', 'a') == 1
    assert '--grey S/a: is not grey' in capsys.readouterr().err
    assert call('-m', 'bicubic', '-d', 'S=hr', '-s', '2', '--grey', 'nothere') == 1
    assert '--grey nothere: no picture of this name' in capsys.readouterr().err


@pytest.fixture
def set_metric(monkeypatch):
    """A metric with one figure a set, and one that lacks something; returns how often the first was computed."""
    calls = []

    def compared(results, truths):
        calls.append(sum(abs(result.mean() - truth.mean()) for result, truth in zip(results, truths, strict=True)))
        return calls[-1]

    def lacking(border, settings):
        raise Unavailable('lacking: weights.pth is not there')

    for name, opener in (('whole', lambda border, settings: Opened(score_set=compared)), ('lacking', lacking)):
        info = MetricInfo(name, name.title(), 'lower', '', 2, True, name == 'lacking', 'as it is')
        monkeypatch.setitem(catalogue._ENTRIES, name, catalogue._Entry(info, opener))
    return calls


def test_metrics_of_whole_sets_and_metrics_that_lack(work, set_metric, capsys):
    command = ('-m', 'bicubic', 'run/models/net_g_30.pth', '-d', 'S=hr', 'T=:hr', '--metrics', 'whole', 'lacking')
    for number in '12':
        assert call(*command, '--json', f'{number}.json') == 0
    found = outcome('2.json')
    expected = sum(abs(repeated(name).mean() - truth(name).mean()) for name in SIZES)
    assert len(set_metric) == 2 and found.whole['S']['run_30']['whole'] == pytest.approx(expected)
    assert found.whole == outcome('1.json').whole and found.values['S']['run_30'] == {'lacking': (None,) * 3}
    assert found.missing['S']['run_30'] == {'lacking': 'lacking: weights.pth is not there'}
    assert found.missing['T']['run_30']['whole'] == 'the set has no ground truth'
    assert '[1] lacking: weights.pth is not there' in capsys.readouterr().out
    assert call(*command[:-2], 'lacking') == 1
    assert 'not one figure could be computed' in capsys.readouterr().err


def test_a_users_own_network(work, monkeypatch):
    Path('my_net.py').write_text(
        'import torch\nfrom basicsr.utils.registry import ARCH_REGISTRY\n'
        '@ARCH_REGISTRY.register()\nclass EvaluatedNet(torch.nn.Conv2d):\n'
        '    def __init__(self):\n        super().__init__(3, 3, 1)\n')
    save_atomic({'params': torch.nn.Conv2d(3, 3, 1).state_dict()}, work / 'own.pth')
    Path('own.json').write_text('{"arch": {"type": "EvaluatedNet"}, "scale": 1, "iteration": 7}')
    assert call('-m', 'own.pth', '-d', 'S=hr', '--json', 'e.json', '--processes', '2', '--import', 'my_net') == 0
    assert outcome().contestants[0].steps == 7 and outcome().whole['S']['own']['psnr_y'] > 0


def test_weights_that_change_meanwhile(work, monkeypatch):
    original = running._prepared

    def changing(*args):
        nearest_weights(Path('run/models/net_g_30.pth'), 0.2)
        return original(*args)

    monkeypatch.setattr(running, '_prepared', changing)
    assert call('-m', 'run/models/net_g_30.pth', '-d', 'S=hr', '--json', 'e.json') == 1
    assert 'has changed since this evaluation began' in outcome().missing['S']['run_30']['psnr_y']


def test_interrupted(work, monkeypatch, capsys):
    def interrupt(self, task):
        if task.picture == 'b':
            raise KeyboardInterrupt
        return original(self, task)

    original = scoring.Scoring.__call__
    with monkeypatch.context() as patch:
        patch.setattr(scoring.Scoring, '__call__', interrupt)
        assert call('-m', 'bicubic', '-d', 'S=hr', '-s', '2', '--json', 'e.json') == 130
    out, err = capsys.readouterr()
    assert out == '' and 'evaluate: stopped; what was finished is kept' in err and not Path('e.json').exists()
    assert call('-m', 'bicubic', '-d', 'S=hr', '-s', '2', '--json', 'e.json') == 0


@pytest.mark.parametrize(('argv', 'said'), [
    (['-m', 'no.pth', '-d', 'S=hr'], '-m no.pth: no such file or folder; accepted: a file of weights or of'),
    (['-m', 'hr/a.png', '-d', 'S=hr'], 'hr/a.png: not a PyTorch checkpoint'),
    (['-m', 'empty', '-d', 'S=hr'], '-m empty: empty: no image in this folder'),
    (['-m', 'bicubic', 'bicubic', '-d', 'S=hr'], '-m bicubic: bicubic is called bicubic, too; give it once'),
    (['-m', 'gt=hr', '-d', 'S=hr'], 'gt is what the report calls other pictures'),
    (['-m', 'bicubic', '-d', 'S=no'], '-d S: no: no such folder'),
    (['-m', 'bicubic', '-d', 'S=cut'], 'cut/a.png'),
    (['-m', 'run/models/net_g_30.pth', '-d', 'S=hr', '-s', '4'], 'upscales by 2, and this evaluation is at scale 4'),
    (['-m', 'bicubic', '-d', 'S=hr', '--metrics', 'psnrr_y'], "no metric is named 'psnrr_y'"),
    (['-m', 'bicubic', '-d', 'S=hr', '--metrics', 'psnr_y', 'psnr_y'], 'psnr_y is given twice'),
    (['-m', 'bicubic', '-d', 'S=hr', '--baseline', 'x'], '--baseline x: is none of those compared; accepted: bicubic'),
    (['-m', 'bicubic', '-d', 'S=hr', '--json', 'no/x.json'], '--json no/x.json: there is no folder'),
    (['-m', 'bicubic', '-d', 'S=hr', '--json', 'x', '--csv', 'x'], 'both name x'),
    (['-m', 'bicubic', '-d', 'S=hr', '--work', 'hr/a.png/w'], 'a.png is a file; give a folder, new or not'),
    (['-m', 'bicubic', '-d', 'S=hr', '--work', 'hr/w'], '--work hr/w: lies in hr of -d S'),
    (['-m', 'bicubic', '-d', 'S=hr', '--import', 'no_such_module'], '--import no_such_module: No module named'),
    (['-m', 'bicubic', '-d', 'S=hr:hr', '--degrade', 'x.yml', '-s', '1'], 'every -d names low-resolution pictures'),
    (['-m', 'bicubic', '-d', 'S=hr', '--metric_weights', 'lpips=no'], '--metric_weights lpips=no: no: no such file'),
    (['-m', 'bicubic', '-d', 'S=hr', '--metric_weights', 'lpip=hr/a.png'], "no metric is named 'lpip'; accepted: "),
    (['-m', 'part', '-d', 'S=hr', '-s', '2'], '-m part: part: no b, which the set needs'),
    (['-m', 'wrong', '-d', 'S=hr', '-s', '2'], '-m wrong: wrong/a.png is 10x10 (width x height); for a of S'),
])
def test_refused_in_one_line(work, capsys, argv, said):
    Path('empty').mkdir()
    put('part/a.png', truth('a'))
    for name in SIZES:
        put(f'wrong/{name}.png', np.zeros((10, 10, 3), np.uint8))
    Path('cut').mkdir()
    Path('cut/a.png').write_bytes(Path('hr/a.png').read_bytes()[:300])
    assert call(*argv) == 1
    out, err = capsys.readouterr()
    assert out == '' and said in err and err.startswith('evaluate: ') and 'Traceback' not in err
    assert not Path('results').exists() or not list(Path('results').rglob('*.png'))


@pytest.mark.parametrize('flag', ['--json', '--markdown', '--csv'])
@pytest.mark.parametrize('read', ['hr/a.png', 'lr/b.png', 'run/models/net_g_30.pth', 'run/models/net_g_30.json',
                                  'made/c.png'])
def test_what_is_read_is_not_replaced(work, capsys, flag, read):
    for name in SIZES:
        put(f'lr/{name}.png', truth(name)[::2, ::2])
        put(f'made/{name}.png', truth(name))
    (work / 'run/models/net_g_30.json').write_text('{"iteration": 30}')
    before = Path(read).read_bytes()
    assert call('-m', 'run/models/net_g_30.pth', 'made', '-d', 'A=hr:lr', flag, f'hr/../{read}') == 1
    assert 'exists and is not what this command writes' in capsys.readouterr().err
    assert Path(read).read_bytes() == before


def test_the_options_of_a_degradation_are_not_replaced(work, capsys):
    shutil.copy(ROOT / 'options/quickstart_esrnet_x4.yml', 'o.yml')
    before = Path('o.yml').read_bytes()
    assert call('-m', 'bicubic', '-d', 'A=hr', '-s', '4', '--degrade', 'o.yml', '--markdown', 'o.yml') == 1
    assert '--markdown o.yml: is read by this evaluation' in capsys.readouterr().err
    assert Path('o.yml').read_bytes() == before


def test_the_truth_of_another_run_is_not_replaced(work, capsys):
    put('results/A/gt/a.png', truth('a'))
    assert call('-m', 'bicubic', '-d', 'A=results/A/gt', '-s', '3', '--work', 'results') == 1
    assert '--work' in capsys.readouterr().err
    assert (read_rgb('results/A/gt/a.png') == truth('a')).all()


def test_results_of_sixteen_bits_are_rounded_like_all_others(work):
    for name in SIZES:
        deep = truth(name).astype(np.float32) / 255 + np.float32(100 / 65535)
        Path('deep').mkdir(exist_ok=True)
        write_picture(Path(f'deep/{name}.png'), Picture(deep, bits=16))
    assert call('-m', 'bicubic', 'deep', '-d', 'A=hr', '-s', '2', '--json', 'e.json') == 0
    assert outcome().whole['A']['deep']['psnr_y'] == np.inf


def test_a_network_whose_code_changed_is_run_anew(work, monkeypatch):
    from effsr.evaluation import contestants

    asked = ('-m', 'run/models/net_g_30.pth', '-d', 'A=hr', '--json', 'e.json')
    assert call(*asked) == 0
    monkeypatch.setattr(contestants, '_code', lambda model: 'another')
    made = []
    monkeypatch.setattr(scoring, 'upscale_pixels',
                        lambda *rest, then=scoring.upscale_pixels: made.append(rest) or then(*rest))
    assert call(*asked) == 0
    assert len(made) == len(SIZES)


@pytest.mark.slow
@pytest.mark.skipif(os.name != 'posix', reason='kills a process')
def test_killed_at_any_moment(work):
    rows = [sys.executable, str(ROOT / 'effsr/evaluate.py'), '-m', 'bicubic', 'lanczos', 'run/models/net_g_30.pth',
            '-d', 'S=hr', '--processes', '2', '--json', 'e.json']
    for delay in (0.0, 0.03, 0.1):
        process = subprocess.Popen(rows, stdout=subprocess.DEVNULL)
        until = time.monotonic() + 120
        while not Path('results/evaluation/.evaluation.jsonl').exists() and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert all(read_rgb(path).size for path in Path('results').rglob('[!.]*.png'))
    subprocess.run(rows, check=True, stdout=subprocess.DEVNULL, timeout=120)
    assert call('-m', 'bicubic', 'lanczos', 'run/models/net_g_30.pth', '-d', 'S=hr', '--work', 'w', '--json',
                'w.json') == 0
    assert outcome('w.json').values == outcome().values


@pytest.mark.skipif(not (DATA / 'val/Set14').exists(), reason='no Set14')
def test_published_figures(tmp_path):
    sets = [f'{name}={DATA / "val" / name / "HR"}:{DATA / "val" / name / "LRx4"}' for name in ('Set5', 'Set14')]
    argv = ['-m', 'bicubic', f'oracle={DATA / "oracles/rcanplus_set5_x4"}', '-d', *sets, '--metrics', 'psnr_y',
            '--work', str(tmp_path / 'w')]
    assert call(*argv, '--json', str(tmp_path / '1.json')) == 0
    whole = outcome(str(tmp_path / '1.json')).whole
    assert whole['Set5']['bicubic']['psnr_y'] == pytest.approx(28.43, abs=0.005)
    assert whole['Set14']['bicubic']['psnr_y'] == pytest.approx(26.09, abs=0.005)
    assert whole['Set5']['oracle']['psnr_y'] == pytest.approx(32.732, abs=0.001)
    assert whole['Set14']['oracle']['psnr_y'] is None
    # `bridge` is a grey file where these figures come from.
    assert call(*argv, '--grey', 'Set14/img_003', '--json', str(tmp_path / '2.json')) == 0
    assert outcome(str(tmp_path / '2.json')).whole['Set14']['bicubic']['psnr_y'] == pytest.approx(25.995, abs=0.0006)
