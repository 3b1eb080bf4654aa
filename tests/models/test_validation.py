"""Validation: results, bicubic beside them, the best so far, pictures and metrics.jsonl; on several processes too."""
import effsr

# isort: split
import json
import logging
import math
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from basicsr.utils.registry import METRIC_REGISTRY
from PIL import Image
from torch.utils.data import DataLoader

from effsr.data.image_io import read_rgb, to_uint8
from effsr.data.loaders import build_test_loaders
from effsr.data.tolerant import Marked, TolerantDataset, Trouble, collate
from effsr.metrics import compute_metrics
from effsr.models import validation
from effsr.models.scores import Score
from effsr.models.validation import Validator, bicubic, same_buffers, share_of
from effsr.options import place, validate

CPU = torch.device('cpu')
VAL = Path(__file__).parents[3] / 'shared/data/val'
PSNR_Y = {'type': 'calculate_psnr', 'crop_border': 4, 'test_y_channel': True}
KEYS = ['iter', 'dataset', 'metric', 'value', 'baseline', 'best']


class Pairs(torch.utils.data.Dataset):
    """Pairs from memory, each with a path."""

    def __init__(self, paths=('a/one.png', 'a/two.png'), side=12, gt=True):
        generator = torch.Generator().manual_seed(0)
        self.opt = {'name': 'pairs'}
        self.paths, self.has_gt = paths, gt
        self.lq = torch.rand(len(paths), 3, side, side, generator=generator)
        self.gt = torch.rand(len(paths), 3, 2 * side, 2 * side, generator=generator)

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        sample = {'lq': self.lq[index], 'lq_path': self.paths[index]}
        return {**sample, 'gt': self.gt[index]} if self.has_gt else sample


class Recorder:
    """A TensorBoard writer that remembers."""

    def __init__(self):
        self.scalars, self.images = {}, {}

    def add_scalar(self, tag, value, step):
        self.scalars[tag, step] = value

    def add_image(self, tag, image, step, dataformats):
        self.images[tag, step] = (image, dataformats)


@pytest.fixture
def make(tmp_path, plain_options):
    """A validator whose run lies in a temporary folder."""
    def build(is_train=True, rank=0, world_size=1, **val):
        runtime = {'is_train': is_train, 'rank': rank, 'world_size': world_size}
        plain = plain_options({'datasets': ..., 'val': val, 'runtime': runtime})
        options = place(validate(plain), tmp_path, is_train)
        root = options.path.experiments_root or options.path.results_root
        Path(root).mkdir(parents=True, exist_ok=True)
        return Validator(options)
    return build


def shade(value):
    """A network that answers one grey."""
    return lambda lq: torch.full((1, 3, 2 * lq.shape[-2], 2 * lq.shape[-1]), value)


def repeat(lq):
    return lq.repeat_interleave(2, 2).repeat_interleave(2, 3)


def rows(tmp_path):
    return [json.loads(line) for line in (tmp_path / 'experiments/tiny/metrics.jsonl').read_text().splitlines()]


def test_scores_are_means_beside_those_of_bicubic(make, tmp_path):
    validator, pairs, board = make(), Pairs(), Recorder()
    scores = validator.run(repeat, DataLoader(pairs), CPU, 7, board)
    options = validator.metrics
    gt = [to_uint8(image) for image in pairs.gt]
    own = [compute_metrics(options, to_uint8(repeat(pairs.lq[i:i + 1])), gt[i])['psnr'] for i in (0, 1)]
    base = [compute_metrics(options, bicubic(pairs.lq[i:i + 1], 2), gt[i])['psnr'] for i in (0, 1)]
    assert scores == {'psnr': Score(sum(own) / 2, sum(base) / 2, sum(own) / 2, 7)}
    row, = rows(tmp_path)
    assert list(row) == KEYS
    assert row == {'iter': 7, 'dataset': 'pairs', 'metric': 'psnr', 'value': sum(own) / 2, 'baseline': sum(base) / 2,
                   'best': sum(own) / 2}
    assert board.scalars == {('metrics/pairs/psnr', 7): sum(own) / 2, ('metrics/pairs/psnr_bicubic', 7): sum(base) / 2}
    (image, order), = [board.images['pictures/pairs/one (lq, bicubic, result, gt)', 7]]
    assert image.shape == (24, 96, 3) and order == 'HWC' and len(board.images) == 2


