"""Arguments of BasicSR's classes that take one of a few values, which their signatures do not say."""
import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from basicsr.archs.vgg_arch import NAMES as VGG_LAYERS

from effsr.options.dataset_blocks import dataset_class, options_class
from effsr.options.messages import Problem, nearest

# A loss must end in one number to be minimised: BasicSR's reduction `none` does not.
REDUCTION = ('mean', 'sum')
VGG_TYPES = (*VGG_LAYERS, *(f'{name}_bn' for name in VGG_LAYERS))
# (class or function, argument) -> accepted values.
CHOICES: dict[tuple[str, str], tuple[Any, ...]] = {
    **{(loss, 'reduction'): REDUCTION for loss in (
        'L1Loss', 'MSELoss', 'CharbonnierLoss', 'TVLoss', 'GradientLoss', 'WaveletLoss', 'MSSSIMLoss', 'FFTLoss',
        'FocalFrequencyLoss')},
    ('FFTLoss', 'part'): ('complex', 'amplitude'),
    ('FFTLoss', 'norm'): ('ortho', 'backward'),
    ('CompositeLoss', 'fft_part'): ('complex', 'amplitude'),
    ('CompositeLoss', 'fft_norm'): ('ortho', 'backward'),
    ('GANLoss', 'gan_type'): ('vanilla', 'lsgan', 'hinge', 'wgan', 'wgan_softplus', 'wgan-gp', 'softplus'),
    ('GANLoss', 'relativistic'): ('none', 'standard', 'average'),
    ('PatchDiscriminator', 'norm'): ('batch', 'instance', 'spectral', 'none'),
    ('PerceptualLoss', 'criterion'): ('l1', 'l2', 'fro'),
    # l2 is listed by BasicSR, but names a class that torch does not have.
    ('PerceptualLoss_basicsr', 'criterion'): ('l1', 'fro'),
    ('PerceptualLoss', 'vgg_type'): VGG_TYPES,
    ('PerceptualLoss_basicsr', 'vgg_type'): VGG_TYPES,
    ('LPIPSLoss', 'net'): ('vgg', 'alex', 'squeeze'),
    ('VGGStyleDiscriminator', 'input_size'): (128, 256),
    ('calculate_niqe', 'convert_to'): ('y', 'gray'),
    ('calculate_niqe', 'input_order'): ('HWC', 'CHW', 'HW'),
    ('calculate_lpips', 'net'): ('alex', 'vgg'),
    **{(metric, 'input_order'): ('HWC', 'CHW') for metric in
       ('calculate_psnr', 'calculate_ssim', 'calculate_ms_ssim', 'calculate_lpips', 'calculate_dists',
        'calculate_psnr_basicsr', 'calculate_ssim_basicsr')},
}
VGG_LOSSES = ('PerceptualLoss', 'PerceptualLoss_basicsr')
BACKENDS = ('disk', 'lmdb', 'memcached')
NUMBER = re.compile(r'-?[0-9]+(\.[0-9]+)?')
# Losses that do not compare two pictures: as a pixel loss they would take gt for something else.
NO_PIXEL_LOSS = ('GANLoss', 'MultiScaleGANLoss', 'WeightedTVLoss', 'TVLoss', 'ColorLoss', 'PerceptualLoss',
                 'PerceptualLoss_basicsr', 'LPIPSLoss', 'DISTSLoss')


def choice_problems(plain: Mapping[str, Any]) -> list[Problem]:
    """Values that a class of BasicSR would refuse, or take for something else, only when it is built or used."""
    problems = _dataset_values(plain)
    for location, block in _blocks(plain):
        for (name, argument), accepted in CHOICES.items():
            given = block.get(argument, accepted[0])
            if block.get('type') == name and given not in accepted:
                hint = nearest(given, map(str, accepted)) if isinstance(given, str) else ''
                told = ', '.join(map(str, accepted[:-1])) + f' or {accepted[-1]}'
                close = f'; {hint}' if hint.startswith('did you mean') else ''
                problems.append(Problem((*location, argument), f'is {given}; accepted: {told}{close}'))
        if location == ('train', 'perceptual_opt') and block['type'] in VGG_LOSSES:
            problems += _layer_problems(location, block)
        if location[-1] in ('optim_g', 'optim_d') and _needs_closure(block['type']):
            problems.append(Problem((*location, 'type'), f'{block["type"]} computes the loss several times a step, '
                                                         'which training does not; use Adam, AdamW or another'))
        if location == ('train', 'pixel_opt') and block.get('type') in NO_PIXEL_LOSS:
            problems.append(Problem((*location, 'type'), f'{block["type"]} does not compare two pictures; accepted: '
                                                         'L1Loss, MSELoss, CharbonnierLoss, or a loss of your own'))
    return problems


def _needs_closure(name: str) -> bool:
    step = getattr(getattr(torch.optim, name, None), 'step', None)
    closure = inspect.signature(step).parameters.get('closure') if step is not None else None
    return closure is not None and closure.default is inspect.Parameter.empty


def _dataset_values(plain: Mapping[str, Any]) -> list[Problem]:
    """Numbers in quotes and storages that do not exist: BasicSR's datasets fail at the first picture."""
    problems = []
    datasets = plain.get('datasets')
    for key, block in (datasets.items() if isinstance(datasets, Mapping) else ()):
        if not isinstance(block, Mapping):
            continue
        for name, value in block.items():
            if name.endswith(('size', 'ratio', 'scale', 'prob')) and isinstance(value, str) and NUMBER.fullmatch(value):
                problems.append(Problem(('datasets', str(key), name),
                                        f"is text, '{value}'; write {value} without quotes"))
        backend = block.get('io_backend')
        judged = options_class(dataset_class(block)) is not None  # effsr's own classes know more of them
        if not judged and isinstance(backend, Mapping) and backend.get('type', 'disk') not in BACKENDS:
            problems.append(Problem(('datasets', str(key), 'io_backend', 'type'),
                                    f'is {backend["type"]}; accepted: {", ".join(BACKENDS)}'))
    return problems


def _layer_problems(location: tuple[str, ...], block: Mapping[str, Any]) -> list[Problem]:
    """Layers that a VGG does not have; those of other backbones, and numbers, are looked up when it is built."""
    vgg_type = block.get('vgg_type', 'vgg19')
    if vgg_type not in VGG_TYPES or block.get('backbone') is not None:
        return []
    layers = VGG_LAYERS[vgg_type.removesuffix('_bn')]
    if vgg_type.endswith('_bn'):
        layers = [*layers, *(name.replace('conv', 'bn') for name in layers if name.startswith('conv'))]
    return [Problem((*location, key, str(name)), f'no layer of {vgg_type}; {nearest(name, layers)} Layers are such as '
                                                 'conv5_4')
            for key in ('layer_weights', 'layers') if isinstance(block.get(key), Mapping)
            for name in block[key] if name not in layers and not str(name).isdigit()]


def _blocks(plain: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Every block with a `type`, and its key path; datasets apart, which are checked by their classes."""
    places: list[tuple[tuple[str, ...], Any]] = [((key,), plain.get(key)) for key in ('network_g', 'network_d')]
    train, val = plain.get('train'), plain.get('val')
    if isinstance(train, Mapping):
        places += [(('train', key), value) for key, value in train.items()]
    if isinstance(val, Mapping) and isinstance(val.get('metrics'), Mapping):
        places += [(('val', 'metrics', str(label)), value) for label, value in val['metrics'].items()]
    for location, block in places:
        if isinstance(block, Mapping) and isinstance(block.get('type'), str):
            yield location, block
