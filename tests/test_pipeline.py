"""Whole runs in a temporary working directory: both stages, resuming, testing, upscaling."""
import effsr

# isort: split
import json
import math
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from basicsr.utils.registry import ARCH_REGISTRY
from PIL import Image

import effsr.test
import effsr.train
import effsr.upscale
from effsr.runtime.checkpoint import load_file
from effsr.runtime.sidecar import read_sidecar

EVERY_5 = {'train': {'total_iter': 10, 'scheduler': {'type': 'MultiStepLR', 'milestones': [4, 8]}},
           'val': {'val_freq': 5}, 'logger': {'save_checkpoint_freq': 5}}


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(work, write_options):
    """run(changes, *flags, gan=False): train in the working directory; the exit status."""
    def start(changes=None, *flags, gan=False):
        return effsr.train.main(['-opt', write_options(work, changes, gan), *flags])
    return start


def weights(name='tiny', label='latest', entry='params'):
    return load_file(f'experiments/{name}/models/net_g_{label}.pth')[entry]


def same(one, two):
    assert one.keys() == two.keys()
    return all(torch.equal(one[key], two[key]) for key in one)


def rows(name='tiny'):
    return [json.loads(line) for line in Path(f'experiments/{name}/metrics.jsonl').read_text().splitlines()]


def test_stage_one_stage_two_test_upscale(run, work, write_options, capsys):
    assert run(EVERY_5) == 0
    out = capsys.readouterr().out
    assert 'weights      experiments/tiny/models/net_g_latest.pth' in out.replace('\\', '/')
    from_one = {'path': {'pretrain_network_g': 'experiments/tiny/models/net_g_latest.pth'},
                'next': 'python effsr/test.py', 'val': {'save_img': True}}
    assert run(from_one, gan=True) == 0
    assert 'next         python effsr/test.py' in capsys.readouterr().out
    assert not same(weights(), weights('tiny_gan'))
    test_set = {'name': 'scored', 'datasets': {'train': ..., 'val': ..., 'test_1': {
        'name': 'held_out', 'type': 'DegradedDataset', 'dataroot_gt': 'val'}}, 'train': ..., 'val': {'save_img': True},
        'path': {'pretrain_network_g': 'experiments/tiny_gan/models/net_g_latest.pth'}}
    options = write_options(work, test_set, name='test.yml')
    assert effsr.test.main(['-opt', options, '--json', 'nowhere/scores.json']) == 1
    assert not Path('results').exists() and 'there is no folder' in capsys.readouterr().err
    assert effsr.test.main(['-opt', options, '--json', 'scores.json']) == 0
    row, = [json.loads(line) for line in Path('results/scored/metrics.jsonl').read_text().splitlines()]
    assert row['value'] == rows('tiny_gan')[-1]['value']  # the same weights on the same pictures
    document = json.loads(Path('scores.json').read_text())
    assert document['what'] == 'test' and document['settings']['name'] == 'scored'
    found = document['values']['datasets']['held_out']
    assert found['mean']['psnr'] == {'value': row['value'], 'bicubic': row['baseline']} and not found['left_out']
    each = [picture['psnr']['value'] for picture in found['pictures'].values()]
    assert len(each) == 2 and sum(each) / 2 == pytest.approx(row['value'])
    assert document['tables'][0]['rows'][-1][:2] == ['mean', f'{row["value"]:.4f}']
    assert sorted(path.name for path in Path('results/scored/visualization/held_out').iterdir()) == [
        '00_scored.png', '01_scored.png']
    assert list(Path('experiments/tiny_gan/visualization/held_out').rglob('*_6.png'))
    assert effsr.upscale.main(['-i', 'val', '-m', 'experiments/tiny_gan/models/net_g_latest.pth']) == 0


