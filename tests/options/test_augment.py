"""Section train: augment, as an option file says it."""
import effsr  # noqa: F401  registers

# isort: split
import pytest
import yaml

from effsr.options import OptionError, as_options, load_options
from effsr.options.checks import cross_check


@pytest.fixture
def loaded(tmp_path, plain_options):
    def load(augment, *overrides, **changes):
        file = tmp_path / 'options.yml'
        plain = plain_options({**changes, 'train': {'augment': augment}})
        file.write_text(yaml.safe_dump(plain, sort_keys=False), encoding='utf-8')
        return load_options(file, overrides, check_files=False)
    return load


def test_defaults_and_values(loaded, plain_options):
    assert not as_options(plain_options()).train.augment.active
    augment = loaded({'mixup': 0.2, 'rgb_permutation': 1, 'resizemix_range': [0.2, 0.5]}).train.augment
    assert (augment.mixup, augment.rgb_permutation, augment.cutmix) == (0.2, 1.0, 0.0)
    assert augment.resizemix_range == (0.2, 0.5) and augment.mixup_alpha == 1.2
    assert loaded({}, 'train:augment:cutblur=0.5').train.augment.cutblur == 0.5
    assert not loaded(None).train.augment.active


@pytest.mark.parametrize(('augment', 'place', 'message'), [
    ({'mixup': 1.2}, 'mixup', 'mixup is 1.2; accepted: 0 to 1'),
    ({'mixup': '0.5'}, 'mixup', "is '0.5'; accepted: a number; write it without quotes"),
    ({'mixup': True}, 'mixup', 'is True; accepted: a number'),
    ({'mixup': 0.3, 'cutmix': 0.5, 'cutblur': 0.4}, 'cutmix', 'the probabilities of mixup, cutmix, cutblur, resizemix '
     'add up to 1.2; accepted: 1 in all, as a sample gets one of them at most'),
    ({'mix_up': 0.1}, 'mix_up', 'unknown option; did you mean mixup?'),
    ({'resizemix_range': [0.8, 0.2]}, 'resizemix_range', 'resizemix_range is [0.8, 0.2]; accepted: [low, high] with'),
    ({'resizemix_range': [0.8]}, 'resizemix_range', 'is [0.8]; accepted: [low, high] with 0 < low <= high <= 1'),
    ({'cutblur_side': 2}, 'cutblur_side', 'cutblur_side is 2.0; accepted: 0.05 to 0.95')])
def test_mistakes(loaded, tmp_path, augment, place, message):
    with pytest.raises(OptionError) as caught:
        loaded(augment)
    text = str(caught.value)
    assert f'train.augment.{place}: {message}' in text and '\n' not in text, text
    lines = (tmp_path / 'options.yml').read_text().splitlines()
    assert place in lines[int(text.split('options.yml:')[1].split(':')[0]) - 1]


def test_no_mapping(loaded):
    with pytest.raises(OptionError, match='train.augment: Input should be a mapping, of cutblur'):
        loaded('mixup')


def test_a_batch_of_one_has_no_partners(plain_options):
    alone = {'datasets': {'train': {'batch_size_per_gpu': 1}}, 'val': ...}
    with pytest.raises(OptionError, match='train.augment.cutmix: takes in another sample of the batch, but a batch has '
                                          '1; raise datasets.train.batch_size_per_gpu'):
        as_options(plain_options({**alone, 'train': {'augment': {'cutmix': 0.1}}}))
    assert as_options(plain_options({**alone, 'train': {'augment': {'cutblur': 0.1}}})).train.augment.active


def test_basicsrs_models_do_not_augment(plain_options):
    plain = plain_options({'model_type': 'SRModel_basicsr', 'high_order_degradation': False, 'datasets': ...,
                           'val': ..., 'train': {'augment': {'mixup': 0.1}, 'scheduler': {'type': 'MultiStepLR',
                                                                              'milestones': [2]}}})
    notes = {'.'.join(note.location): note.message for note in cross_check(as_options(plain), False).notes}
    assert notes['train.augment'].startswith('has no effect with SRModel_basicsr')


@pytest.mark.parametrize(('section', 'key', 'hint'), [
    ((), 'use_moa', 'train: augment'), (('train',), 'moa_augs', 'train: augment'), ((), 'mixup', 'train.augment'),
    (('datasets', 'train'), 'augmentation', 'train: augment'), (('datasets', 'train'), 'aug_prob', 'train: augment')])
def test_names_of_other_frameworks(section, key, hint):
    from effsr.options.homes import guess
    assert hint in guess((*section, key), ('name', 'type')).hint
