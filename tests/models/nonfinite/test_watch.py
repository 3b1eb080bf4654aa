"""Steps that are not finite: nothing of them stays, they are told, written down and judged."""
import effsr

# isort: split
import copy
import json
import logging
import re

import pytest
import torch
from basicsr.utils.registry import ARCH_REGISTRY
from torch import nn

from effsr.models.nonfinite import watch as nonfinite
from effsr.models.nonfinite.watch import NonFiniteError, RollBack, Watch

NAN = float('nan')


@pytest.fixture
def build(plain_options, tmp_path):
    """build(changes, gan, **nonfinite): a model that trains on pairs and writes to a folder."""
    def make(changes=None, gan=False, **policy):
        torch.manual_seed(0)
        options = plain_options({'datasets': ..., 'val': ..., 'high_order_degradation': False,
                                 'path': {'experiments_root': str(tmp_path)}, **(changes or {})}, gan)
        options['train']['nonfinite'] = policy
        return effsr.build_model(options)
    return make


@pytest.fixture
def lines(monkeypatch):
    """The warnings that were logged."""
    found = []

    class Handler(logging.Handler):
        def emit(self, record):
            found.append(record.getMessage())
    logger, handler = logging.getLogger('basicsr'), Handler(logging.WARNING)
    logger.addHandler(handler)
    yield found
    logger.removeHandler(handler)


def batch(number, broken=None, value=NAN):
    """Four pairs with seeds and files; `broken` = (key, index) of a sample with one pixel that is not finite."""
    generator = torch.Generator().manual_seed(number)
    gt = torch.rand(4, 3, 16, 16, generator=generator)
    data = {'lq': nn.functional.avg_pool2d(gt, 2), 'gt': gt, 'seed': torch.arange(4) + 10 * number,
            'gt_path': [f'train/{name}.png' for name in 'abcd']}
    if broken is not None:
        key, index = broken
        data[key][index, 0, 3, 3] = value
    return data


def train(model, numbers, broken_at=(), broken=('lq', 1), value=NAN):
    for iteration in numbers:
        model.update_learning_rate(iteration)
        model.feed_data(batch(iteration, broken if iteration in broken_at else None, value))
        model.optimize_parameters(iteration)


def states(model):
    """Weights, average and tensors of optimizer states."""
    found = {}
    for name in ('net_g', 'net_d', 'net_g_ema'):
        net = getattr(model, name)
        found.update({f'{name}.{key}': value for key, value in (net.state_dict() if net else {}).items()})
    for number, optimizer in enumerate(model.optimizers):
        for index, values in optimizer.state_dict()['state'].items():
            found.update({f'{number}.{index}.{key}': torch.as_tensor(value) for key, value in values.items()})
    return copy.deepcopy(found)


def assert_same(one, other):
    assert one.keys() == other.keys()
    assert [key for key in one if not torch.equal(one[key], other[key])] == []


@pytest.mark.parametrize('optimizer', [{'type': 'Adam'}, {'type': 'SGD', 'momentum': 0.9}, {'type': 'NAdam'}])
@pytest.mark.parametrize('broken', [('lq', 1), ('gt', 2)])
@pytest.mark.parametrize('gan', [False, True])
@pytest.mark.parametrize('broken_at', [1, 3])
def test_a_skipped_step_never_was(build, lines, gan, broken, broken_at, optimizer):
    changes = {'train': {'optim_g': optimizer}}
    model, without = build(changes, gan), build(changes, gan)
    train(model, range(1, 6), {broken_at}, broken)
    # The step of G goes through D, that of D over what G made: one bad sample of lq or gt spoils both.
    train(without, [number for number in range(1, 6) if number != broken_at])
    assert_same(states(model), states(without))
    assert all(value.isfinite().all() for value in states(model).values())
    assert model.watch.skipped == 1 and len(lines) == 1


