"""From a batch of the loader to the lq and gt of one training step; both models train on it."""
import zlib
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from effsr.augmentation import AugmentSettings, augment_images
from effsr.degradations import Degradation, PairPool, draw_parameters, usm_sharpen
from effsr.degradations.crop import draw_lq_corner
from effsr.degradations.severity import severity_at
from effsr.models.drawn import DrawnLog
from effsr.options import Options

RECENT = 16  # batches handed out whose files stay known; more than anyone looks back
UNKNOWN = -1


class Pairs(NamedTuple):
    """A training batch, RGB in [0, 1]: lq (B, 3, h, w); gt and its sharpened copy (B, 3, h*scale, w*scale).

    seeds (B,) int64 on the device of lq: what each sample's crop and degradation were drawn from; negative where a
    sample came without, a number that stands for its file (UNKNOWN where that is unknown, too).
    """

    lq: Tensor
    gt: Tensor
    gt_usm: Tensor
    seeds: Tensor


def paired_crop(pairs: Pairs, seeds: list[int], gt_size: int, scale: int) -> Pairs:
    """Cut the same square out of lq and both gt, at another place in each image, drawn from its seed.

    Raises:
        ValueError: The images are smaller than gt_size.
    """
    height, width = pairs.lq.shape[-2:]
    size = gt_size // scale
    if min(height, width) < size:
        raise ValueError(f'gt_size {gt_size} does not fit into gt of {width * scale}x{height * scale}; lower gt_size '
                         'or raise datasets: train: crop_pad_size')
    corners = [draw_lq_corner(seed, height, width, size) for seed in seeds]

    def cut(images: Tensor, factor: int) -> Tensor:
        side = size * factor
        return torch.stack([image[:, top * factor:top * factor + side, left * factor:left * factor + side]
                            for image, (top, left) in zip(images, corners, strict=True)])

    return pairs._replace(lq=cut(pairs.lq, 1), gt=cut(pairs.gt, scale), gt_usm=cut(pairs.gt_usm, scale))


def augmented(pairs: Pairs, settings: AugmentSettings, seeds: list[int], clean: Tensor) -> Pairs:
    """Mix the pairs of a batch with each other, each by its seed; the seeds stay those of the samples themselves.

    Args:
        pairs: The batch.
        settings: What is drawn.
        seeds: One for each sample, not negative.
        clean: Its gt or gt_usm: what lq was degraded from.
    """
    sharpened = pairs.gt_usm is not pairs.gt
    images = pairs[:3] if sharpened else pairs[:2]
    images = augment_images(images, settings, seeds, clean=2 if sharpened and clean is pairs.gt_usm else 1)
    return Pairs(images[0], images[1], images[-1], pairs.seeds)


class Origins:
    """Which file each seed's sample was cut from, for samples that may still be handed out or were so lately.

    Args:
        room: Number of samples that are remembered before those past use are forgotten.
    """

    def __init__(self, room: int):
        self.room = room
        self.paths: dict[int, str] = {}
        self._recent: deque[list[int]] = deque(maxlen=RECENT)

    def add(self, seeds: list[int], paths: Iterable[str], held: Iterable[int]) -> None:
        """Remember a batch that is about to be used; forget what is neither among `held` nor in a recent batch."""
        self.paths.update(zip(seeds, map(str, paths), strict=True))
        if len(self.paths) > self.room + 2 * RECENT * len(seeds):
            kept = {*held, *seeds, *(seed for batch in self._recent for seed in batch)}
            self.paths = {seed: path for seed, path in self.paths.items() if seed in kept}

    def handed_out(self, seeds: list[int]) -> None:
        """Note the samples of the batch that goes into a step."""
        self._recent.append(seeds)


