"""Options of the training step: what the device does not have, what does nothing, names of other frameworks."""
import effsr  # noqa: F401  registers

# isort: split
import pytest

from effsr.options import OptionError, as_options
from effsr.options.checks import cross_check
from effsr.options.homes import guess
from effsr.options.step_checks import OWN_STEP


@pytest.fixture
def checked(plain_options):
    """checked(changes, gan=False): problems and notes of a tiny run, as key path and message."""
    def run(changes, gan=False):
        found = cross_check(as_options(plain_options({'datasets': ..., 'val': ..., **changes}, gan)), False)
        return [{'.'.join(each.location): each.message for each in part} for part in found]
    return run


@pytest.mark.parametrize(('changes', 'message'), [
    ({'train': {'precision': 'fp16'}}, 'train.precision: fp16 needs a GPU, but num_gpu is 0; accepted on a CPU: fp32, '
     'bf16, auto'),
    ({'train': {'accumulate': 9}}, 'train.accumulate: a batch of 8 cannot be split into 9 parts; set accumulate to 8'),
    ({'train': {'optim_g': {'lr': float('inf')}}}, 'train.optim_g.lr: inf would make weights that are not finite'),
    ({'train': {'optim_g': {'lr': 1e39}}}, 'train.optim_g.lr: 1e+39 would make weights that are not finite'),
    ({'train': {'precision': 'fp8'}}, 'train.precision: '), ({'train': {'accumulate': 0}}, 'train.accumulate: '),
    ({'train': {'clip_grad_norm': 0}}, 'train.clip_grad_norm: '),
    ({'train': {'clip_grad_norm': float('inf')}}, 'train.clip_grad_norm: '),
    ({'train': {'optim_g': {'type': 'SparseAdam'}}}, 'train.optim_g.type: SparseAdam takes sparse gradients'),
    ({'train': {'optim_g': {'type': 'LBFGS'}}}, 'train.optim_g.type: LBFGS computes the losses several times'),
    ({'train': {'scheduler': {'type': 'LambdaLR', 'lr_lambda': 1}}}, 'train.scheduler.type: LambdaLR takes a functio'),
    ({'train': {'optim_g': {'type': 'AdamScheduleFree'}}}, 'train.optim_g.type: no optimizer is called AdamSchedule'),
])
def test_what_is_refused(plain_options, changes, message):
    with pytest.raises(OptionError) as caught:
        as_options(plain_options({**changes, 'val': ...}))
    assert message in str(caught.value) and '\n' not in str(caught.value)


def test_what_passes(plain_options):
    options = as_options(plain_options({'train': {'precision': 'auto', 'accumulate': 8, 'clip_grad_norm': 1,
                                                  'channels_last': True, 'compile': True}, 'deterministic': True}))
    assert options.train.clip_grad_norm == 1.0 and options.deterministic
    train = as_options(plain_options()).train
    assert (train.precision, train.accumulate, train.clip_grad_norm) == ('fp32', 1, None)
    assert not (train.channels_last or train.compile or train.gradient_checkpointing)


def test_schedule_free_beside_a_schedule_or_an_average_is_noted(checked):
    pytest.importorskip('schedulefree')
    free = {'optim_g': {'type': 'AdamWScheduleFree'}}
    problems, notes = checked({'train': {**free, 'scheduler': {'type': 'MultiStepLR', 'milestones': [2]}}})
    assert not problems and set(notes) >= {'train.scheduler', 'train.ema_decay'}
    assert 'takes the place of a schedule' in notes['train.scheduler']
    _, notes = checked({'train': {**free, 'ema_decay': 0}})
    assert 'train.ema_decay' not in notes


def test_what_basicsrs_models_do_not_read_is_noted(checked):
    changed = {'precision': 'bf16', 'accumulate': 2, 'clip_grad_norm': 1.0, 'nonfinite': {'limit': 1},
               'scheduler': {'type': 'MultiStepLR', 'milestones': [2]}}
    _, notes = checked({'model_type': 'SRModel_basicsr', 'high_order_degradation': False, 'train': changed})
    assert {key for key in notes if key.split('.')[1] in OWN_STEP} == {
        'train.precision', 'train.accumulate', 'train.clip_grad_norm', 'train.nonfinite'}
    assert notes['train.precision'].startswith('has no effect with SRModel_basicsr')


@pytest.mark.parametrize(('section', 'key', 'hint'), [
    ((), 'use_amp', 'train: precision'), ((), 'amp_bf16', 'train: precision: bf16'),
    (('train',), 'grad_clip', 'train: clip_grad_norm: 1.0'),
    (('datasets', 'train'), 'accum_iter', 'train: accumulate: N; batch_size_per_gpu is the whole batch'),
    ((), 'use_channels_last', 'train: channels_last: true'), ((), 'precision', 'it belongs to train.precision'),
    (('train',), 'deterministic', 'it belongs to the top level'),
    (('train',), 'clip_grad', 'did you mean clip_grad_norm'), ((), 'epochs', 'it belongs to train.epochs'),
    ((), 'num_epochs', 'train: epochs: N'), (('train',), 'max_epochs', 'train: epochs: N, in place of total_iter')])
def test_names_of_other_frameworks(section, key, hint):
    known = ('clip_grad_norm', 'accumulate', 'optim_g') if section == ('train',) else ('name', 'scale')
    assert hint in guess((*section, key), known).hint