@pytest.mark.parametrize('value', [NAN, float('inf')])
def test_what_is_told_and_written(build, lines, tmp_path, value):
    model = build()
    train(model, [1, 2], {2}, value=value)
    file = tmp_path / 'nonfinite' / '2.json'
    assert lines == ['iteration 2: l_pix and the gradient of network_g are not finite; first at lq as it was fed; '
                     f'samples: train/b.png (seed 21): lq, result; batch written to {file}; skipped, 1 of at most 10 '
                     'within 1,000 iterations']
    report = json.loads(file.read_text())
    assert report['iteration'] == 2 and report['what'] == ['l_pix', 'gradient of network_g']
    assert [(sample['seed'], sample['path']) for sample in report['batch']] == \
        [(20 + i, f'train/{name}.png') for i, name in enumerate('abcd')]
    assert report['diagnosis']['samples'] == [{'index': 1, 'seed': 21, 'path': 'train/b.png',
                                               'faults': ['lq', 'result']}]
    assert report['settings'] == {'precision': 'float32', 'learning_rate': {'optim_g': [1e-3]}, 'device': 'cpu',
                                  'rank': 0}
    saved = torch.load(file.with_suffix('.pth'), weights_only=True)
    assert set(saved) == {'lq', 'gt', 'gt_usm', 'seeds'} and saved['seeds'].tolist() == [20, 21, 22, 23]
    assert torch.equal(saved['lq'].isfinite(), batch(2, ('lq', 1), value)['lq'].isfinite())
    assert sorted(path.name for path in file.parent.iterdir()) == ['2.json', '2.pth']


class Normed(nn.Module):
    """An upscaler with batch norm between two scales, so that its activations may be huge and its result not."""

    def __init__(self):
        super().__init__()
        self.scale = 1.0
        self.head, self.norm, self.tail = nn.Conv2d(3, 4, 3, 1, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 12, 3, 1, 1)

    def forward(self, x):
        return nn.functional.pixel_shuffle(self.tail(self.norm(self.head(x * self.scale))), 2)


@pytest.mark.parametrize('gan', ['no', 'yes', 'discriminator alone'])
def test_infinite_statistics_are_put_back_and_told_and_the_average_goes_on(build, lines, monkeypatch, gan):
    monkeypatch.setitem(ARCH_REGISTRY._obj_map, 'Normed', Normed)
    changes = {'network_g': {'type': 'Normed', 'num_feat': ..., 'num_conv': ..., 'upscale': ...}}
    if gan == 'discriminator alone':
        changes['train'] = {'net_d_init_iters': 2}
    model = build(changes, gan != 'no')
    train(model, [1])
    before = states(model)
    model.net_g.scale = 3e20
    train(model, [2])
    names = [name for name, value in states(model).items() if not torch.equal(value, before[name])]
    assert all(name.startswith(('net_d', '1.')) for name in names) and bool(names) is (gan == 'yes')
    assert len(lines) == 1
    assert lines[0].startswith('iteration 2: the statistics of network_g are not finite; not met again')
    model.net_g.scale = 1.0
    train(model, [3])
    assert not torch.equal(model.net_g_ema.tail.weight, before['net_g_ema.tail.weight'])
    assert len(lines) == 1 and all(value.isfinite().all() for value in states(model).values())


def test_an_average_that_stands_still_is_told(build, lines, monkeypatch):
    """Statistics that were infinite before the step, as in a network that was loaded so."""
    monkeypatch.setitem(ARCH_REGISTRY._obj_map, 'Normed', Normed)
    model = build({'network_g': {'type': 'Normed', 'num_feat': ..., 'num_conv': ..., 'upscale': ...}})
    model.net_g.norm.running_var[1] = torch.inf
    before = model.net_g_ema.tail.weight.clone()
    train(model, [1])
    assert torch.equal(model.net_g_ema.tail.weight, before)
    assert len(lines) == 1 and lines[0].startswith('iteration 1: the input of the moving average is not finite; ')


def test_an_optimizer_that_stands_still_is_told(build, lines):
    model = build({'train': {'optim_g': {'type': 'Adagrad'}, 'pixel_opt': {'loss_weight': 1e20}}})
    weight = model.net_g.body[0].weight
    train(model, [1])
    model.optimizer_g.state[weight]['sum'].fill_(3.4e38)
    before = states(model)
    train(model, [2])
    assert_same(states(model), before)
    assert len(lines) == 1 and lines[0].startswith('iteration 2: the state of optim_g is not finite; ')


def test_the_log_goes_on_without_what_was_skipped(build):
    model = build()
    train(model, [1, 2, 3], {2})
    assert 0 < model.get_current_log()['l_pix'] < 1


