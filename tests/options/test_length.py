"""train: epochs in place of total_iter, and schedules as long as the training."""
import effsr  # noqa: F401  registers

# isort: split
import pytest

from effsr.options import OptionError, as_options, load_options
from effsr.options.length import settle_length, with_rest

COSINE = 'CosineAnnealingRestartLR'
TEXT = """\
network_g: {type: EfficientSRNet, num_feat: 8}
datasets:
  train: {type: RealESRGANDataset, dataroot_gt: x}
train:
  LENGTH
  optim_g: {type: Adam, lr: 1}
  pixel_opt: {type: L1Loss}
  scheduler: SCHEDULER
"""


@pytest.fixture
def load(tmp_path):
    """load(length, scheduler, *overrides): the train section of a file."""
    path = tmp_path / 'f.yml'

    def read(length='total_iter: 100', scheduler='~', *overrides):
        path.write_text(TEXT.replace('LENGTH', length).replace('SCHEDULER', scheduler))
        return load_options(path, overrides, check_files=False)
    return read


def refused(load, *arguments):
    with pytest.raises(OptionError) as caught:
        load(*arguments)
    text, = str(caught.value).splitlines()
    return text.rpartition('/')[2]


def test_one_of_the_two(load):
    train = load('epochs: 7').train
    assert (train.total_iter, train.epochs) == (None, 7)
    assert (load().train.total_iter, load().train.epochs) == (100, None)
    assert refused(load, 'warmup_iter: -1') == (
        'f.yml:4: train.total_iter: missing; it is required, or epochs in its place')
    assert refused(load, 'total_iter: 9\n  epochs: 3') == (
        'f.yml:6: train.epochs: 3 beside total_iter 9; keep one of the two (~ takes the other out)')
    assert 'f.yml:5: train.epochs: Input should be greater than or equal to 1' in refused(load, 'epochs: 0')


def test_the_command_line_takes_the_place_of_the_other(load):
    train = load('epochs: 7', '~', 'train:total_iter=5').train
    assert (train.total_iter, train.epochs) == (5, None)
    train = load('total_iter: 7', '~', 'train:epochs=5').train
    assert (train.total_iter, train.epochs) == (None, 5)
    assert 'train.epochs: 5 beside total_iter 4' in refused(load, 'total_iter: 7', '~', 'train:epochs=5',
                                                            'train:total_iter=4')


@pytest.mark.parametrize(('periods', 'expected'), [
    (None, [100]), ('~', [100]), ('-1', [100]), ('[-1]', [100]), ('[30, -1]', [30, 70]), ('[-1, 30]', [70, 30]),
    ('[60, 40]', [60, 40])])
def test_periods_as_long_as_the_training(load, periods, expected):
    weights = f', restart_weights: {[1.0] * len(expected)}'
    scheduler = f'{{type: {COSINE}{weights}' + ('}' if periods is None else f', periods: {periods}}}')
    assert load('total_iter: 100', scheduler).train.scheduler.arguments['periods'] == expected
    changed = load('total_iter: 7', scheduler, 'train:total_iter=100').train.scheduler.arguments['periods']
    assert changed == expected
    # The same comes of epochs, once it is known how many iterations they have.
    waiting = load('epochs: 4', scheduler)
    assert settle_length(waiting, 100).train.scheduler.arguments['periods'] == expected


@pytest.mark.parametrize(('periods', 'message'), [
    ('[-1, -1]', '[-1, -1]: -1 is what the others leave, and can stand there once'),
    ('[100, -1]', '[100, -1]: the others take 100 iterations, total_iter 100 leaves nothing for -1; lower them'),
    ('[20, 30]', f'{COSINE} ends after 50 iterations, train: total_iter is 100'),
    ('soon', "is 'soon'; accepted: a list"),
])
def test_periods_that_do_not_fit(load, periods, message):
    scheduler = f'{{type: {COSINE}, periods: {periods}, restart_weights: [1, 1]}}'
    assert refused(load, 'total_iter: 100', scheduler).startswith(f'f.yml:8: train.scheduler.periods: {message}')


def test_with_rest():
    assert with_rest([10, -1], None) == [10, -1]
    assert with_rest([10, -1], 1e3) == [10, 990] and with_rest((-1,), 5) == [5]
    for other in ('soon', [1, 2], None, ['a', -1]):
        assert with_rest(other, 5) == other


def test_settling(load):
    options = load('epochs: 4', '{type: MultiStepLR, milestones: [50, 200]}')
    settled = settle_length(options, 100)
    assert (settled.train.total_iter, settled.train.epochs) == (100, None)
    assert settle_length(settled, 7) is settled and options.train.epochs == 4
    assert as_options(settled.model_dump()).train.total_iter == 100
    with pytest.raises(OptionError, match=r'train.scheduler.periods: \[200, -1\]: the others take 200 iterations'):
        settle_length(load('epochs: 4', f'{{type: {COSINE}, periods: [200, -1], restart_weights: [1, 1]}}'), 100)
    with pytest.raises(OptionError, match='train.scheduler.periods: .* ends after 50 iterations, train: total_iter is'):
        settle_length(load('epochs: 4', f'{{type: {COSINE}, periods: [50]}}'), 100)


def test_what_lies_beyond_the_end_of_the_epochs_is_told(load, caplog, monkeypatch):
    monkeypatch.setattr('effsr.options.length.logger.propagate', True)
    settle_length(load('epochs: 4', '{type: MultiStepLR, milestones: [50, 200]}'), 100)
    assert 'train.scheduler.milestones: 200 lies beyond total_iter 100' in caplog.text
