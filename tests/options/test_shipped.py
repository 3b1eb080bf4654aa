"""Every option file of options/ loads, and what it names exists and takes the arguments given."""
import effsr  # noqa: F401  registers

# isort: split
import inspect
from pathlib import Path

import pytest
from basicsr.utils.registry import ARCH_REGISTRY, DATASET_REGISTRY, LOSS_REGISTRY, METRIC_REGISTRY, MODEL_REGISTRY

from effsr.options import as_options, load_options, to_plain

FOLDER = Path(__file__).parents[2] / 'options'
FILES = sorted(FOLDER.glob('*.yml'))


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def shipped(request):
    return request.param, load_options(request.param, check_files=False)


def test_the_files_are_there():
    assert {'quickstart_esrnet_x4', 'quickstart_esrgan_x4', 'test_x4', 'train_esrnet_x4', 'train_esrgan_x4',
            'train_esrnet_x2', 'train_esrgan_x2'} <= {path.stem for path in FILES}


def test_named_as_its_file(shipped):
    path, options = shipped
    assert options.name == path.stem
    assert as_options(to_plain(options)) == options


def test_components_exist_and_take_their_arguments(shipped):
    _, options = shipped
    assert options.model_type in MODEL_REGISTRY
    assert all(dataset.type in DATASET_REGISTRY for dataset in options.datasets.values())
    for network in filter(None, (options.network_g, options.network_d)):
        ARCH_REGISTRY.get(network.type)(**network.arguments)
    if options.train is not None:
        for loss in (options.train.pixel_opt, options.train.perceptual_opt, options.train.gan_opt):
            if loss is not None:
                inspect.signature(LOSS_REGISTRY.get(loss.type)).bind(**loss.arguments)
    for metric in options.val.metrics.values():
        assert metric.type in METRIC_REGISTRY


def test_a_pixel_stage_leads_to_the_file_it_names(shipped):
    _, options = shipped
    if options.next and '-opt ' in options.next:
        assert (FOLDER.parent / options.next.split('-opt ')[1].split()[0]).is_file()