def test_what_a_run_leaves(run):
    assert run(EVERY_5, gan=True) == 0
    root = Path('experiments/tiny_gan')
    for label in ('5', '10', 'latest'):
        saved = load_file(root / f'models/net_g_{label}.pth')
        assert set(saved) == {'params', 'params_ema'} and not same(saved['params'], saved['params_ema'])
        net = ARCH_REGISTRY.get('SRVGGNetCompact')(num_feat=4, num_conv=1, upscale=2)
        net.load_state_dict(saved['params_ema'], strict=True)
        assert (root / f'models/net_d_{label}.pth').is_file()
    assert same(weights('tiny_gan', '10'), weights('tiny_gan'))
    assert sorted(path.name for path in (root / 'training_states').iterdir()) == ['10.state', '5.state', 'latest.state']
    assert load_file(root / 'training_states/latest.state')['iter'] == 10
    info = read_sidecar(root / 'models/net_g_latest.pth')
    assert info['arch'] == {'type': 'SRVGGNetCompact', 'args': {'num_feat': 4, 'num_conv': 1, 'upscale': 2}}
    assert (info['name'], info['scale'], info['iteration']) == ('tiny_gan', 2, 10)
    assert info['options']['train']['optim_g'] == {'type': 'Adam', 'lr': 1e-3}
    assert [row['iter'] for row in rows('tiny_gan')] == [5, 10]
    for label, row in zip(('5', '10', 'latest'), [*rows('tiny_gan'), rows('tiny_gan')[-1]], strict=True):
        assert read_sidecar(root / f'models/net_g_{label}.pth')['metrics'] == {'held_out': {'psnr': row['value']}}
    resolved = yaml.safe_load((root / 'options.yml').read_text())
    assert resolved['train']['total_iter'] == 10 and resolved['degradation']['blur_kernel_size'] == 7
    assert len(list(root.glob('train_tiny_gan_*.log'))) == 1


def test_the_last_metrics_reach_the_weights_when_validation_comes_after_saving(run):
    assert run({'val': {'val_freq': 4}}) == 0
    assert [row['iter'] for row in rows()] == [4, 6]
    for label in ('6', 'latest'):
        info = read_sidecar(f'experiments/tiny/models/net_g_{label}.pth')
        assert info['metrics'] == {'held_out': {'psnr': rows()[-1]['value']}}


@pytest.mark.parametrize(('changes', 'total'), [
    ({}, 20),  # 30 pictures, batch 8: 3 iterations an epoch
    ({'datasets': {'train': {'batch_size_per_gpu': 7, 'dataset_enlarge_ratio': 2}}}, 17),
    ({'datasets': {'train': {'batch_size_per_gpu': 30}}}, 3),
    ({'datasets': {'train': {'dataset_enlarge_ratio': 50}}}, 1),
])
def test_training_ends_at_total_iter(run, changes, total, capsys):
    changes = {**changes, 'train': {'total_iter': total}, 'logger': {'print_freq': total}}
    assert run(changes) == 0
    assert f'{total}/{total}  epoch' in capsys.readouterr().out
    assert load_file(f'experiments/tiny/training_states/{total}.state')['iter'] == total
    assert read_sidecar('experiments/tiny/models/net_g_latest.pth')['iteration'] == total
    assert rows()[-1]['iter'] == total


@pytest.mark.parametrize('gan', [False, True])
@pytest.mark.parametrize('interrupted_at', [4, 6])  # within an epoch, and at the end of one
def test_an_interrupted_run_goes_on_bit_for_bit(run, gan, interrupted_at, monkeypatch):
    name = 'tiny_gan' if gan else 'tiny'
    changes = {**EVERY_5, 'logger': {'save_checkpoint_freq': interrupted_at}}
    assert run({**changes, 'name': 'whole'}, gan=gan) == 0
    model = 'effsr.models.realesrgan_model.RealESRGANModel' if gan else 'effsr.models.realesrnet_model.RealESRNetModel'
    with monkeypatch.context() as patch:
        patch.setattr(f'{model}.validation', interrupt_at(interrupted_at))
        assert run({**changes, 'name': name, 'val': {'val_freq': interrupted_at}}, gan=gan) == 130
    assert not Path(f'experiments/{name}/models/net_g_latest.pth').exists()
    assert run({**changes, 'name': name}, '--auto_resume', gan=gan) == 0
    for entry in ('params', 'params_ema'):
        assert same(weights('whole', entry=entry), weights(name, entry=entry))
    if gan:
        one, two = (load_file(f'experiments/{run_}/models/net_d_latest.pth')['params'] for run_ in ('whole', name))
        assert same(one, two)


def interrupt_at(iteration):
    def validation(model, dataloader, current_iter, tb_logger, save_img=False):
        assert current_iter == iteration
        raise KeyboardInterrupt
    return validation