class PairSource:
    """Makes the pairs of a training step: by degradation, or as the dataset gives them; and augments them.

    Pairs are augmented last, when they have come through the pool, with others of the batch that goes into the step.
    ``drawn`` keeps the parameters of the degradations of late, for logs.

    Args:
        options: scale, gt_size, queue_size, degradation, high_order_degradation and train: augment are read.
        device: Where the pairs are made and land.
        sharpen: Whether gt is sharpened (USM) before it is degraded; if not, gt_usm is gt.
    """

    def __init__(self, options: Options, device: torch.device, sharpen: bool):
        self.scale = options.scale
        self.gt_size = options.gt_size
        self.high_order = options.high_order_degradation
        self.sharpen = sharpen
        self.device = device
        self.drawn = DrawnLog()
        # For batches of a user's own loop that bring no seeds.
        self.spare_seeds = np.random.default_rng([options.manual_seed, options.runtime.rank])
        self.settings = options.degradation
        self.augment = options.train.augment if options.train is not None else AugmentSettings()
        self.degradation = Degradation(options.degradation, options.scale)
        # Each process has a pool of its own, and so slots of its own.
        self.pool = PairPool(options.queue_size, options.manual_seed + options.runtime.rank)
        self.origins = Origins(2 * options.queue_size)
        crop = getattr(options.datasets.get('train'), 'crop_pad_size', None) if options.gt_size is None else None
        self._made = {'scale': options.scale, 'gt_size': options.gt_size or crop, 'sharpened': sharpen}

    @torch.no_grad()
    def __call__(self, data: Mapping[str, Any], iteration: int | None = None) -> Pairs:
        """Make pairs from `gt` and `seed`; or take them from a batch that brings its own `lq`.

        Args:
            data: Tensors (B, 3, H, W); `seed` of B integers and `gt_path` of B names may be missing. A batch with
                `degraded` was made from gt by the data workers and is cut already: :class:`effsr.data.worker_pairs`.
            iteration: That the batch is for, which a schedule of severity follows; None takes the schedule's end.

        Raises:
            ValueError: Degradation is off and the batch has no lq, or gt_size does not fit.
        """
        if 'degraded' in data:
            return self._made_by_workers(data)
        if 'lq' in data or not self.high_order:
            return self._given(data)
        seeds = _seeds_of(data)
        if seeds is None:
            seeds = self._spare(len(data['gt']))
        gt = data['gt'].to(self.device, non_blocking=True)
        gt_usm = usm_sharpen(gt) if self.sharpen else gt
        lq, parameters = self.degradation(gt_usm, seeds, severity_at(self.settings, iteration))
        self.drawn.add(parameters)
        # Seeds go through the pool on the host, so that it knows what is held without asking the device.
        pairs = Pairs(lq, gt, gt_usm, torch.tensor(seeds, dtype=torch.int64))
        if self.gt_size is not None:
            pairs = paired_crop(pairs, seeds, self.gt_size, self.scale)
        return self._mixed(pairs, seeds, data)

    def paths_of(self, seeds: Iterable[int]) -> list[str | None]:
        """The gt file that each seed's sample was cut from; None where that is not known."""
        return [self.origins.paths.get(int(seed)) for seed in seeds]

    def _given(self, data: Mapping[str, Any]) -> Pairs:
        if 'lq' not in data or 'gt' not in data:
            raise ValueError(f'a training batch of pairs has lq and gt, this one has {", ".join(data)}; use a '
                             'RealESRGANPairedDataset, or set high_order_degradation: true')
        lq = data['lq'].to(self.device, non_blocking=True)
        gt = data['gt'].to(self.device, non_blocking=True)
        (height, width), (gt_height, gt_width) = lq.shape[-2:], gt.shape[-2:]
        if (gt_height, gt_width) != (height * self.scale, width * self.scale):
            raise ValueError(f'gt is {gt_width}x{gt_height}, {self.scale} times lq is {width * self.scale}x'
                             f'{height * self.scale}; give pairs of scale {self.scale}')
        seeds = _seeds_of(data) or _stand_ins(data)
        pairs = Pairs(lq, gt, usm_sharpen(gt) if self.sharpen else gt, torch.tensor(seeds, dtype=torch.int64))
        self._note(seeds, data, pairs)
        if 'seed' not in data and self.augment.active:
            seeds = self._spare(len(lq))  # a file's number would draw the same in every epoch
        return self._finished(pairs, seeds, pairs.gt)

    def _made_by_workers(self, data: Mapping[str, Any]) -> Pairs:
        seeds = _seeds_of(data)
        lq, gt = (data[part].to(self.device, non_blocking=True) for part in ('lq', 'gt'))
        gt_usm = data['gt_usm'].to(self.device, non_blocking=True) if self.sharpen else gt
        # Drawn once more for the log: cheaper than sent along from another process.
        self.drawn.add(draw_parameters(self.settings, seed, severity)
                       for seed, severity in zip(seeds, data['severity'].tolist(), strict=True))
        return self._mixed(Pairs(lq, gt, gt_usm, torch.tensor(seeds, dtype=torch.int64)), seeds, data)

    def _mixed(self, pairs: Pairs, seeds: list[int], data: Mapping[str, Any]) -> Pairs:
        """Through the pool, with seeds that are on the host; `seeds` and `data` are those put in."""
        pairs = self._pool(pairs)
        self._note(seeds, data, pairs)
        return self._finished(pairs, pairs.seeds.tolist(), pairs.gt_usm)

    def _finished(self, pairs: Pairs, seeds: list[int], clean: Tensor) -> Pairs:
        """Augmented by these seeds, and with the seeds of the samples on the device; see :func:`augmented`."""
        pairs = augmented(pairs, self.augment, seeds, clean)
        return pairs._replace(seeds=pairs.seeds.to(self.device, non_blocking=True))

    def _spare(self, count: int) -> list[int]:
        return self.spare_seeds.integers(2**63, size=count).tolist()

    def _note(self, seeds: list[int], data: Mapping[str, Any], pairs: Pairs) -> None:
        """Remember the files of a batch, and which samples are handed out; `pairs` still has its seeds on the host."""
        self.origins.handed_out(pairs.seeds.tolist())
        if 'gt_path' in data:
            self.origins.add(seeds, data['gt_path'], _held_seeds(self.pool))

    def _pool(self, pairs: Pairs) -> Pairs:
        if not self.sharpen:
            lq, gt, seeds = self.pool.exchange(pairs.lq, pairs.gt, pairs.seeds)
            return Pairs(lq, gt, gt, seeds)
        return Pairs(*self.pool.exchange(*pairs))

    def state_dict(self) -> dict[str, Any]:
        """What decides the pairs to come, less the pool: small, plain values."""
        return {'spare_seeds': self.spare_seeds.bit_generator.state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where :meth:`state_dict` was taken."""
        self.spare_seeds.bit_generator.state = state['spare_seeds']

    def pool_state_dict(self) -> dict[str, Any]:
        """The pool (large: all pairs held) and the files of the samples in it."""
        held = _held_seeds(self.pool)
        paths = {str(seed): path for seed, path in zip(held, self.paths_of(held), strict=True) if path is not None}
        return {'pool': self.pool.state_dict(), 'paths': paths, 'made': self._made}

    def load_pool_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up the pool of :meth:`pool_state_dict`.

        Raises:
            ValueError: It is of another size, or of pairs that are made otherwise now.
        """
        if state.get('made') != self._made:
            raise ValueError(f'its pairs were made with {state.get("made")}, the options say {self._made}')
        self.pool.load_state_dict(state['pool'])
        self.origins.paths.update({int(seed): path for seed, path in state['paths'].items()})


def _seeds_of(data: Mapping[str, Any]) -> list[int] | None:
    return [int(seed) for seed in data['seed']] if 'seed' in data else None


def _stand_ins(data: Mapping[str, Any]) -> list[int]:
    """Numbers below UNKNOWN that stand for the files of samples that came without seeds."""
    paths = data.get('gt_path')
    if paths is None:
        return [UNKNOWN] * len(data['lq'])
    return [UNKNOWN - 1 - zlib.crc32(str(path).encode()) for path in paths]


def _held_seeds(pool: PairPool) -> list[int]:
    """Seeds are the last part of each pair."""
    return pool.held(-1).tolist() if len(pool) else []
