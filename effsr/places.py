"""Where the degradation costs a run less: in the training step, or in the data workers beside it."""
import time
from typing import NamedTuple

import cv2
import torch

from effsr.data.image_io import to_tensor
from effsr.data.sampler import SampleIndex, sample_seed
from effsr.data.worker_pairs import made_in_workers, worker_pairs
from effsr.degradations import Degradation, usm_sharpen
from effsr.options import Options

IMAGES = 8
ROUNDS = 3  # of other degradations; one more before them counts for nothing
CLOSE = 0.05  # of an image's time; less is not told apart


class Places(NamedTuple):
    """Milliseconds an image: in the training step on its device, with all its threads; in one data worker."""

    device: float
    host: float


def compare_places(options: Options, dataset: object, device: torch.device) -> Places | None:
    """Time the degradation of the training set's own crops, sharpening included, in both places in turn.

    Args:
        options: The run's options.
        dataset: The training set; its crops are read before the clock runs.
        device: Where the training step runs.

    Returns:
        None where the run degrades nothing, or cannot in the workers.
    """
    inner = getattr(dataset, 'dataset', dataset)  # below what handles unreadable samples
    if not options.high_order_degradation or options.degradation.mode == 'batch' \
            or not getattr(inner, 'makes_pairs', False):
        return None
    count = min(IMAGES, options.datasets['train'].batch_size_per_gpu)
    crops = _crops(inner, count)
    if not crops:
        return None
    in_worker, in_step = worker_pairs(options), Degradation(options.degradation, options.scale)
    batch = torch.stack([to_tensor(crop) for crop in crops]).to(device)
    times: list[tuple[float, float]] = []
    threads = cv2.getNumThreads(), torch.get_num_threads()
    try:
        for number in range(ROUNDS + 1):
            seeds = [sample_seed(options.manual_seed, number, position) for position in range(len(crops))]
            cv2.setNumThreads(0)
            torch.set_num_threads(1)
            start = time.perf_counter()
            for crop, seed in zip(crops, seeds, strict=True):
                in_worker(crop, seed, number)
            between = time.perf_counter()
            torch.set_num_threads(threads[1])
            lq, _ = in_step(usm_sharpen(batch) if in_worker.sharpen else batch, seeds)
            lq[0, 0, 0, 0].item()  # waits for the device
            times.append((time.perf_counter() - between, between - start))
    finally:
        cv2.setNumThreads(threads[0])
        torch.set_num_threads(threads[1])
    on_device, on_host = (sum(part) * 1000 / (ROUNDS * len(crops)) for part in zip(*times[1:], strict=True))
    return Places(on_device, on_host)


def _crops(dataset: object, count: int) -> list:
    """Crops of as many images that can be read, from the first on."""
    crops = []
    for index in range(len(dataset)):
        try:
            crops.append(dataset.crop(SampleIndex(index, index))[0])
        except ValueError:
            continue  # told when the samples were read
        if len(crops) == count:
            break
    return crops


def quicker_place(places: Places, rest: float, workers: int, cores: int, busy: int) -> str | None:
    """Which place makes an image's training shorter; None if it hardly matters.

    The training step waits for a degradation of its own. Workers degrade beside it, as far as there are cores that
    it leaves free; where it leaves none, as on a CPU, all share them.

    Args:
        places: What was measured.
        rest: Milliseconds of a training step for an image, without its degradation.
        workers: Processes that read; 0: the main process does.
        cores: Of the machine.
        busy: Cores that the training step takes.
    """
    in_step = rest + places.device
    if workers == 0:
        in_workers = rest + places.host
    elif cores > busy:
        in_workers = max(rest, places.host / min(workers, cores - busy))
    else:
        in_workers = rest + places.host / min(workers, cores)
    if abs(in_step - in_workers) < CLOSE * in_step:
        return None
    return 'workers' if in_workers < in_step else 'device'


def describe_places(options: Options, places: Places, step: float, device: torch.device, cores: int) -> str:
    """The two costs, and which `degradation: where` is quicker here with the run's workers.

    Args:
        options: The run's options.
        places: What was measured.
        step: Milliseconds of a training step for an image, as the options have it, waiting for data left out.
        device: Where it runs.
        cores: Of the machine.
    """
    settings = options.datasets['train']
    rest = step if made_in_workers(options) else max(0.0, step - places.device)
    busy = torch.get_num_threads() if device.type == 'cpu' else 1
    quicker = quicker_place(places, rest, settings.num_worker_per_gpu, cores, busy)
    count = settings.num_worker_per_gpu
    plural = 's' if count > 1 else ''
    workers = f'with {count} worker{plural} on {cores} cores' if count else 'with num_worker_per_gpu: 0'
    advice = f'where: {quicker} is quicker {workers}' if quicker else f'either is as quick {workers}'
    return f'{places.device:.1f} ms an image on {device}, {places.host:.1f} ms in a worker: {advice}'