def test_a_finished_run_goes_on_when_total_iter_is_raised(run, capsys):
    assert run({**EVERY_5, 'name': 'whole'}) == 0
    assert run(EVERY_5, '--force_yml', 'train:total_iter=5') == 0
    capsys.readouterr()
    assert run(EVERY_5, '--auto_resume') == 0
    assert 'iter: 5' in capsys.readouterr().out
    assert same(weights('whole'), weights())
    assert [row['iter'] for row in rows()] == [5, 10]
    assert rows()[-1] == {**rows('whole')[-1]}
    assert not list(Path('experiments').glob('*archived*'))


def test_a_schedule_with_periods_is_lengthened_with_the_run(run, capsys):
    def cosine(total):
        return {'val': {'val_freq': 2}, 'logger': {'save_checkpoint_freq': 2},
                'train': {'total_iter': total, 'scheduler': {'type': 'CosineAnnealingRestartLR', 'periods': [total]}}}
    assert run(cosine(4)) == 0
    assert run(cosine(8), '--auto_resume') == 1
    assert 'schedule ends after 4 iterations, total_iter is 8; --reset_schedule takes' in capsys.readouterr().err
    assert run(cosine(8), '--auto_resume', '--reset_schedule') == 0
    state = load_file('experiments/tiny/training_states/8.state')
    # 1e-3 * (1 + cos(pi * 7 / 8)) / 2: the rate of the last step follows the new length.
    assert state['optimizers'][0]['param_groups'][0]['lr'] == pytest.approx(1e-3 * (1 + math.cos(math.pi * 7 / 8)) / 2)


@pytest.mark.parametrize(('change', 'kept', 'reset'), [
    ({'optim_g': {'lr': 2e-3}}, [1e-4, 1e-4], [2e-4, 2e-4]),
    ({'scheduler': {'milestones': [6]}}, [1e-4, 1e-4], [1e-3, 1e-4]),
    ({'scheduler': {'milestones': [2]}}, [1e-4, 1e-4], [1e-4, 1e-4]),
    ({'scheduler': {'type': 'StepLR', 'step_size': 3, 'milestones': ...}}, None, [1e-4, 1e-5]),
])
def test_resuming_with_another_rate_or_schedule(run, capsys, change, kept, reset):
    def train(total, more, *flags):
        changes = {'train': {'total_iter': total, 'scheduler': {'type': 'MultiStepLR', 'milestones': [4]}},
                   'logger': {'save_checkpoint_freq': 4}}
        changes['train'] |= {key: {**changes['train'].get(key, {}), **value} for key, value in more.items()}
        changes['train'] = {key: {name: one for name, one in value.items() if one is not ...}
                            if isinstance(value, dict) else value for key, value in changes['train'].items()}
        status = run(changes, *flags)
        captured = capsys.readouterr()
        lines = [line for line in captured.out.splitlines() if ' it/s ' in line]
        return captured.err if status else 0, [float(line.split(' lr ')[1].split()[0]) for line in lines]

    for wanted, flags in ((kept, ['--auto_resume']), (reset, ['--auto_resume', '--reset_schedule'])):
        assert train(4, {})[0] == 0
        status, rates = train(8, change, *flags)
        if wanted is None:
            assert "has schedulers MultiStepLR, the options StepLR; --reset_schedule takes the option file's" in status
            continue
        assert status == 0
        assert [rates[0], rates[-1]] == pytest.approx(wanted)


@pytest.mark.parametrize(('change', 'match'), [
    ({'optim_g': {'type': 'SGD', 'lr': 0.1}}, 'has optimizers Adam, the options SGD'),
    ({'scheduler': {'type': 'MultiStepLR', 'milestones': [2]}}, 'has schedulers none, the options MultiStepLR'),
])
def test_a_state_of_another_optimizer_or_schedule_is_refused(run, capsys, change, match):
    assert run({'train': {'total_iter': 2}}) == 0
    assert run({'train': {'total_iter': 4, **change}}, '--auto_resume') == 1
    assert match in capsys.readouterr().err


