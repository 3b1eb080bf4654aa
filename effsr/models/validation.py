"""Validation: results in tiles, metrics beside those of bicubic, pictures; shared out to processes and gathered."""
import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from basicsr.utils.matlab_functions import imresize
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset

from effsr.data.image_io import to_uint8
from effsr.inference.tiling import crop_to_scale, pad_to_multiple, upscale_tiled
from effsr.metrics import check_metrics, compute_metrics, without_reference
from effsr.models.pictures import PictureFiles, side_by_side
from effsr.models.scores import Score, ScoreBook
from effsr.options import Options
from effsr.runtime.bar import passing_bar
from effsr.runtime.distributed import gather, share

logger = logging.getLogger('basicsr')


class Result(NamedTuple):
    """What came out for one picture: metrics, those of bicubic, and a row of pictures for TensorBoard, if wanted."""

    metrics: dict[str, float] | None
    baseline: dict[str, float] | None
    shown: np.ndarray | None


class Part(NamedTuple):
    """What one process found, by the pictures' numbers; `failure` is what ended it early."""

    results: dict[int, Result]
    stems: dict[int, str]
    left_out: dict[int, str]
    failure: str | None


def bicubic(lq: Tensor, scale: int) -> np.ndarray:
    """Enlarge lq (1, 3, h, w) as MATLAB's imresize does, the baseline of the literature; uint8 (H, W, 3) RGB."""
    return to_uint8(imresize(lq[0].cpu(), scale))


