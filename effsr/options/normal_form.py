"""From the shapes an option file may have to the one that the schema describes."""
import logging
import os
from collections.abc import Iterator
from typing import Any

import torch

from effsr.degradations.settings import OWN_KEYS, DegradationSettings
from effsr.options.components import LOSS
from effsr.options.messages import Places, Problem
from effsr.options.model_names import ALIASES
from effsr.options.signature import taken_by
from effsr.options.upstream import move_places, twice

logger = logging.getLogger('basicsr')

# Real-ESRGAN's option files spread the degradation over the top level and datasets: train; a plain dict may hold it
# in the train section.
DEGRADATION_KEYS = frozenset(DegradationSettings.model_fields) - OWN_KEYS
TOP_LEVEL_KEYS = frozenset({'high_order_degradation', 'queue_size', 'gt_size', 'gt_usm', 'l1_gt_usm', 'percep_gt_usm',
                            'gan_gt_usm'})
FILES = ('dataroot_gt', 'dataroot_lq', 'meta_info', 'meta_info_file')


def gather_degradation(plain: dict, places: Places, keeps: frozenset[str] = frozenset()) -> list[Problem]:
    """Move flat degradation keys into the degradation section, and the model's switches to the top level.

    Args:
        plain: The options; changed.
        places: Where each key path stands; changed with it.
        keeps: Keys that the class of the training set reads itself.

    Returns:
        Keys given twice.
    """
    if not isinstance(plain.get('degradation', {}), dict | None):
        return []  # refused by the schema
    problems = []
    degradation = dict(plain.get('degradation') or {})
    datasets = plain.get('datasets') if isinstance(plain.get('datasets'), dict) else {}
    sections = [(('datasets', 'train'), datasets.get('train'), DEGRADATION_KEYS - keeps),
                (('train',), plain.get('train'), DEGRADATION_KEYS | TOP_LEVEL_KEYS), ((), plain, DEGRADATION_KEYS)]
    for where, section, keys in sections:
        for key in sorted(keys & section.keys()) if isinstance(section, dict) else ():
            home, home_path = (degradation, ('degradation', key)) if key in DEGRADATION_KEYS else (plain, (key,))
            value = section.pop(key)
            if key in home:
                problems.append(twice((*where, key), home_path, places))
            else:
                home[key] = value
                move_places(places, (*where, key), home_path)
    if degradation:
        plain['degradation'] = degradation
    return problems


def complete_datasets(plain: dict) -> None:
    """Give every dataset its phase (from its key), its name, the scale, and expanded folders."""
    datasets = plain.get('datasets')
    if not isinstance(datasets, dict):
        return
    scale = plain.get('scale')
    for key, dataset in datasets.items():
        if not isinstance(dataset, dict):
            continue
        phase = str(key).split('_')[0]
        # Any other key is refused as a second training set.
        dataset['phase'] = phase if phase in ('val', 'test') else 'train'
        if isinstance(scale, int) and not isinstance(scale, bool) and scale > 0:
            dataset.setdefault('scale', scale)
        if not dataset.get('name'):
            dataset['name'] = str(key)
        for file in FILES:
            value = dataset.get(file)
            if isinstance(value, str):
                dataset[file] = os.path.expanduser(value)
            elif isinstance(value, list | tuple):
                dataset[file] = [os.path.expanduser(one) if isinstance(one, str) else one for one in value]


def available_gpus(wanted: Any) -> Any:
    """num_gpu as a number of GPUs that this machine has."""
    have = torch.cuda.device_count()
    if wanted == 'auto':
        return have
    if isinstance(wanted, int) and not isinstance(wanted, bool) and wanted > have:
        logger.warning('num_gpu is %d, this machine has %d: using %s', wanted, have, have or 'the CPU')
        return have
    return wanted


def complete_gan(plain: dict) -> Iterator[Problem]:
    """Give train: gan_opt the form that a model's name stands for, where the file does not say another.

    Args:
        plain: The options; changed.

    Yields:
        A note where the loss has no such form.
    """
    name, train = plain.get('model_type'), plain.get('train')
    alias = ALIASES.get(name) if isinstance(name, str) else None
    block = train.get('gan_opt') if isinstance(train, dict) else None
    if alias is None or alias.relativistic is None or not isinstance(block, dict) or 'relativistic' in block:
        return
    target = LOSS.known().get(block.get('type')) if isinstance(block.get('type'), str) else None
    taken = taken_by(target) if target is not None else None
    if taken is None:
        return
    if 'relativistic' in taken.parameters:
        block['relativistic'] = alias.relativistic
    else:
        yield Problem(('train', 'gan_opt', 'type'), f'{block["type"]} has no relativistic form: {name} trains it as it '
                                                    "stands, like SRGANModel; GANLoss has ESRGAN's")