def test_best_scores_survive_a_kill_between_saving_and_validation(run, monkeypatch):
    changes = {'val': {'val_freq': 2}, 'logger': {'save_checkpoint_freq': 2}}
    assert run({**changes, 'name': 'whole'}) == 0
    with monkeypatch.context() as patch:
        patch.setattr('effsr.models.realesrnet_model.RealESRNetModel.save', interrupt_saving_after(4))
        assert run(changes) == 130
    assert [row['iter'] for row in rows()] == [2, 4]
    for path in Path('experiments/tiny/training_states').glob('4.*'):
        path.unlink()
    assert run(changes, '--auto_resume') == 0
    assert rows() == rows('whole')  # iteration 4 stands once, and the best so far is known


def interrupt_saving_after(iteration):
    from effsr.models.checkpoints import save

    def saving(model, epoch, current_iter):
        if current_iter > iteration:
            raise KeyboardInterrupt
        save(model, epoch, current_iter)
    return saving


def test_a_finished_run_resumed_as_it_is_changes_nothing(run):
    assert run() == 0
    before = weights()
    assert run(None, '--auto_resume') == 0
    assert same(before, weights())


def test_auto_resume_without_states_starts_afresh(run):
    assert run(None, '--auto_resume') == 0
    first = weights()
    assert run() == 0
    assert same(first, weights())


def test_resume_state_of_another_run(run):
    assert run({**EVERY_5, 'name': 'whole'}) == 0
    assert run({**EVERY_5, 'path': {'resume_state': 'experiments/whole/training_states/5.state'}}) == 0
    assert same(weights('whole'), weights())
    assert not Path('experiments/tiny/models/net_g_5.pth').exists()


def test_a_second_run_archives_the_first_and_loses_nothing(run):
    tensorboard = {'logger': {'use_tb_logger': True}}
    assert run(tensorboard) == 0
    before = {path.relative_to('experiments/tiny'): path.read_bytes()
              for path in Path('experiments/tiny').rglob('*') if path.is_file()}
    assert run(tensorboard, '--force_yml', 'manual_seed=4') == 0
    archived, = Path('experiments').glob('tiny_archived_*')
    assert before == {path.relative_to(archived): path.read_bytes() for path in archived.rglob('*') if path.is_file()}
    assert not same(load_file(archived / 'models/net_g_latest.pth')['params'], weights())
    assert len(list(Path('tb_logger').iterdir())) == 2


def test_workers_change_nothing(run):
    assert run({'name': 'alone'}) == 0
    for persistent in (False, True):
        workers = {'num_worker_per_gpu': 2, 'persistent_workers': persistent, 'prefetch_mode': 'cuda'}
        assert run({'datasets': {'train': workers}}) == 0
        assert same(weights('alone'), weights())


def test_the_same_run_twice_is_the_same_and_another_seed_is_not(run):
    for name, seed in (('a', 1), ('b', 1), ('c', 2)):
        assert run({'queue_size': 16}, '--force_yml', f'name={name}', f'manual_seed={seed}') == 0
    assert same(weights('a'), weights('b')) and not same(weights('a'), weights('c'))


def test_debug(run):
    assert run({'train': {'total_iter': 9}, 'logger': {'use_tb_logger': True}}, '--debug') == 0
    assert [row['iter'] for row in rows('debug_tiny')] == [8, 9]
    assert Path('experiments/debug_tiny/training_states/8.state').is_file()
    assert not Path('experiments/tiny').exists() and not Path('tb_logger').exists()


def test_force_yml(run):
    assert run(None, '--force_yml', 'train:total_iter=2', 'network_g:num_feat=6', 'train:optim_g:lr=1e-2') == 0
    assert read_sidecar('experiments/tiny/models/net_g_2.pth')['arch']['args']['num_feat'] == 6
    resolved = yaml.safe_load(Path('experiments/tiny/options.yml').read_text())
    assert resolved['train']['optim_g']['lr'] == 0.01


