"""Where degradation costs less: measured in both places, told for the cores and workers there are."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import cv2
import pytest
import torch

from effsr.data.building import build_dataset
from effsr.options import load_options
from effsr.places import Places, compare_places, describe_places, quicker_place

CPU = torch.device('cpu')


@pytest.fixture
def options(tmp_path, monkeypatch, write_options):
    def load(changes=None, gan=False):
        monkeypatch.chdir(tmp_path)
        return load_options(write_options(tmp_path, changes, gan))
    return load


@pytest.mark.parametrize('where', ['device', 'workers'])
def test_both_places_are_timed_and_opencv_keeps_its_threads(options, where):
    settings = options({'degradation': {'where': where}}, gan=True)
    before = cv2.getNumThreads()
    places = compare_places(settings, build_dataset(settings, 'train'), CPU)
    assert 0 < places.device < 1000 and 0 < places.host < 1000
    assert cv2.getNumThreads() == before


def test_nothing_to_compare(options):
    assert compare_places(options(), build_dataset(options(), 'val'), CPU) is None


@pytest.mark.parametrize(('device', 'host', 'rest', 'workers', 'cores', 'busy', 'expected'), [
    (10, 30, 100, 4, 8, 1, 'workers'),  # hidden behind the step
    (10, 30, 5, 1, 8, 1, 'device'),  # one worker supplies an image in 30 ms, the step takes 15
    (10, 30, 5, 4, 8, 1, 'workers'),  # four supply one in 7.5
    (10, 30, 5, 4, 2, 1, 'device'),  # but not on one free core
    (30, 10, 5, 0, 8, 1, 'workers'),  # without workers the main process does it, the cheaper way
    (10, 30, 100, 0, 8, 1, 'device'),
    (10, 12, 20, 2, 2, 2, 'workers'),  # a step on all cores: 6 ms of both against 10
    (10, 40, 20, 2, 2, 2, 'device'),
    (2, 3, 400, 2, 8, 1, None)])
def test_which_is_quicker(device, host, rest, workers, cores, busy, expected):
    assert quicker_place(Places(device, host), rest, workers, cores, busy) == expected


def test_the_line(options):
    settings = options({'datasets': {'train': {'num_worker_per_gpu': 2}}})
    told = describe_places(settings, Places(12.34, 9.06), 50.0, CPU, 4)
    assert told == ('12.3 ms an image on cpu, 9.1 ms in a worker: where: workers is quicker with 2 workers on 4 cores')
    told = describe_places(settings, Places(0.5, 9.06), 50.0, CPU, 4)
    assert told.endswith('either is as quick with 2 workers on 4 cores')
    # What was measured with where: workers is the step without degradation already.
    settings = options({'degradation': {'where': 'workers'}, 'datasets': {'train': {'num_worker_per_gpu': 1}}})
    assert 'where: device is quicker with 1 worker on' in describe_places(settings, Places(12.0, 90.0), 1.0, CPU, 4)
    settings = options({'datasets': {'train': {'num_worker_per_gpu': 0}}})
    told = describe_places(settings, Places(50.0, 9.0), 60.0, CPU, 4)
    assert told.endswith('workers is quicker with num_worker_per_gpu: 0')