def test_more_than_the_limit_within_the_window_ends_it(build, lines, tmp_path):
    model = build(limit=2, window=5)
    train(model, range(1, 9), {1, 2, 7, 8})  # at 8 the first two lie outside
    assert model.watch.skipped == 4 and lines[-1].endswith('skipped, 2 of at most 2 within 5 iterations')
    with pytest.raises(NonFiniteError, match=r'iteration 9: l_pix .*; 3 within 5 iterations, train: nonfinite: limit '
                       r'is 2; lower lr in train: optim_g .*--auto_resume'):
        train(model, [9], {9})
    assert (tmp_path / 'nonfinite' / '9.json').exists()
    with pytest.raises(NonFiniteError, match='1 within 1,000 iterations, train: nonfinite: limit is 0'):
        train(build(limit=0), [1], {1})


def test_stop(build, tmp_path):
    model = build(policy='stop')
    before = states(model)
    with pytest.raises(NonFiniteError) as caught:
        train(model, [1], {1})
    assert re.search(r'samples: train/b.png \(seed 11\).*batch written to .*1\.json; train: nonfinite: policy is stop; '
                     r'lower lr .* or set train: precision: fp32', str(caught.value))
    assert '\n' not in str(caught.value) and isinstance(caught.value, ValueError)
    assert_same(states(model), before)


def test_roll_back_is_counted_and_bounded(build):
    model = build(policy='rollback', max_rollbacks=2, lr_factor=0.25)
    with pytest.raises(RollBack) as caught:
        train(model, [1, 2], {2})
    back = caught.value
    assert (back.iteration, back.rollbacks) == (2, 1)
    assert str(back).endswith('rolling back to the last checkpoint, learning rate times 0.25, 1 of at most 2')
    again = build(policy='rollback', max_rollbacks=2)
    again.watch.load_state_dict({**model.watch.state_dict(), 'rollbacks': back.rollbacks})
    with pytest.raises(RollBack, match='2 of at most 2'):
        train(again, [1], {1})
    with pytest.raises(NonFiniteError, match='rolled back 2 times already, train: nonfinite: max_rollbacks is 2'):
        train(again, [1], {1})
    with pytest.raises(NonFiniteError, match='rolled back 0 times already'):
        train(build(policy='rollback', max_rollbacks=0), [1], {1})


def test_the_count_goes_on_after_a_resume(build):
    model = build(limit=2)
    train(model, range(1, 4), {1, 3})
    state = json.loads(json.dumps(model.watch.state_dict()))
    assert state == {'window': [1, 3], 'skipped': 2, 'rollbacks': 0, 'written': 2}
    again = build(limit=2)
    again.watch.load_state_dict(state)
    with pytest.raises(NonFiniteError, match='3 within 1,000'):
        train(again, [4], {4})


def test_without_a_folder_and_beyond_the_most_files(build, lines, tmp_path, monkeypatch):
    model = build({'path': ...})
    train(model, [1], {1})
    assert 'batch not written: there is no folder of a run; skipped' in lines[-1]
    monkeypatch.setattr(nonfinite, 'MOST_FILES', 1)
    train(build(), [1, 2], {1, 2})
    assert 'batch not written: 1 are there already; skipped' in lines[-1]
    (tmp_path / 'nonfinite' / '1.pth').unlink()


def test_a_folder_that_cannot_be_written_to_does_not_end_a_run(build, lines, tmp_path):
    (tmp_path / 'nonfinite').write_text('in the way')
    model = build()
    train(model, [1, 2], {1})
    assert 'batch not written: ' in lines[-1] and model.watch.skipped == 1


def test_a_diagnosis_that_fails_does_not_end_a_run(build, lines, monkeypatch):
    def fail(*_):
        raise torch.OutOfMemoryError('no room\nat all')
    monkeypatch.setattr('effsr.models.nonfinite.diagnosis.Search', fail)
    train(build(), [1, 2], {1})
    assert 'the cause was not looked for (OutOfMemoryError: no room); batch written' in lines[-1]


def test_batches_without_seeds_or_files(build, lines):
    model = build()
    data = {key: value for key, value in batch(1, ('lq', 2)).items() if key in ('lq', 'gt')}
    model.feed_data(data)
    model.optimize_parameters(1)
    assert 'samples: number 2 of the batch: lq, result;' in lines[-1]
    model.lq, model.gt, model.gt_usm = (tensor[:2] for tensor in (model.lq, model.gt, model.gt_usm))
    model.lq = model.lq * NAN
    model.optimize_parameters(2)
    assert 'samples: number 0 of the batch: lq, result; number 1 of the batch: lq, result;' in lines[-1]


