"""What a training or a test cannot do without is told when the file is read, with its line."""
import effsr  # noqa: F401  registers

# isort: split
import pytest
from basicsr.models.sr_model import SRModel
from basicsr.utils.registry import MODEL_REGISTRY

from effsr.options import OptionError, load_options

TEXT = """\
model_type: RealESRNetModel
scale: 4
datasets:
  train: {type: RealESRGANDataset, dataroot_gt: ., crop_pad_size: 64}
  test_1: {type: DegradedDataset, dataroot_gt: .}
network_g: {type: EfficientSRNet, upscale: 4}
path:
  strict_load_g: true
train:
  total_iter: 100
  optim_g: {type: Adam, lr: 1e-4}
  scheduler: {type: MultiStepLR, milestones: [50]}
  pixel_opt: {type: L1Loss}
"""
PIXEL = '  pixel_opt: {type: L1Loss}\n'
GAN = '  gan_opt: {type: GANLoss, gan_type: vanilla}\n'
TRAIN = TEXT[TEXT.index('train:\n  total'):]


@pytest.fixture
def told(tmp_path, monkeypatch):
    """told(changes, is_train): the messages about TEXT with pieces replaced."""
    monkeypatch.chdir(tmp_path)

    def run(changes, is_train=True):
        text = TEXT
        for old, new in changes.items():
            assert old in text
            text = text.replace(old, new, 1)
        (tmp_path / 'f.yml').write_text(text)
        try:
            load_options('f.yml', is_train=is_train)
        except OptionError as error:
            return str(error).splitlines()
        return []
    return run


def model(name):
    return {'RealESRNetModel': name}


@pytest.mark.parametrize(('changes', 'messages'), [
    ({}, []),
    ({'  train: {type: RealESRGANDataset, dataroot_gt: ., crop_pad_size: 64}\n': ''},
     ['f.yml:3: datasets.train: missing; a training needs it (to test, use effsr/test.py)']),
    ({TRAIN: ''}, ['f.yml: train: missing; a training needs it']),
    ({PIXEL: ''}, ['f.yml:9: train: has no loss; give pixel_opt, for example {type: L1Loss}, or perceptual_opt']),
    ({PIXEL: '', **model('SRModel')}, ['f.yml:4: datasets.train.type: RealESRGANDataset gives no lq, but high_order',
                                       'f.yml:9: train: has no loss']),
    ({PIXEL: '', **model('SRModel_basicsr')}, ['f.yml:9: train: has no loss']),
    ({PIXEL: '', **model('SwinIRModel')}, ['f.yml:9: train: has no loss']),
    ({PIXEL: '  perceptual_opt: {type: PerceptualLoss, layer_weights: {conv5_4: 1}}\n'}, []),
    (model('ESRGANModel_basicsr'), ['f.yml:1: model_type: ESRGANModel_basicsr trains a discriminator; give network_d',
                                    'f.yml:9: train.optim_d: missing; ', 'f.yml:9: train.gan_opt: missing; ']),
    (model('RealESRGANModel'), ['f.yml:1: model_type: RealESRGANModel trains a discriminator; give network_d',
                                'f.yml:9: train.optim_d: missing; ', 'f.yml:9: train.gan_opt: missing; ']),
    ({**model('RealESRGANModel'), PIXEL: PIXEL + GAN}, ['f.yml:14: train.gan_opt: trains a discriminator; give optim_d '
                                                        'and network_d']),
    ({PIXEL: '  pixel_opt: L1Loss\n'}, ["f.yml:13: train.pixel_opt: is the text 'L1Loss'"]),
])
def test_a_training(told, changes, messages):
    found = told(changes)
    assert len(found) == len(messages), found
    assert all(line.startswith(message) for line, message in zip(found, messages, strict=True)), found


def test_a_model_of_ones_own_may_do_without(told):
    class OwnLosses(SRModel):
        def init_training_settings(self):
            pass

    MODEL_REGISTRY.register(OwnLosses)
    try:
        assert told({PIXEL: '', **model('OwnLosses')}) == []
    finally:
        del MODEL_REGISTRY._obj_map['OwnLosses']


@pytest.mark.parametrize(('changes', 'messages'), [
    ({'  strict_load_g: true': '  pretrain_network_g: f.yml', TRAIN: ''}, []),
    ({}, ['f.yml:7: path.pretrain_network_g: missing; give the weights to test']),
    ({'path:\n  strict_load_g: true\n': ''}, ['f.yml: path.pretrain_network_g: missing; give the weights to test']),
    ({'strict_load_g: true': 'pretrain_network_g: no.pth'},
     ['f.yml:8: path.pretrain_network_g: no.pth: no such file; mend the path']),
    ({'strict_load_g: true': 'pretrain_network_g: f.yml', '  test_1: {type: DegradedDataset, dataroot_gt: .}\n': ''},
     ['f.yml:3: datasets: no test set; give test_1']),
])
def test_a_test(told, changes, messages):
    found = told(changes, is_train=False)
    assert len(found) == len(messages), found
    assert all(line.startswith(message) for line, message in zip(found, messages, strict=True)), found
    assert not any('leave it out' in line for line in found)


def test_it_may_be_left_open(told):
    assert told({PIXEL: ''}, is_train=None) == []
    assert 'leave it out: pretrain_network_g: ~' in told({'strict_load_g: true': 'pretrain_network_g: no.pth'}, None)[0]


def test_a_teachers_weights_cannot_be_left_out(told):
    found = told({PIXEL: '  distill_opt: {weights: no.pth}\n'})
    assert any(line.endswith('train.distill_opt.weights: no.pth: no such file; mend the path') for line in found), found
