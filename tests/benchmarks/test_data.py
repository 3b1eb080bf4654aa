"""python effsr/benchmark.py data, as its user meets it."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset

from effsr import benchmark
from effsr.benchmarks import data, picture_sets
from effsr.benchmarks.data_report import Result, crop_table, speed_table
from effsr.benchmarks.photographs import Photographs
from effsr.benchmarks.picture_sets import cut, in_every_storage, mosaic
from effsr.benchmarks.readers import (
    BASICSR,
    BASICSR_LMDB,
    FOLDER,
    NAMES,
    NO_KERNELS,
    PACKED,
    Cost,
    Numbered,
    Reader,
    build_dataset,
)


@pytest.fixture(scope='module')
def photographs(tmp_path_factory):
    """Three pictures of 360 x 350."""
    folder = tmp_path_factory.mktemp('photographs')
    for number in range(3):
        small = np.random.default_rng(number).integers(0, 256, (5, 5, 3), np.uint8)
        Image.fromarray(small).resize((350, 360)).save(folder / f'{number}.png')
    return folder


@pytest.fixture(scope='module')
def pictures(tmp_path_factory):
    """Five pictures of 410 x 420 in every storage."""
    folder = tmp_path_factory.mktemp('sets') / 'some'
    folder.mkdir()
    for number in range(5):
        small = np.random.default_rng(number).integers(0, 256, (5, 5, 3), np.uint8)
        Image.fromarray(small).resize((420, 410)).save(folder / f'{number}.png')
    return in_every_storage('some', folder)


@pytest.mark.slow
def test_the_whole_command(photographs, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(data, 'NAMES', names := (BASICSR, NO_KERNELS, FOLDER, PACKED))
    written = [str(tmp_path / name) for name in ('speed.json', 'speed.md')]
    flags = ['--images', str(photographs), '--pictures', '1', '--batch', '2', '--rounds', '2', '--seconds', '0.01',
             '--workers', '0', '1', '--json', written[0], '--markdown', written[1]]
    assert benchmark.main(['data', *flags]) == 0
    out, err = capsys.readouterr()
    assert [line for line in err.splitlines() if line.startswith('measuring')] == [
        'measuring 1 PNG of 2040x1356, 0 workers ...', 'measuring 1 PNG of 2040x1356, 1 workers ...',
        'measuring 15 PNG of 400x400, 0 workers ...', 'measuring 15 PNG of 400x400, 1 workers ...',
        'measuring single crops ...']
    for words in ('torch ', 'batch 2', 'read by the main process', '1 worker', 'A crop of 400x400', 'Megabytes',
                  *names):
        assert words in out, words
    plain = json.loads(Path(written[0]).read_text())['values']
    assert [(one['pictures'][:2], one['workers']) for one in plain['reading']] == [('1 ', 0), ('1 ', 1), ('15', 0),
                                                                                   ('15', 1)]
    for one in plain['reading']:
        assert all(cost['samples'] >= 4 and cost['cpu'] > 0 for costs in one['readers'].values() for cost in costs)
    assert plain['crop']['percent']['median'] < 50
    text = Path(written[1]).read_text()
    assert f'| {PACKED} |' in text and '**A crop of 400x400 out of 2040x1356**' in text


def test_mosaics_are_made_of_photographs(photographs):
    listed = Photographs(str(photographs), tuple(map(str, sorted(photographs.iterdir()))), '', 0)
    one, again, other = (mosaic(listed.paths, number, 0) for number in (0, 0, 1))
    assert one.shape == (1356, 2040, 3) and np.array_equal(one, again) and not np.array_equal(one, other)
    source = np.asarray(Image.open(listed.paths[1]))
    windows = np.lib.stride_tricks.sliding_window_view(source, (339, 340, 3))[:, :, 0]
    assert (windows == one[:339, 340:680]).all((2, 3, 4)).any()
    parts = cut(one)
    assert len(parts) == 15 and np.array_equal(parts[6], one[400:800, 400:800])


def test_all_storages_give_the_same_samples(pictures):
    readers = [build_dataset(name, pictures) for name in NAMES if name.startswith('effsr')]
    for index in Numbered(5, 5, 0):
        samples = [reader[index] for reader in readers]
        assert all(torch.equal(sample['gt'], samples[0]['gt']) for sample in samples)
        assert samples[0]['gt'].shape == (3, 400, 400)


def test_basicsrs_kernels_can_be_left_out(pictures):
    random.seed(0)
    for name, zeros in ((BASICSR, False), (NO_KERNELS, True), (BASICSR_LMDB, True)):
        sample = build_dataset(name, pictures)[0]
        assert sample['gt'].shape == (3, 400, 400) and sample['kernel1'].shape == (21, 21)
        assert (sample['kernel1'].abs().sum() == 0) == zeros
    again = build_dataset(BASICSR, pictures)[0]
    assert again['kernel1'].sum() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize('workers', [0, 1])
def test_a_reader_counts_what_it_reads(pictures, workers):
    reader = Reader(build_dataset(PACKED, pictures), 2, workers, 0.02, 0)
    try:
        for number in range(2):
            cost = reader(number)
            assert cost.samples % 2 == 0 and cost.samples >= 4 and cost.cpu > 0 and cost.seconds > 0
        assert reader(2).samples == cost.samples
    finally:
        reader.close()


class Busy(Dataset):
    """Each sample takes CPU time in a process of its own."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        from time import process_time
        end = process_time() + 0.02
        while process_time() < end:
            pass
        return {'gt': torch.zeros(1)}