def test_samples_made_by_degradation_are_named(build, lines):
    """gt is not finite in one image; the pool keeps its pair and hands it out again at some time."""
    model = build({'high_order_degradation': True, 'queue_size': 8, 'gt_size': 8, 'gt_usm': False})
    for iteration in range(1, 9):
        data = batch(iteration)
        del data['lq']
        data['gt'][3] = data['gt'][3] * (NAN if iteration == 1 else 1)
        model.feed_data(data)
        model.optimize_parameters(iteration)
    assert len(lines) == 2  # once as it came, once out of the pool
    assert all('first at gt as it was fed; samples: train/d.png (seed 13): gt; ' in line for line in lines)


class Late:
    """Flags of an accelerator that lags behind: there when told so, or when waited for."""

    def __init__(self, flags):
        self.flags, self.here, self.was_read = flags, False, False

    def ready(self):
        return self.here

    def read(self):
        self.was_read = True
        return self.flags.tolist()


@pytest.fixture
def late(build):
    """late(**policy): a model whose flags come late, and the arrivals."""
    def make(**policy):
        model, arrivals = build(**policy), []

        def send(flags):
            arrivals.append(Late(flags.cpu()))
            return arrivals[-1]
        model.watch = Watch(model.options, model.device, send)
        return model, arrivals
    return make


def test_the_host_waits_for_no_step_newer_than_four(late, lines):
    model, arrivals = late()
    train(model, range(1, 5), {1, 2})
    assert not any(arrival.was_read for arrival in arrivals) and lines == []
    train(model, [5])
    assert [arrival.was_read for arrival in arrivals] == [True, False, False, False, False]
    assert len(lines) == 1 and lines[0].startswith('iteration 1: ')
    arrivals[1].here = arrivals[2].here = True
    train(model, [6])
    assert [arrival.was_read for arrival in arrivals] == [True, True, True, False, False, False]
    assert len(lines) == 2 and lines[1].startswith('iteration 2: ')
    model.watch.settle(wait=False)
    assert not arrivals[-1].was_read
    model.watch.settle(wait=True)
    assert all(arrival.was_read for arrival in arrivals) and model.watch.skipped == 2


def test_several_processes_settle_at_the_same_time_whatever_has_come(late):
    model, arrivals = late()
    two = model.options.runtime.model_copy(update={'world_size': 2})
    watch = Watch(model.options.model_copy(update={'runtime': two}), torch.device('cuda'))
    assert not watch.may_be_early and Watch(model.options, torch.device('cuda')).may_be_early
    model.watch.may_be_early = watch.may_be_early
    for iteration in range(1, 8):
        train(model, [iteration])
        for arrival in arrivals:
            arrival.here = True
    assert [arrival.was_read for arrival in arrivals] == [True] * 3 + [False] * 4


def test_what_is_looked_into_is_what_was_fed(late, lines, tmp_path):
    """Although the loop's own batch has been written over, and steps were taken since."""
    model, _ = late()
    data = batch(1, ('lq', 3))
    fed = data['lq'].clone()
    model.feed_data(data)
    model.optimize_parameters(1)
    data['lq'].fill_(0.5)
    train(model, range(2, 6))
    assert lines[0].startswith('iteration 1: ') and 'samples: train/d.png (seed 13): lq, result;' in lines[0]
    saved = torch.load(tmp_path / 'nonfinite' / '1.pth', weights_only=True)
    assert torch.equal(saved['lq'].isfinite(), fed.isfinite())


def test_late_news_changes_no_step(late, build):
    model, _ = late()
    train(model, range(1, 8), {2})
    prompt = build()
    train(prompt, range(1, 8), {2})
    assert_same(states(model), states(prompt))


def test_stop_comes_late_and_before_a_checkpoint(late):
    model, _ = late(policy='stop')
    train(model, range(1, 5), {2})
    with pytest.raises(NonFiniteError, match='iteration 2: '):
        model.watch.settle(wait=True)
    model.watch.settle(wait=True)
