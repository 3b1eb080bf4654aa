"""The same training from a folder, an LMDB, a packed set and tar shards: the same weights, bit for bit."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import pytest
import torch
from basicsr.utils.registry import DATASET_REGISTRY

from effsr import prepare, train
from effsr.data.sampler import SampleIndex

COMMANDS = {'lmdb': 'lmdb', 'packed': 'pack', 'shards': 'shards'}


@pytest.fixture(scope='module')
def stored(pictures, tmp_path_factory):
    """Where the training pictures lie, by kind of storage."""
    root = tmp_path_factory.mktemp('stored')
    places = {'disk': pictures / 'train'}
    for kind, command in COMMANDS.items():
        places[kind] = root / f'train.{kind}'
        assert prepare.main([command, '-i', str(pictures / 'train'), '-o', str(places[kind]), '--jobs', '1']) == 0
    return places


SETS = {
    'RealESRGANDataset': {'crop_pad_size': 24},
    'SuperResolutionDataset': {'gt_size': 16},
    'PairedImageDataset': {'gt_size': 16},
    'DegradedDataset': {'phase': 'val', 'seed': 5},
}


@pytest.mark.parametrize('kind', COMMANDS)
@pytest.mark.parametrize('name', SETS)
def test_the_same_samples(stored, name, kind):
    def dataset(place):
        block = {'type': name, 'name': 'set', 'phase': 'train', 'scale': 2, 'dataroot_gt': str(place), **SETS[name]}
        if name == 'PairedImageDataset':
            block |= {'dataroot_lq': str(place), 'scale': 1}
        return DATASET_REGISTRY.get(name)(block)

    first, second = dataset(stored['disk']), dataset(stored[kind])
    assert len(first) == len(second) == 30
    for index in range(0, 30, 7):
        one, two = (images[SampleIndex(index, 100 + index)] for images in (first, second))
        assert one.keys() == two.keys()
        for key, value in one.items():
            if isinstance(value, torch.Tensor):
                assert torch.equal(value, two[key]), key
            elif not key.endswith('path'):
                assert value == two[key]


@pytest.mark.slow
@pytest.mark.parametrize('kind', COMMANDS)
def test_the_same_weights(stored, kind, tmp_path, write_options, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = []
    for place, workers in ((stored['disk'], 0), (stored[kind], 2)):
        name = f'from_{place.name.rpartition(".")[2]}'
        changes = {'name': name, 'datasets': {'train': {'dataroot_gt': str(place), 'num_worker_per_gpu': workers}}}
        assert train.main(['-opt', write_options(tmp_path, changes)]) == 0
        found.append(torch.load(f'experiments/{name}/models/net_g_latest.pth', weights_only=True)['params'])
    assert all(torch.equal(value, found[1][key]) for key, value in found[0].items())