@pytest.mark.parametrize(('better', 'bests'), [('higher', [0, 1, 1]), ('lower', [0, 0, 2])])
def test_the_best_so_far(make, tmp_path, better, bests):
    validator = make(metrics={'psnr': {'type': 'calculate_psnr', 'crop_border': 2, 'better': better}})
    values = []
    for iteration, grey in enumerate((0.8, 0.5, 1.0)):
        score = validator.run(shade(grey), DataLoader(Pairs()), CPU, iteration)['psnr']
        values.append(score.value)
        assert (score.best, score.best_iter) == (values[bests[iteration]], bests[iteration])
    assert [row['best'] for row in rows(tmp_path)] == [values[best] for best in bests]
    again = make(metrics={'psnr': {'type': 'calculate_psnr', 'crop_border': 2, 'better': better}})
    again.restore(validator.state())
    assert again.scores == validator.scores


def test_equal_pictures_give_json_null(make, tmp_path):
    pairs = Pairs()
    pairs.gt = repeat(pairs.lq)
    assert make().run(repeat, DataLoader(pairs), CPU, 1)['psnr'].value == math.inf
    assert 'Infinity' not in (tmp_path / 'experiments/tiny/metrics.jsonl').read_text()
    assert rows(tmp_path)[0]['value'] is None


def test_pictures_of_one_name_keep_their_own_baseline_and_file(make, tmp_path):
    same = make().run(repeat, DataLoader(Pairs(('a/x.png', 'b/x.png'))), CPU, 1, save_img=True)
    other = make().run(repeat, DataLoader(Pairs()), CPU, 1)
    assert same['psnr'].baseline == other['psnr'].baseline
    assert len(list((tmp_path / 'experiments').rglob('*.png'))) == 2


def test_the_baseline_is_computed_once(make, monkeypatch):
    validator, calls = make(), []
    monkeypatch.setattr('effsr.models.validation.bicubic', lambda *args: calls.append(args) or bicubic(*args))
    for iteration in (1, 2):
        validator.run(repeat, DataLoader(Pairs()), CPU, iteration)
    assert len(calls) == 2


def test_pictures_are_written_and_are_the_result(make, tmp_path):
    pairs = Pairs()
    make().run(repeat, DataLoader(pairs), CPU, 5, save_img=True)
    written = tmp_path / 'experiments/tiny/visualization/pairs/one/one_5.png'
    np.testing.assert_array_equal(read_rgb(written), to_uint8(repeat(pairs.lq[:1])))
    for suffix, name in ((None, 'one_tiny.png'), ('new', 'one_new.png')):
        make(is_train=False, suffix=suffix).run(repeat, DataLoader(pairs), CPU, 'tiny', save_img=True)
        assert (tmp_path / 'results/tiny/visualization/pairs' / name).is_file()


def test_without_gt_there_are_pictures_and_no_scores(make, tmp_path):
    board = Recorder()
    assert make().run(repeat, DataLoader(Pairs(gt=False)), CPU, 1, board, save_img=True) == {}
    assert len(list((tmp_path / 'experiments').rglob('*.png'))) == 2
    assert not (tmp_path / 'experiments/tiny/metrics.jsonl').exists()
    assert board.images['pictures/pairs/one (lq, bicubic, result, gt)', 1][0].shape == (24, 72, 3)


@pytest.mark.parametrize(('metric', 'match'), [
    ({'type': 'calculate_psnrr', 'crop_border': 4}, r'metrics.*psnr.*calculate_psnrr.*did you mean calculate_psnr'),
    ({'type': 'calculate_psnr', 'crop_border': ...}, 'crop_border'),
    ({'type': 'calculate_psnr', 'crop_border': 4, 'y': True}, 'psnr.y: unknown argument'),
])
def test_a_wrong_metric_shows_before_training(make, metric, match):
    with pytest.raises(ValueError, match=match):
        make(metrics={'psnr': metric})


