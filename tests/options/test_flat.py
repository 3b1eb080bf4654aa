"""Option files of Real-ESRGAN's shape, and plain dicts as scripts pass them."""
from pathlib import Path

import pytest

from effsr.degradations.settings import OWN_KEYS, DegradationSettings
from effsr.options import OptionError, as_options, load_options, validate
from effsr.options.yaml_reader import read_yaml

FLAT = Path(__file__).parent / 'flat'
TRAIN_SET = '    type: RealESRGANDataset\n    dataroot_gt: x\n'
NET = {'network_g': {'type': 'EfficientSRNet'}}


def test_the_flat_form_equals_the_sectioned_form():
    flat = load_options(FLAT / 'pixel_stage.yml', check_files=False)
    raw, _ = read_yaml(FLAT / 'pixel_stage.yml')
    section = {}
    for home in (raw, raw['datasets']['train']):
        section |= {key: home.pop(key) for key in list(home) if key in DegradationSettings.model_fields}
    sectioned = validate(raw | {'degradation': section})
    assert section.keys() == DegradationSettings.model_fields.keys() - OWN_KEYS
    assert flat == sectioned
    assert flat.degradation.jpeg_range == (35, 95)
    assert flat.degradation.blur_kernel_size2 == 19
    assert flat.degradation.final_sinc_prob == 0.7
    assert flat.train.optim_g.arguments == {'lr': 2e-4, 'weight_decay': 0, 'betas': [0.9, 0.99]}
    assert (flat.logger.save_checkpoint_freq, flat.val.val_freq) == (5000, 5000)
    assert not set(flat.datasets['train'].model_extra) & set(DegradationSettings.model_fields)


def test_fine_tuning_on_pairs():
    options = load_options(FLAT / 'pairs_stage.yml', check_files=False)
    assert options.high_order_degradation is False
    assert options.datasets['train'].gt_size == 256
    assert options.degradation == DegradationSettings()
    assert options.train.perceptual_opt.arguments['layer_weights'] == {'conv1_2': 0.1, 'conv5_4': 1}


@pytest.mark.parametrize(('text', 'message'), [
    ('jpeg_range: [1, 2]\ndegradation:\n  jpeg_range: [1, 2]\n',
     'f.yml:2: jpeg_range: given a second time, the first is f.yml:4; keep one'),
    ('jpeg_range: [1, 2]\ndatasets:\n  train:\n    jpeg_range: [3, 4]\n' + TRAIN_SET,
     'f.yml:2: jpeg_range: given a second time, the first is f.yml:5; keep one'),
    ('gt_usm: true\ntrain:\n  gt_usm: false\n  total_iter: 9\n  optim_g: {type: Adam}\n',
     'f.yml:4: train.gt_usm: given a second time, the first is f.yml:2'),
    ('sinc_prob: 2\n', 'f.yml:2: degradation.sinc_prob: sinc_prob is 2.0; accepted: 0 to 1'),
    ('datasets:\n  train:\n' + TRAIN_SET + '    blur_sigma: [2, 1]\n', 'f.yml:6: degradation.blur_sigma: blur_sigma i'),
])
def test_mistakes_keep_their_line(tmp_path, monkeypatch, text, message):
    monkeypatch.chdir(tmp_path)
    Path('f.yml').write_text('network_g: {type: EfficientSRNet}\n' + text)
    with pytest.raises(OptionError) as caught:
        load_options('f.yml', check_files=False)
    assert str(caught.value).startswith(message)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize('key', ['type', 'model_type'])
def test_a_plain_dict_of_a_script(key):
    opt = NET | {key: 'RealESRGANModel', 'num_gpu': 0, 'train': {
        'total_iter': 5, 'optim_g': {'type': 'Adam'}, 'jpeg_range': [40, 50], 'queue_size': 4, 'gt_size': 32}}
    options = as_options(opt)
    assert options.model_type == 'RealESRGANModel'
    assert options.degradation.jpeg_range == (40, 50)
    assert (options.queue_size, options.gt_size, options.train.total_iter) == (4, 32, 5)
    assert opt['train']['jpeg_range'] == [40, 50]  # not changed
    assert key in opt


def test_missing_sections_and_basicsrs_additions():
    options = as_options(NET)
    assert (options.model_type, options.scale, options.train, options.val, options.datasets) == (
        'RealESRNetModel', 4, None, None, {})
    assert (options.runtime.is_train, options.runtime.dist) == (True, False)
    options = as_options(NET | {'is_train': False, 'dist': True, 'rank': 1, 'world_size': 2, 'root_path': 'r',
                                'auto_resume': True, 'sinc_prob': 0.5})
    assert options.runtime.model_dump() == {'is_train': False, 'dist': True, 'rank': 1, 'world_size': 2,
                                            'auto_resume': True, 'reset_schedule': False, 'root_path': 'r'}
    assert options.degradation.sinc_prob == 0.5


def test_one_dict_in_two_places():
    images = {'type': 'DegradedDataset', 'dataroot_gt': 'x'}
    options = as_options(NET | {'model_type': 'SRModel', 'datasets': {'train': images, 'val': images}})
    assert [d.phase for d in options.datasets.values()] == ['train', 'val']
    assert images == {'type': 'DegradedDataset', 'dataroot_gt': 'x'}


def test_a_wrong_plain_dict():
    with pytest.raises(OptionError, match='options: train.ema_decy: unknown option; did you mean ema_decay'):
        as_options(NET | {'train': {'ema_decy': 1, 'total_iter': 1, 'optim_g': {'type': 'Adam'}}})
    with pytest.raises(OptionError, match='options: network_g: missing; it is required'):
        as_options({})
