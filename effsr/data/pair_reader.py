"""Pairs of lq and gt, read whole or by window: from two sets of pictures, or from one of which lq is made."""
from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np

from effsr.data.image_set import ImageSet, too_small
from effsr.data.imresize import imresize, imresize_window


class Pair(NamedTuple):
    """lq (h, w, 3) and gt (h * scale, w * scale, 3), uint8 RGB; not to be written to."""

    lq: np.ndarray
    gt: np.ndarray


class PairReader(ABC):
    """Pairs by number.

    Attributes:
        gt: The pictures of gt; their number is that of the pair.
        scale: Factor between the two.
    """

    def __init__(self, gt: ImageSet, scale: int):
        self.gt = gt
        self.scale = scale

    def __len__(self) -> int:
        return len(self.gt)

    @abstractmethod
    def lq_path(self, index: int) -> str:
        """What lq was read or made from, for logs."""

    @abstractmethod
    def lq_size(self, index: int) -> tuple[int, int]:
        """Height and width of lq, known after :meth:`check`."""

    @abstractmethod
    def read_lq(self, index: int, top: int, left: int, height: int, width: int) -> np.ndarray:
        """A window of lq.

        Raises:
            ImageError: It cannot be read.
        """

    @abstractmethod
    def check(self, gt_size: int, slack: int, on_error: str) -> None:
        """Look at all pairs.

        Args:
            gt_size: Side of the crop of gt, 0 for none.
            slack: gt must be less than this many pixels larger than scale times lq.
            on_error: fail or skip.

        Raises:
            ImageError: One line for each of the first few that cannot be used: on_error is fail, or none can.
        """

    def window(self, index: int, top: int, left: int, height: int, width: int) -> Pair:
        """A window given in pixels of lq, and the same of gt.

        Raises:
            ImageError: One of the two cannot be read.
        """
        scale = self.scale
        gt = self.gt.window(index, top * scale, left * scale, height * scale, width * scale)
        return Pair(self.read_lq(index, top, left, height, width), gt)

    def whole(self, index: int) -> Pair:
        """A whole pair; what gt has beyond scale times lq is left out at the bottom and at the right."""
        return self.window(index, 0, 0, *self.lq_size(index))


class StoredPairs(PairReader):
    """Pairs of which both pictures are stored; those of one number belong together."""

    def __init__(self, lq: ImageSet, gt: ImageSet, scale: int):
        super().__init__(gt, scale)
        self.lq = lq

    def lq_path(self, index: int) -> str:
        return self.lq.where(index)

    def lq_size(self, index: int) -> tuple[int, int]:
        return self.lq.size(index)

    def read_lq(self, index: int, top: int, left: int, height: int, width: int) -> np.ndarray:
        return self.lq.window(index, top, left, height, width)

    def check(self, gt_size: int, slack: int, on_error: str) -> None:
        gt_found = self.gt.inspect(gt_size, 'gt_size')
        lq_found = self.lq.inspect(gt_size // self.scale, 'gt_size / scale =')
        for index, (gt, lq) in enumerate(zip(gt_found, lq_found, strict=True)):
            problem = gt if isinstance(gt, str) else lq if isinstance(lq, str) else \
                self._wrong_size(index, lq, gt, slack)
            if problem is not None:
                gt_found[index] = lq_found[index] = problem
        self.gt.settle(gt_found, on_error)
        self.lq.take_over(lq_found)

    def _wrong_size(self, index: int, lq: tuple[int, int], gt: tuple[int, int], slack: int) -> str | None:
        if all(0 <= g - q * self.scale < slack for g, q in zip(gt, lq, strict=True)):
            return None
        return (f'{self.gt.where(index)}: {gt[1]}x{gt[0]} is not {self.scale} times {self.lq.where(index)} '
                f'({lq[1]}x{lq[0]}); make lq from gt again, or take both out')


class MadePairs(PairReader):
    """Pairs whose lq is made of gt by MATLAB-exact bicubic, as by :func:`effsr.data.imresize.imresize`.

    A gt that is not divisible by scale is taken without what is left over at the bottom and at the right.
    """

    def lq_path(self, index: int) -> str:
        return self.gt.where(index)

    def lq_size(self, index: int) -> tuple[int, int]:
        height, width = self.gt.size(index)
        return height // self.scale, width // self.scale

    def read_lq(self, index: int, top: int, left: int, height: int, width: int) -> np.ndarray:
        size = tuple(side * self.scale for side in self.lq_size(index))

        def read(*window: int) -> np.ndarray:
            return self.gt.window(index, *window)

        return imresize_window(read, size, self.scale, top, left, height, width)

    def check(self, gt_size: int, slack: int, on_error: str) -> None:
        self.gt.check(max(gt_size, self.scale), 'gt_size' if gt_size else 'scale', on_error)


class SquaredImages(ImageSet):
    """Pictures that are first resized to a square of a fixed side, by MATLAB's bicubic; what was made is kept.

    Args:
        images: The pictures as they lie; it should keep none itself.
        side: Of the square in pixels.
        cache_mb: Megabytes of resized pictures to keep.
    """

    def __init__(self, images: ImageSet, side: int, cache_mb: int):
        super().__init__(images.storages, cache_mb)
        self.images = images
        self.side = side

    def size(self, index: int) -> tuple[int, int]:
        return self.side, self.side

    def read(self, index: int) -> np.ndarray:
        self.require(index)
        return self.kept(index, lambda: imresize(self.images.read(index), size=(self.side, self.side)))

    def window(self, index: int, top: int, left: int, height: int, width: int) -> np.ndarray:
        return self.read(index)[top:top + height, left:left + width]

    def inspect(self, smallest: int, what: str) -> list[tuple[int, int] | str]:
        found = self.images.inspect(1, what)
        if self.side >= smallest:
            return [result if isinstance(result, str) else (self.side, self.side) for result in found]
        return [result if isinstance(result, str) else
                too_small(f'{self.where(index)} (resized)', self.side, self.side, smallest, what)
                for index, result in enumerate(found)]