def test_training_on_pairs(run, work):
    options = {'high_order_degradation': False, 'gt_size': ..., 'datasets': {
        'train': {'type': 'RealESRGANPairedDataset', 'dataroot_lq': 'lq_train', 'gt_size': 16, 'crop_pad_size': ...},
        'val': {'type': 'PairedImageDataset', 'dataroot_lq': 'lq_val'}}}
    assert run(options) == 1  # links the pictures; there are no pairs yet
    for folder in ('train', 'val'):
        Path(f'lq_{folder}').mkdir()
        for path in Path(folder).iterdir():
            with Image.open(path) as picture:
                picture.resize((picture.width // 2, picture.height // 2)).save(f'lq_{folder}/{path.name}')
    for gan in (False, True):
        assert run(options, gan=gan) == 0


def test_two_test_sets_and_a_training_set_of_the_same_name(run, work, write_options):
    assert run() == 0
    shutil.copytree('val', 'other')
    Path('other/00.png').unlink()
    sets = {'train': {'name': 'a'}, 'val': ..., **{f'test_{number}': {
        'name': name, 'type': 'DegradedDataset', 'dataroot_gt': folder}
        for number, name, folder in ((1, 'a', 'val'), (2, 'b', 'other'))}}
    options = write_options(work, {'name': 'scored', 'datasets': sets, 'val': {'save_img': True}, 'path': {
        'pretrain_network_g': 'experiments/tiny/models/net_g_latest.pth'}})
    assert effsr.test.main(['-opt', options]) == 0
    pictures = Path('results/scored/visualization')
    assert [len(list((pictures / name).iterdir())) for name in 'ab'] == [2, 1]


def test_basicsrs_own_model_and_dataset_run_too(run, capsys):
    dataset = {'type': 'PairedImageDataset_basicsr', 'dataroot_lq': 'val', 'dataroot_gt': 'val', 'crop_pad_size': ...,
               'io_backend': {'type': 'disk'}, 'gt_size': 16, 'use_hflip': True, 'use_rot': False,
               'batch_size_per_gpu': 2}
    assert run({'model_type': 'SRModel_basicsr', 'scale': 1, 'network_g': {'upscale': 1}, 'datasets': {
        'train': dataset, 'val': ...}, 'val': ..., 'gt_size': ..., 'high_order_degradation': False,
        'train': {'scheduler': {'type': 'MultiStepLR', 'milestones': [5]}}}) == 0
    out, err = capsys.readouterr()
    assert Path('experiments/tiny/models/net_g_latest.pth').is_file()
    assert out.count('End of training') == 1 and 'End of training' not in err


def test_what_differs_from_the_resumed_state_is_told(run, capsys):
    assert run({'train': {'total_iter': 4, 'warmup_iter': 2}}) == 0
    capsys.readouterr()
    changed = {'train': {'total_iter': 8, 'warmup_iter': 7, 'pixel_opt': {'loss_weight': 7.0}},
               'degradation': {'noise_range': [5, 6]}}
    assert run(changed, '--auto_resume') == 0
    out = capsys.readouterr().out
    for told in ('train.warmup_iter 2 -> 7', 'train.pixel_opt.loss_weight None -> 7.0',
                 'degradation.noise_range [1.0, 30.0] -> [5.0, 6.0]'):
        assert told in out
    assert out.count(' lr 1.00e-03 ') == 4  # the warm-up was over, and stays so


@pytest.mark.parametrize(('change', 'match'), [
    ({'scheduler': {'type': 'CosineAnnealingLR', 'T_max': 9}}, 'train.scheduler: the training state is of a schedule '
                                                               'with gamma, milestones, restart'),
    ({'optim_g': {'type': 'SGD', 'lr': 0.1, 'momentum': 0.9}}, 'is of an optimizer with betas, SGD of the options has '
                                                               'momentum'),
])
def test_a_state_that_does_not_say_its_kinds_is_compared_by_what_it_holds(run, capsys, change, match):
    """As one of BasicSR's."""
    kept = {'total_iter': 4, 'scheduler': {'type': 'MultiStepLR', 'milestones': [3]}}
    assert run({'train': kept}) == 0
    path = Path('experiments/tiny/training_states/4.state')
    state = load_file(path)
    torch.save({key: state[key] for key in ('epoch', 'iter', 'optimizers', 'schedulers')}, path)
    capsys.readouterr()
    assert run({'train': {**kept, 'total_iter': 6, **change}}, '--auto_resume') == 1
    assert match in capsys.readouterr().err
    assert run({'train': {**kept, 'total_iter': 6}}, '--auto_resume') == 0
    assert "has no random state and no pool (it is BasicSR's)" in capsys.readouterr().out