def share_of(loader: DataLoader, rank: int, world_size: int) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Number and sample of the pictures rank, rank + world_size ...; they are read by this process alone."""
    if world_size == 1:
        yield from enumerate(loader)
        return
    numbers = range(rank, len(loader.dataset), world_size)
    own = DataLoader(Subset(loader.dataset, numbers), batch_size=1, collate_fn=loader.collate_fn)
    yield from zip(numbers, own, strict=True)


@torch.no_grad()
def same_buffers(net: Any) -> None:
    """Give a network process 0's buffers: batch norm's statistics differ between processes."""
    buffers = dict(net.named_buffers()) if isinstance(net, nn.Module) else {}
    if buffers:
        first = share({name: buffer.cpu() for name, buffer in buffers.items()})
        for name, buffer in buffers.items():
            buffer.copy_(first[name])


class Validator:
    """Runs validations of one model and remembers their results.

    Of several processes each takes its share of the pictures; what they find is gathered and recorded in the
    pictures' order, so that the scores are those of one process. All processes must call :meth:`run` together.

    Args:
        options: The sections val, path, runtime, name and scale are read.
    """

    def __init__(self, options: Options):
        assert options.val is not None, 'a model without a val section has nothing to validate with'
        self.options = options.val
        self.scale = options.scale
        self.metrics = {name: entry.model_dump() for name, entry in options.val.metrics.items()}
        check_metrics(self.metrics)
        self.no_reference = without_reference(self.metrics)
        # RRDBNet folds pixels into channels for small factors.
        self.multiple = {2: 2, 1: 4}.get(options.scale, 1) if options.network_g.type == 'RRDBNet' else 1
        root = options.path.experiments_root or options.path.results_root
        self.visualization = Path(options.path.visualization) if options.path.visualization else None
        self.is_train = options.runtime.is_train
        self.rank, self.world_size = options.runtime.rank, options.runtime.world_size
        self.suffix = options.val.suffix or options.name
        self.book = ScoreBook(self.metrics, Path(root) / 'metrics.jsonl' if root else None)
        # Of the last validation of each dataset: metrics and those of bicubic by picture, and what was left out.
        self.by_picture: dict[str, dict[str, tuple[dict[str, float], dict[str, float]]]] = {}
        self.left_out: dict[str, list[str]] = {}
        self._baselines: dict[tuple[str, int], dict[str, float]] = {}

    @property
    def scores(self) -> dict[str, dict[str, Score]]:
        """The last scores by dataset and metric."""
        return self.book.scores

    def state(self) -> dict[str, dict[str, list]]:
        """As :meth:`ScoreBook.state`."""
        return self.book.state()

    def restore(self, state: Mapping[str, Mapping[str, list]]) -> None:
        """As :meth:`ScoreBook.restore`."""
        self.book.restore(state)

    def rewind(self, iteration: int, validated: Mapping[str, int | str] | None = None) -> None:
        """As :meth:`ScoreBook.rewind`."""
        self.book.rewind(iteration, validated)

    @torch.no_grad()
    def infer(self, net: Callable[[Tensor], Tensor], lq: Tensor) -> Tensor:
        """lq (B, 3, h, w) -> (B, 3, h*scale, w*scale), in tiles where val: tile says so."""
        tile, tile_pad = (-(-side // self.multiple) * self.multiple
                          for side in (self.options.tile, self.options.tile_pad))
        result = upscale_tiled(net, pad_to_multiple(lq, self.multiple), self.scale, tile, tile_pad)
        return crop_to_scale(result, lq, self.scale)

    def run(self, net: Callable[[Tensor], Tensor], loader: DataLoader, device: torch.device, iteration: int | str,
            tb_logger: Any = None, save_img: bool = False) -> dict[str, Score]:
        """Validate a network on one dataset, log and write what came out; a collective call.

        Args:
            net: In evaluation mode, on `device`.
            loader: Gives one image at a time, in order: lq, lq_path and, for metrics, gt.
            device: Where to compute.
            iteration: Number of finished iterations; for a test, the name of the run.
            tb_logger: TensorBoard's SummaryWriter on process 0, or None.
            save_img: Whether to write every result to the visualization folder.

        Returns:
            The scores by the metric's name; empty where there is no gt.

        Raises:
            ValueError: A picture cannot be read or validated, on any process; or none is left.
        """
        dataset = loader.dataset.opt['name']
        tb_images = self.options.tb_images if share(tb_logger is not None) else 0
        files = self._files(dataset, iteration, save_img)
        if self.world_size > 1:
            same_buffers(net)
        parts = self._gather(self._walk(net, loader, device, files, tb_images), dataset)
        names = files.settle(part.stems for part in parts)
        results = {number: part.results[number] for part in parts for number in part.results}
        if tb_logger is not None:
            for number in sorted(results):
                if results[number].shown is not None:
                    tb_logger.add_image(f'pictures/{dataset}/{names[number]} (lq, bicubic, result, gt)',
                                        results[number].shown, iteration, dataformats='HWC')
        self._tell_left_out(dataset, [part.left_out for part in parts], len(results))
        scored = {names[number]: results[number] for number in sorted(results) if results[number].metrics is not None}
        self.by_picture[dataset] = {name: (one.metrics, one.baseline) for name, one in scored.items()}
        if not scored:
            logger.info('%s: no metrics: val: metrics has none, or none that does without gt', dataset)
            return {}
        rows, baselines = zip(*self.by_picture[dataset].values(), strict=True)
        self.book.add(dataset, iteration, rows, baselines)
        self.book.scores[dataset] = share(self.book.scores[dataset])
        if self.rank == 0:
            self.book.write(dataset, iteration, tb_logger)
        return self.book.scores[dataset]

    def _files(self, dataset: str, iteration: int | str, save_img: bool) -> PictureFiles:
        folder = self.visualization / dataset if save_img and self.visualization is not None else None
        suffix = str(iteration) if self.is_train else self.suffix
        return PictureFiles(folder, suffix, self.is_train, self.world_size == 1)

    def _gather(self, outcome: tuple[Part, Exception | None], dataset: str) -> list[Part]:
        """The parts of all processes; what ended one of them ends all."""
        part, error = outcome
        parts = gather(part) if self.world_size > 1 else [part]
        if error is not None:
            raise error
        for rank, other in enumerate(parts):
            if other.failure is not None:
                raise ValueError(f'validating {dataset} on process {rank}: {other.failure}')
        return parts

    def _walk(self, net: Callable[[Tensor], Tensor], loader: DataLoader, device: torch.device, files: PictureFiles,
              tb_images: int) -> tuple[Part, Exception | None]:
        """Validate this process's share of the pictures; an error is given back, for the others to hear of it."""
        dataset = loader.dataset.opt['name']
        results: dict[int, Result] = {}
        left_out: dict[int, str] = {}
        samples = passing_bar(share_of(loader, self.rank, self.world_size), f'validating {dataset}',
                              len(range(self.rank, len(loader), self.world_size)), self.options.pbar and not self.rank)
        try:
            for number, sample in samples:
                for trouble in getattr(sample, 'replaced', ()):  # data.tolerant: it could not be read
                    left_out[number] = f'{Path(trouble.file).name} ({trouble.reason})'
                if number not in left_out:
                    results[number] = self._one(net, dataset, number, sample, device, files, number < tb_images)
        # Whatever it is, the other processes must not wait for this one for ever.
        except Exception as error:
            return Part({}, {}, {}, next(iter(str(error).splitlines()), type(error).__name__)), error
        finally:
            samples.close()
        return Part(results, files.stems, left_out, None), None

    def _one(self, net: Callable[[Tensor], Tensor], dataset: str, number: int, sample: Mapping[str, Any],
             device: torch.device, files: PictureFiles, shown: bool) -> Result:
        name = files.name(number, Path(sample['lq_path'][0]).stem)
        lq = sample['lq'].to(device)
        result = to_uint8(self.infer(net, lq))
        gt = to_uint8(sample['gt']) if 'gt' in sample else None
        metrics = self.metrics if gt is not None else self.no_reference
        unknown = bool(metrics) and (dataset, number) not in self._baselines
        enlarged = bicubic(lq, self.scale) if shown or unknown else None
        if unknown:
            self._baselines[dataset, number] = compute_metrics(metrics, enlarged, gt)
        files.write(number, name, result)
        return Result(compute_metrics(metrics, result, gt) if metrics else None,
                      self._baselines[dataset, number] if metrics else None,
                      side_by_side(to_uint8(lq), enlarged, result, gt) if shown else None)

    def _tell_left_out(self, dataset: str, parts: list[dict[int, str]], present: int) -> None:
        left_out = {number: text for part in parts for number, text in part.items()}
        self.left_out[dataset] = [left_out[number] for number in sorted(left_out)]
        if not left_out:
            return
        told = ', '.join(self.left_out[dataset])
        if not present:
            raise ValueError(f'{dataset}: none of {len(left_out)} pictures can be read: {told}; check its folder')
        logger.warning('%s: %d of %d pictures left out: %s', dataset, len(left_out), len(left_out) + present, told)
