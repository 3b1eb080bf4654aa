"""SRModel, SRGANModel and ESRGANModel stand for effsr's models, with defaults of their own."""
import effsr

# isort: split
import pytest
import torch
import yaml
from basicsr.utils.registry import MODEL_REGISTRY

from effsr.models.realesrgan_model import RealESRGANModel
from effsr.models.realesrnet_model import RealESRNetModel
from effsr.options import OptionError, as_options, load_options, to_plain
from effsr.options.model_names import ALIASES, PAIRS

CLASSES = {'SRModel': RealESRNetModel, 'SRGANModel': RealESRGANModel, 'ESRGANModel': RealESRGANModel}
UNSAID = dict.fromkeys((*PAIRS, 'queue_size'), ...)


@pytest.fixture
def options(plain_options):
    """options(name, changes): of a tiny run whose file says nothing of degradation and sharpening."""
    def make(name, changes=None):
        return as_options(plain_options({**UNSAID, 'datasets': ..., 'val': ..., 'model_type': name, **(changes or {})},
                                        gan='GAN' in name))
    return make


@pytest.mark.parametrize('name', CLASSES)
def test_ours_beside_basicsrs(name, options):
    assert MODEL_REGISTRY.get(name) is CLASSES[name]
    assert MODEL_REGISTRY.get(f'{name}_basicsr').__module__.startswith('basicsr.')
    assert type(effsr.build_model(options(name))) is CLASSES[name]


@pytest.mark.parametrize('name', [*CLASSES, 'RealESRNetModel', 'RealESRGANModel', 'SRModel_basicsr'])
def test_defaults(name, options):
    found = options(name, {'train': {'scheduler': {'type': 'MultiStepLR', 'milestones': [3]}}})
    assert {key: getattr(found, key) for key in PAIRS} == (
        PAIRS if name in ALIASES else {**dict.fromkeys(PAIRS, True), 'gan_gt_usm': False})
    assert as_options(to_plain(found)) == found


def test_what_the_file_says_counts(options):
    found = options('SRGANModel', {'high_order_degradation': True, 'l1_gt_usm': True})
    assert found.high_order_degradation and found.l1_gt_usm and not found.percep_gt_usm


def relativistic(found):
    return found.train.gan_opt.arguments.get('relativistic', 'none')


def test_the_adversarial_loss_of_esrgan(options):
    assert [relativistic(options(name)) for name in ('SRGANModel', 'ESRGANModel', 'RealESRGANModel')] == [
        'none', 'average', 'none']
    said = {'train': {'gan_opt': {'relativistic': 'none'}}}
    assert relativistic(options('ESRGANModel', said)) == 'none'


def test_a_loss_without_that_form_is_told(tmp_path, plain_options, monkeypatch, caplog):
    monkeypatch.setattr('effsr.options.load.logger.propagate', True)
    plain = plain_options({**UNSAID, 'model_type': 'ESRGANModel', 'datasets': {'train': {
        'type': 'SuperResolutionDataset', 'crop_pad_size': ...}, 'val': ...}, 'train': {
            'gan_opt': {'type': 'GANLoss_basicsr'}}}, gan=True)
    (tmp_path / 'f.yml').write_text(yaml.safe_dump(plain))
    found = load_options(tmp_path / 'f.yml', check_files=False)
    assert relativistic(found) == 'none'
    assert ('train.gan_opt.type: GANLoss_basicsr has no relativistic form: ESRGANModel trains it as it stands'
            in caplog.text)


def test_pairs_are_compared_as_they_are(options):
    """One step: nothing is sharpened, and the target is the dataset's gt."""
    torch.manual_seed(0)
    for name in CLASSES:
        model = effsr.build_model(options(name))
        gt = torch.rand(2, 3, 16, 16)
        model.feed_data({'lq': torch.rand(2, 3, 8, 8), 'gt': gt})
        assert torch.equal(model.gt, gt) and torch.equal(model.gt_usm, gt)
        model.optimize_parameters(1)
        assert ('l_g_gan' if 'GAN' in name else 'l_pix') in model.get_current_log()


def test_a_training_without_its_parts_names_the_model_that_was_asked_for(options):
    with pytest.raises(OptionError, match='SRGANModel trains with all three'):
        effsr.build_model(options('SRGANModel', {'network_d': ..., 'train': {'gan_opt': ..., 'optim_d': ...}}))
