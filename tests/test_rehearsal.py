"""`effsr/train.py --check`: a training once through, told and timed; nothing is left behind."""
import effsr  # noqa: F401  installs the bridge

# isort: split
from types import SimpleNamespace

import pytest
from torch import nn

from effsr.archs.efficientsr_arch import EfficientSRNet
from effsr.archs.srvgg_arch import SRVGGNetCompact
from effsr.rehearsal import count_macs, nothing_left_behind
from effsr.train import main


def tree(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob('*'))


@pytest.fixture
def check(tmp_path, monkeypatch, write_options):
    """check(changes, gan=False) -> (exit status, what it left that was not there before)."""
    def run(changes=None, gan=False, *flags):
        monkeypatch.chdir(tmp_path)
        name = write_options(tmp_path, changes, gan)
        before = tree(tmp_path)
        status = main(['-opt', name, '--check', *flags])
        return status, [path for path in tree(tmp_path) if path not in before]
    return run


@pytest.mark.parametrize('gan', [False, True])
def test_tells_costs_and_leaves_nothing(check, capsys, gan):
    assert check(gan=gan) == (0, [])
    told = capsys.readouterr().out
    for word in ('network_g    SRVGGNetCompact', 'GMACs', 'iteration ', 'waiting for data', 'validation ', 'whole run ',
                 'degradation  ', ' ms in a worker: ', 'losses ', 'l_pix' if not gan else 'l_g_gan', 'ready '):
        assert word in told
    assert ('network_d' in told) == gan


@pytest.mark.parametrize('gan', [False, True])
def test_degradation_in_the_workers(check, capsys, gan):
    changes = {'degradation': {'where': 'workers'}, 'datasets': {'train': {'num_worker_per_gpu': 1}}, 'queue_size': 16}
    assert check(changes, gan) == (0, [])
    told = capsys.readouterr().out
    assert 'losses ' in told and ' with 1 worker on ' in told


def test_a_training_that_would_not_start_is_no_success(check, capsys):
    assert check({'datasets': {'train': {'crop_pad_size': 64}}}) == (1, [])
    assert 'crop_pad_size' in capsys.readouterr().err
    assert check({'train': {'optim_g': {'lr': float('inf')}}})[0] == 1


def test_a_broken_picture_among_the_samples_is_named(check, capsys, tmp_path, pictures):
    (tmp_path / 'own').mkdir()
    whole = (pictures / 'train/00.png').read_bytes()
    for number in range(9):
        # Header and end are right, the middle is not.
        data = whole if number != 4 else whole[:60] + bytes(len(whole) - 80) + whole[-20:]
        (tmp_path / f'own/{number}.png').write_bytes(data)
    assert check({'datasets': {'train': {'dataroot_gt': 'own'}}}) == (1, [])
    assert '4.png' in capsys.readouterr().err


def test_doubts_are_told(check, capsys):
    status, left = check({'datasets': {'val': {'dataroot_gt': 'train'}},
                          'train': {'ema_decay': 0.999, 'optim_g': {'lr': 0.1}}})
    told = capsys.readouterr().out
    assert (status, left) == (0, [])
    for word in ('save_checkpoint_freq 100 is past total_iter 6', 'val_freq 100', 'ema_decay 0.999', 'lr 0.1 is high',
                 '30 of its pictures are trained on, for example 00.png'):
        assert word in told


def test_a_run_of_many_days_is_doubtful(plain_options):
    from effsr.doubts import Measured, find_doubts
    from effsr.options import validate
    options = validate(plain_options({'train': {'total_iter': 10**6, 'ema_decay': 0}}))
    loaders = SimpleNamespace(train=SimpleNamespace(dataset=None), val=[])
    doubts = find_doubts(options, loaders, Measured(step=1.0, waiting=0.5, checkpoint=10, free=100))
    assert 'the run takes about 12 days here' in ' '.join(doubts)
    assert '50% of an iteration is waiting for data' in ' '.join(doubts)
    assert '10002 checkpoints take about' in ' '.join(doubts)


def test_sample_photographs_are_taken_away_unless_they_were_there(tmp_path, monkeypatch, plain_options):
    from effsr.data.sample import write_sample_photographs
    from effsr.options import validate
    monkeypatch.chdir(tmp_path)
    options = validate(plain_options({'datasets': ..., 'sample_data': 'a/b'}))
    with nothing_left_behind(options):
        write_sample_photographs('a/b')
    assert tree(tmp_path) == []
    write_sample_photographs('a/b')
    with nothing_left_behind(options):
        pass
    assert (tmp_path / 'a/b/val/coffee.png').exists()


def test_costs_of_known_networks():
    # Per pixel: k * k * channels in * channels out.
    assert count_macs(nn.Conv2d(3, 5, 3, padding=1), 16) == 16 * 16 * 9 * 3 * 5
    assert count_macs(SRVGGNetCompact(), 256) / 1e9 == pytest.approx(40.6, abs=0.05)
    assert count_macs(EfficientSRNet(), 256) / 1e9 == pytest.approx(14.3, abs=0.05)


def test_a_discriminator_of_one_size(check, capsys):
    network = {'type': 'SRGANDiscriminator', 'num_feat': 2, 'input_size': 16, 'num_dense': 4, 'num_in_ch': ...}
    assert check({'network_d': network}, gan=True) == (0, [])
    assert 'for 3x16x16' in capsys.readouterr().out
