"""What a training, or a test, cannot do without, though an option file may leave it out."""
from collections.abc import Iterator
from typing import Any

from effsr.options.components import MODEL
from effsr.options.messages import Problem
from effsr.options.schema import Options

# Where the method stands that needs what is checked here; a model of one's own may have another.
PIXEL_MODELS = ('effsr.models.realesrnet_model', 'basicsr.models.sr_model', 'basicsr.models.realesrnet_model')
GAN_MODELS = ('effsr.models.realesrgan_model', 'basicsr.models.srgan_model', 'basicsr.models.esrgan_model',
              'basicsr.models.realesrgan_model')


def demands(options: Options, is_train: bool) -> list[Problem]:
    """What is missing for a training (`is_train`), else for a test."""
    return list(_of_training(options) if is_train else _of_test(options))


def _of_test(options: Options) -> Iterator[Problem]:
    if options.path.pretrain_network_g is None:
        yield Problem(('path', 'pretrain_network_g'), 'missing; give the weights to test')
    if all(dataset.phase == 'train' for dataset in options.datasets.values()):
        yield Problem(('datasets',), 'no test set; give test_1, test_2 ...')


def _of_training(options: Options) -> Iterator[Problem]:
    hint = 'a training needs it (to test, use effsr/test.py)'
    if all(dataset.phase != 'train' for dataset in options.datasets.values()):
        yield Problem(('datasets', 'train'), f'missing; {hint}')
    if options.train is None:
        yield Problem(('train',), f'missing; {hint}')
        return
    settings, train, model = _trained_by(options), options.train, options.model_type
    needed = (train.pixel_opt, train.perceptual_opt, train.distill_opt if settings == PIXEL_MODELS[0] else None)
    if settings in PIXEL_MODELS and needed == (None, None, None):
        yield Problem(('train',), 'has no loss; give pixel_opt, for example {type: L1Loss}, or perceptual_opt')
    if settings not in GAN_MODELS:
        return
    # With gan_opt, a missing network_d or optim_d is told there.
    if train.gan_opt is None:
        if options.network_d is None:
            yield Problem(('model_type',), f'{model} trains a discriminator; give network_d')
        if train.optim_d is None:
            yield Problem(('train', 'optim_d'), f'missing; {model} trains a discriminator and requires it')
        yield Problem(('train', 'gan_opt'), f'missing; {model} requires it, for example {{type: GANLoss, gan_type: '
                                            'vanilla}; a RealESRNetModel trains without')


def _trained_by(options: Options) -> str | None:
    """The module whose model sets up the training."""
    model: Any = MODEL.known().get(options.model_type)
    owners = [cls for cls in getattr(model, '__mro__', ()) if 'init_training_settings' in vars(cls)]
    return owners[0].__module__ if owners else None
