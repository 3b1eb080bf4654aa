"""Values that BasicSR's classes refuse only when they are built or used."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import pytest

from effsr.options.choices import choice_problems


def told(plain):
    return [('.'.join(problem.location), problem.message) for problem in choice_problems(plain)]


@pytest.mark.parametrize(('plain', 'key', 'words'), [
    ({'train': {'pixel_opt': {'type': 'L1Loss', 'reduction': 'none'}}}, 'train.pixel_opt.reduction', 'mean or sum'),
    ({'train': {'gan_opt': {'type': 'GANLoss', 'gan_type': 'hinje'}}}, 'train.gan_opt.gan_type', 'did you mean hinge?'),
    ({'train': {'pixel_opt': {'type': 'GANLoss', 'gan_type': 'hinge'}}}, 'train.pixel_opt.type', 'L1Loss'),
    ({'train': {'optim_g': {'type': 'LBFGS'}}}, 'train.optim_g.type', 'Adam'),
    ({'train': {'perceptual_opt': {'type': 'PerceptualLoss', 'layer_weights': {'conv9_1': 1}}}},
     'train.perceptual_opt.layer_weights.conv9_1', 'no layer of vgg19'),
    ({'network_d': {'type': 'VGGStyleDiscriminator', 'input_size': 64}}, 'network_d.input_size', '128 or 256'),
    ({'val': {'metrics': {'n': {'type': 'calculate_niqe', 'convert_to': 'rgb'}}}}, 'val.metrics.n.convert_to',
     'y or gray'),
    ({'datasets': {'train': {'gt_size': '64'}}}, 'datasets.train.gt_size', 'write 64 without quotes'),
    ({'datasets': {'val': {'io_backend': {'type': 'disc'}}}}, 'datasets.val.io_backend.type', 'disk, lmdb, memcached'),
])
def test_what_is_refused(plain, key, words):
    (location, message), = told(plain)
    assert location == key and words in message


@pytest.mark.parametrize('plain', [
    {}, {'train': None, 'val': {'metrics': None}, 'datasets': {'train': None}},
    {'train': {'pixel_opt': {'type': 'L1Loss'}, 'optim_g': {'type': 'SGD'},
               'gan_opt': {'type': 'GANLoss', 'gan_type': 'hinge'},
               'perceptual_opt': {'type': 'PerceptualLoss', 'layer_weights': {'conv5_4': 1}}}},
    {'datasets': {'train': {'gt_size': 64, 'name': '7', 'io_backend': {'type': 'disk'}}}},
])
def test_what_passes(plain):
    assert told(plain) == []