def test_tiles_give_the_whole_for_a_convolutional_network(plain_options):
    plain = plain_options({'datasets': ..., 'network_g': {'num_conv': 2}})
    torch.manual_seed(0)
    model = effsr.build_model(plain)
    lq = torch.rand(1, 3, 37, 41)
    tiled = Validator(validate({**plain, 'val': {'tile': 8, 'tile_pad': 4}})).infer(model.net_g, lq)
    torch.testing.assert_close(tiled, model.net_g(lq).detach(), rtol=0, atol=1e-5)


@pytest.mark.parametrize('tile', [0, 9])
def test_rrdbnet_x2_takes_odd_sizes(plain_options, tile):
    network = {'type': 'RRDBNet', 'num_in_ch': 3, 'num_out_ch': 3, 'num_feat': 4, 'num_block': 1, 'num_grow_ch': 4,
               'scale': 2, 'num_conv': ..., 'upscale': ...}
    model = effsr.build_model(plain_options({'datasets': ..., 'network_g': network, 'val': {'tile': tile}}))
    model.feed_data({'lq': torch.rand(1, 3, 11, 13)})
    model.test()
    assert model.output.shape == (1, 3, 22, 26)


def test_not_twice_at_the_same_iteration(plain_options, tmp_path):
    (tmp_path / 'experiments/tiny').mkdir(parents=True)
    options = place(validate(plain_options({'datasets': ...})), tmp_path, True)
    model = effsr.build_model(options)
    model.current_iter = 4
    for label in (4, 5):  # BasicSR's loop calls the last iteration one more than it is
        model.validation(DataLoader(Pairs()), label, None)
    model.current_iter = 5
    model.validation(DataLoader(Pairs()), 5, None)
    assert [row['iter'] for row in rows(tmp_path)] == [4, 5]
    assert model.net_g.training


def test_bicubic_of_a_plane_is_the_plane():
    assert (bicubic(torch.full((1, 3, 6, 5), 0.4), 3) == 102).all()
    assert bicubic(torch.zeros(1, 3, 6, 5), 3).shape == (18, 15, 3)


@pytest.mark.parametrize(('name', 'psnr', 'within'), [('Set5', 28.43, 0.01), ('Set14', 26.09, 0.1)])
def test_bicubic_has_its_published_figure(plain_options, name, psnr, within):
    if not (VAL / name).is_dir():
        pytest.skip(f'{name} is not here: its bicubic figure cannot be checked')
    dataset = {'name': name, 'type': 'PairedImageDataset', 'dataroot_gt': str(VAL / name / 'HR'),
               'dataroot_lq': str(VAL / name / 'LRx4')}
    options = validate(plain_options({'scale': 4, 'network_g': {'upscale': 4}, 'datasets': {'train': ..., 'val': ...,
                                                                                           'val_2': dataset}}))
    loader, = build_test_loaders(options, 'val')
    values = [compute_metrics({'psnr': PSNR_Y}, bicubic(sample['lq'], 4), to_uint8(sample['gt']))['psnr']
              for sample in loader]
    assert abs(np.mean(values) - psnr) < within


def test_an_image_with_transparency_can_be_validated(make, tmp_path, plain_options):
    Image.new('RGBA', (24, 24), (10, 20, 30, 128)).save(tmp_path / 'a.png')
    plain = plain_options({'datasets': {'train': ..., 'val': {'dataroot_gt': str(tmp_path)}}})
    loader, = build_test_loaders(validate(plain), 'val')
    assert math.isfinite(make().run(repeat, loader, CPU, 1)['psnr'].value)


def test_without_gt_the_metrics_that_need_none_are_computed(make):
    def darkness(img, **_):
        return 255 - float(img.mean())

    METRIC_REGISTRY._do_register('darkness', darkness)
    try:
        metrics = {'psnr_y': PSNR_Y, 'dark': {'type': 'darkness', 'better': 'lower'}}
        scores = make(metrics=metrics).run(shade(1.0), DataLoader(Pairs(gt=False)), CPU, 1)
    finally:
        METRIC_REGISTRY._obj_map.pop('darkness')
    assert list(scores['dark'][:1]) == [0.0] and set(scores) == {'dark'}


@pytest.mark.parametrize('pbar', [True, False])
def test_a_progress_bar_by_option(make, capsys, pbar):
    make(pbar=pbar).run(repeat, DataLoader(Pairs()), CPU, 1)
    assert ('validating pairs' in capsys.readouterr().err) == pbar