@pytest.mark.parametrize('workers', [0, 2])
def test_the_workers_cpu_counts(workers):
    reader = Reader(Busy(), 2, workers, 0.3, 0)
    try:
        reader(0)
        cost = reader(1)
        assert 0.018 < cost.cpu / cost.samples < 0.05
    finally:
        reader.close()


def test_the_order_changes_and_goes_through_all():
    sampler = Numbered(5, 12, 0)
    first = list(sampler)
    sampler.epoch += 1
    second = list(sampler)
    assert sorted(map(int, first[:5])) == sorted(map(int, first[5:10])) == list(range(5)) and len(first) == 12
    assert first != second and len({index.seed for index in first + second}) == 24


def test_tables_by_hand():
    costs = {name: [Cost(10, 1.0, 0.5), Cost(10, 2.0, 1.0), Cost(10, 1.0, 0.5)] for name in NAMES}
    costs[PACKED] = [Cost(100, 1.0, 1.0), Cost(100, 1.0, 1.0), Cost(100, 0.5, 1.0)]
    rows = {row[0]: row[1:] for row in speed_table('some', 2, costs).rows}
    assert rows[BASICSR] == ('10', '50.00', '1.0 (1.0-1.0)', '1.0 (1.0-1.0)')
    assert rows[PACKED] == ('100', '10.00', '20.0 (10.0-20.0)', '20.0 (10.0-20.0)') and FOLDER in rows
    result = Result({}, [0.1, 0.2], [0.001, 0.001])
    assert dict(crop_table(result).rows)['share'] == '0.75% (0.50-1.00)'


def test_a_writer_that_fails_is_told(monkeypatch, tmp_path):
    class Broken:
        @staticmethod
        def add_arguments(parser):
            for flag in ('-i', '-o', '--jobs'):
                parser.add_argument(flag)

        @staticmethod
        def run(args):
            print('no room')
            return 1
    monkeypatch.setattr(picture_sets, 'WRITERS', {'lmdb': Broken})
    (tmp_path / 'some').mkdir()
    with pytest.raises(ValueError, match='prepare.py could not write .*some_lmdb.lmdb: no room'):
        in_every_storage('some', tmp_path / 'some')


@pytest.mark.parametrize(('flags', 'line'), [
    (['--rounds', '1'], '--rounds 1; accepted: 2 or more'), (['--batch', '0'], '--batch 0; accepted: 1 or more'),
    (['--pictures', '0'], '--pictures 0; accepted: 1 or more'), (['--seed', '-1'], '--seed -1; accepted: 0 or more'),
    (['--workers', '1', '1'], '--workers 1 1; accepted: different numbers from 0'),
    (['--workers', '-1'], '--workers -1; accepted'), (['--seconds', '0'], '--seconds 0; accepted: above 0'),
    (['--images', 'nowhere'], 'nowhere: no such folder'), (['--json', 'nowhere/x.json'], 'there is no folder')])
def test_bad_input_gets_one_line(flags, line, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert benchmark.main(['data', *flags]) == 1
    out, err = capsys.readouterr()
    assert out == '' and err.startswith('benchmark data: ') and err.count('\n') == 1 and line in err
    assert list(tmp_path.iterdir()) == []
