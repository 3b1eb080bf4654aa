"""Whole runs that meet a picture that is not finite: each policy, and the replay of what was written."""
import effsr

# isort: split
import json
import sys
from pathlib import Path

import pytest
import torch

import effsr.train
from effsr.runtime.checkpoint import load_file

# Of the picture 07 one pixel is not finite, as long as the file `broken` is there.
DATASET = """
from pathlib import Path
from basicsr.utils.registry import DATASET_REGISTRY
from effsr.data.realesrgan_dataset import RealESRGANDataset

class BrokenDataset(RealESRGANDataset):
    def __getitem__(self, index):
        sample = super().__getitem__(index)
        if sample['gt_path'].endswith('07.png') and Path('broken').exists():
            sample['gt'][:] = float('nan')
            Path('met').touch()
        return sample

DATASET_REGISTRY._obj_map['BrokenDataset'] = BrokenDataset
"""


@pytest.fixture
def run(tmp_path, monkeypatch, write_options):
    """run(policy, flags, gan): the exit status of ten iterations, which meet the picture at 5 and 8."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / 'broken_pictures.py').write_text(DATASET)
    (tmp_path / 'broken').touch()

    def start(policy, *flags, gan=False, save_every=2):
        changes = {'name': 'tiny', 'import': ['broken_pictures'], 'datasets': {'train': {'type': 'BrokenDataset'}},
                   'train': {'total_iter': 10, 'nonfinite': policy}, 'val': {'val_freq': 100},
                   'logger': {'save_checkpoint_freq': save_every}}
        return effsr.train.main(['-opt', write_options(tmp_path, changes, gan), *flags])
    yield start
    sys.modules.pop('broken_pictures', None)


def incidents():
    return sorted(Path('experiments/tiny/nonfinite').glob('*.json'), key=lambda path: int(path.stem))


@pytest.mark.parametrize('gan', [False, True])
def test_skip(run, capsys, gan):
    assert run({}, gan=gan) == 0
    out = capsys.readouterr().out
    files = incidents()
    assert [file.stem for file in files] == ['5', '8']
    assert 'skipped, 2 of at most 10 within 1,000 iterations' in out
    for file in files:
        report = json.loads(file.read_text())
        sample, = report['diagnosis']['samples']
        assert sample['path'].endswith('07.png') and sample['seed'] == report['batch'][sample['index']]['seed']
    for entry in ('params', 'params_ema'):
        saved = load_file('experiments/tiny/models/net_g_latest.pth')[entry]
        assert all(value.isfinite().all() for value in saved.values())
    state = load_file('experiments/tiny/training_states/10.state')
    assert state['step']['watch']['skipped'] == 2
    assert run({}, '--replay', str(files[-1]), gan=gan) == 0
    report = capsys.readouterr().out
    assert 'first at gt as it was fed; samples: ' in report and '07.png (seed ' in report
    assert 'weights: experiments/tiny/models/net_g_6.pth' in report.replace('\\', '/')


def test_stop(run, capsys):
    assert run({'policy': 'stop'}) == 1
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert 'train: nonfinite: policy is stop; lower lr' in message and '07.png (seed ' in message
    assert [file.stem for file in incidents()] == ['5']
    assert load_file('experiments/tiny/training_states/latest.state')['iter'] == 4


def test_roll_back_until_it_is_too_often(run, capsys):
    """The same pictures come again, and break again."""
    assert run({'policy': 'rollback', 'max_rollbacks': 2}) == 1
    told = capsys.readouterr()
    assert 'rolled back 2 times already, train: nonfinite: max_rollbacks is 2' in told.err
    assert told.out.count('rolling back to the last checkpoint') == 2


def test_nothing_to_roll_back_to(run, capsys):
    assert run({'policy': 'rollback'}, save_every=100) == 1
    assert 'there is no checkpoint of this run to roll back to' in capsys.readouterr().err


def test_roll_back_and_go_on(run, capsys, monkeypatch):
    """Whatever broke is mended in the meantime."""
    from effsr import preparation
    prepare = preparation.prepare_training

    def mended(options, back=None):
        if back is not None:
            Path('broken').unlink()
        return prepare(options, back)
    monkeypatch.setattr('effsr.pipeline.prepare_training', mended)
    assert run({'policy': 'rollback', 'lr_factor': 0.25}) == 0
    assert capsys.readouterr().out.count('rolling back to the last checkpoint, learning rate times 0.25, 1 of at') == 1
    state = load_file('experiments/tiny/training_states/10.state')
    assert state['step']['watch']['rollbacks'] == 1
    assert state['optimizers'][0]['param_groups'][0]['lr'] == pytest.approx(0.25e-3)
    assert torch.tensor(state['step']['learning_rate']['factor']) == 0.25