class Processes:
    """Threads that stand for processes: gather and share between them as over a process group."""

    def __init__(self, count):
        self.count, self.values, self.own = count, [None] * count, threading.local()
        self.barrier = threading.Barrier(count, timeout=20)

    def gather(self, value):
        self.values[self.own.rank] = value
        self.barrier.wait()
        values = list(self.values)
        self.barrier.wait()
        return values

    def share(self, value):
        return self.gather(value)[0]

    def run(self, work):
        """What work(rank) gives, or raises, on each."""
        outcomes = [None] * self.count

        def one(rank):
            self.own.rank = rank
            try:
                outcomes[rank] = work(rank)
            except Exception as error:
                outcomes[rank] = error

        threads = [threading.Thread(target=one, args=(rank,)) for rank in range(self.count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return outcomes


@pytest.fixture
def processes(monkeypatch):
    def start(count):
        group = Processes(count)
        monkeypatch.setattr(validation, 'gather', group.gather)
        monkeypatch.setattr(validation, 'share', group.share)
        return group
    return start


PATHS = ('a/one.png', 'b/one.png', 'a/two.png', 'a/three.png', 'c/one.png')


def tree(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


@pytest.mark.parametrize('count', [2, 3, 7])
@pytest.mark.parametrize('is_train', [True, False])
def test_several_processes_are_one(make, tmp_path, processes, count, is_train):
    iteration = 5 if is_train else 'tiny'
    alone = Recorder()
    one = make(is_train).run(repeat, DataLoader(Pairs(PATHS)), CPU, iteration, alone, save_img=True)
    root = tmp_path / ('experiments' if is_train else 'results')
    expected = tree(root)
    (root / 'tiny').rename(tmp_path / 'before')
    validators = [make(is_train, rank, count) for rank in range(count)]
    board = Recorder()
    found = processes(count).run(lambda rank: validators[rank].run(
        repeat, DataLoader(Pairs(PATHS)), CPU, iteration, board if rank == 0 else None, save_img=True))
    assert found == [one] * count
    assert tree(root) == expected and len(expected) == 6
    assert not [path for path in root.rglob('*') if path.name.startswith('.')]
    assert board.scalars == alone.scalars and list(board.images) == list(alone.images)
    assert all((board.images[tag][0] == alone.images[tag][0]).all() for tag in alone.images)


def test_a_failure_on_one_process_ends_all(make, processes):
    def net(lq):
        if lq[0, 0, 0, 0] == pairs.lq[3, 0, 0, 0]:
            raise RuntimeError('out of luck\nat line 3')
        return repeat(lq)

    pairs = Pairs(PATHS)
    validators = [make(rank=rank, world_size=2) for rank in (0, 1)]
    found = processes(2).run(lambda rank: validators[rank].run(net, DataLoader(pairs), CPU, 1))
    assert [type(error) for error in found] == [ValueError, RuntimeError]
    assert str(found[0]) == 'validating pairs on process 1: out of luck'


class Broken(Pairs):
    """Pairs of which some cannot be read."""

    def __init__(self, broken, on_error='skip'):
        super().__init__(PATHS)
        self.broken = broken
        self.opt = {'name': 'pairs', 'type': 'Broken', 'phase': 'val', 'on_error': on_error}

    def __getitem__(self, index):
        if index in self.broken:
            raise OSError(2, 'No such file or directory', PATHS[index])
        return super().__getitem__(index)


def broken_loader(broken, on_error='skip'):
    return DataLoader(TolerantDataset(Broken(broken, on_error), 'val'), collate_fn=collate)


def test_pictures_that_cannot_be_read_are_left_out_of_the_mean(make, caplog, monkeypatch, processes):
    monkeypatch.setattr(logging.getLogger('basicsr'), 'propagate', True)
    good = [1, 2, 4]
    pairs = Pairs(PATHS)
    own = [compute_metrics(make().metrics, to_uint8(repeat(pairs.lq[i:i + 1])), to_uint8(pairs.gt[i]))['psnr']
           for i in good]
    score = make().run(repeat, broken_loader((0, 3)), CPU, 1)['psnr']
    assert score.value == float(np.mean(own))
    line = 'pairs: 2 of 5 pictures left out: one.png (No such file or directory), three.png (No such file or directory)'
    # A record may be captured at the logger and at the root above it.
    records = {id(record): record for record in caplog.records}.values()
    assert [record.getMessage() for record in records if record.levelname == 'WARNING'] == [line]
    validators = [make(rank=rank, world_size=2) for rank in (0, 1)]
    found = processes(2).run(lambda rank: validators[rank].run(repeat, broken_loader((0, 3)), CPU, 1)['psnr'])
    assert found == [score] * 2


def test_none_left_and_fail(make):
    with pytest.raises(ValueError, match=r'pairs: none of 5 pictures can be read: one\.png .* check its folder'):
        make().run(repeat, broken_loader(range(5)), CPU, 1)
    with pytest.raises(ValueError, match=r'datasets\.val: Broken: .*a/three\.png'):
        make().run(repeat, broken_loader((3,), 'fail'), CPU, 1)


def test_marks_do_not_reach_the_model(make):
    sample = Marked({}, [Trouble('x.png', 'cut')])
    assert collate([sample]).replaced == sample.replaced and not collate([sample])


def test_each_process_reads_its_own_share():
    loader = DataLoader(Pairs(PATHS))
    shares = [[(number, sample['lq_path'][0]) for number, sample in share_of(loader, rank, 2)] for rank in (0, 1)]
    assert shares == [[(0, 'a/one.png'), (2, 'a/two.png'), (4, 'c/one.png')], [(1, 'b/one.png'), (3, 'a/three.png')]]
    assert list(share_of(DataLoader(Pairs(PATHS[:1])), 1, 2)) == []


def test_statistics_are_those_of_process_0(processes):
    nets = [torch.nn.BatchNorm2d(2) for _ in range(2)]
    nets[1].running_mean.fill_(5), nets[1].num_batches_tracked.fill_(9)
    nets[0].running_mean.fill_(3)
    processes(2).run(lambda rank: same_buffers(nets[rank]))
    assert nets[1].running_mean.tolist() == [3, 3] and nets[1].num_batches_tracked == 0
    same_buffers(repeat)  # any callable will do


@pytest.mark.slow
def test_two_processes_score_a_test_set_as_one(tmp_path, write_options):
    from effsr.runtime.checkpoint import save_atomic
    net = {'num_feat': 4, 'num_conv': 1, 'upscale': 2}
    torch.manual_seed(0)
    save_atomic({'params': effsr.build_model({**json.loads(json.dumps({'network_g': {
        'type': 'SRVGGNetCompact', **net}, 'scale': 2, 'num_gpu': 0, 'runtime': {'is_train': False}}))}
                                             ).net_g.state_dict()}, tmp_path / 'net.pth')
    root, outputs = Path(__file__).parents[2], {}
    for count in (1, 2):
        options = write_options(tmp_path, {
            'name': 'scored', 'path': {'pretrain_network_g': 'net.pth'}, 'train': ..., 'val': {'save_img': True},
            'datasets': {'train': ..., 'val': ..., 'test_1': {'name': 'photos', 'type': 'DegradedDataset',
                                                              'dataroot_gt': 'train'}}})
        launcher = [] if count == 1 else ['-m', 'torch.distributed.run', '--standalone', f'--nproc_per_node={count}']
        flags = [] if count == 1 else ['--launcher', 'pytorch']
        done = subprocess.run([sys.executable, *launcher, str(root / 'effsr/test.py'), '-opt', options, *flags],
                              cwd=tmp_path, env={**os.environ, 'OMP_NUM_THREADS': '1'}, capture_output=True, text=True,
                              timeout=200)
        assert done.returncode == 0, done.stderr
        outputs[count] = [line for line in done.stdout.splitlines() if line.startswith('photos ')]
        (tmp_path / 'results/scored').rename(tmp_path / f'results{count}')
    assert outputs[1] == outputs[2] and len(outputs[1]) == 1
    one, two = tree(tmp_path / 'results1'), tree(tmp_path / 'results2')
    assert (tmp_path / 'results1/metrics.jsonl').read_bytes() == (tmp_path / 'results2/metrics.jsonl').read_bytes()
    pictures = {path: data for path, data in one.items() if path.suffix == '.png'}
    assert len(pictures) == 30 and pictures == {path: data for path, data in two.items() if path.suffix == '.png'}
