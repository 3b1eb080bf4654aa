"""Which checkpoints stay."""
import pytest

from effsr.runtime.retention import best_iterations, remove_superfluous, superfluous
from effsr.runtime.sidecar import write_sidecar


@pytest.mark.parametrize(('last', 'every', 'keep', 'gone'), [
    (None, None, (), []),
    (2, None, (), [5, 10, 15]),
    (1, 10, (), [5, 15]),
    (1, None, (5,), [10, 15, 20]),
    (9, None, (), []),
])
def test_superfluous(last, every, keep, gone):
    assert superfluous([25, 20, 5, 10, 15], last, every, keep) == gone


def test_the_best_of_each_metric_of_each_dataset():
    metrics = {5: {'a': {'psnr': 30.0, 'niqe': 4.0}, 'b': {'psnr': 20.0}},
               10: {'a': {'psnr': 31.0, 'niqe': 5.0}, 'b': {'psnr': 19.0}},
               15: {'a': {'psnr': 31.0, 'niqe': None}}, 20: {'a': {'psnr': 29.0, 'niqe': 6.0}}}
    # Of two equal values the later: psnr on a at 15, niqe on a at 5, psnr on b at 5.
    assert best_iterations(metrics, ['niqe']) == {15, 5}
    assert best_iterations({}, []) == set()


def test_files_go_with_all_that_belongs_to_them(tmp_path):
    models, states = tmp_path / 'models', tmp_path / 'training_states'
    models.mkdir()
    states.mkdir()
    for iteration, psnr in ((5, 40.0), (10, 20.0), (15, 30.0), (20, 25.0)):
        (states / f'{iteration}.state').touch()
        for network in ('g', 'd'):
            (models / f'net_{network}_{iteration}.pth').touch()
        write_sidecar(models / f'net_g_{iteration}.pth', {'metrics': {'a': {'psnr': psnr}}})
    (models / 'net_g_latest.pth').touch()
    (models / 'mine_10.txt').touch()
    assert remove_superfluous(states, models, 1, None, True, []) == [10, 15]
    assert sorted(path.name for path in states.iterdir()) == ['20.state', '5.state']
    assert sorted(path.name for path in models.iterdir()) == [
        'mine_10.txt', 'net_d_20.pth', 'net_d_5.pth', 'net_g_20.json', 'net_g_20.pth', 'net_g_5.json', 'net_g_5.pth',
        'net_g_latest.pth']
    assert remove_superfluous(states, models, 1, None, False, []) == [5]
    assert remove_superfluous(states, models, None, None, False, []) == []
