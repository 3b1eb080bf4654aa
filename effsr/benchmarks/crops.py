"""Crops of photographs for the degradation benchmark, by number: everyone gets the same ones."""
from functools import lru_cache

import cv2
import numpy as np
import torch

from effsr.benchmarks.chains import Crops
from effsr.benchmarks.photographs import Photographs
from effsr.data.augment import draw_corner
from effsr.data.image_io import read_rgb, to_tensor
from effsr.data.sampler import sample_seed


@lru_cache(maxsize=32)
def _read(path: str) -> np.ndarray:
    return read_rgb(path)


class CropSource:
    """Batches of square crops, each drawn from one seed and a number.

    Args:
        photographs: What is cropped; one that is too small is completed by reflection, as BasicSR does.
        batch: Crops in a batch.
        side: Of a crop in pixels.
        device: Where their tensor lies.
        seed: Of everything drawn; image n of all batches together is the same whatever the batch.
    """

    def __init__(self, photographs: Photographs, batch: int, side: int, device: torch.device, seed: int):
        self.photographs = photographs
        self.batch = batch
        self.side = side
        self.device = device
        self.seed = seed
        self._last: tuple[int, Crops] | None = None

    def __call__(self, number: int) -> Crops:
        """The batch of a number, from 0."""
        if self._last is None or self._last[0] != number:
            places = range(number * self.batch, (number + 1) * self.batch)
            arrays = [self._cut(place) for place in places]
            tensor = torch.stack([to_tensor(array) for array in arrays]).to(self.device)
            self._last = number, Crops(tensor, arrays, [sample_seed(self.seed, 0, place) for place in places])
        return self._last[1]

    def _cut(self, place: int) -> np.ndarray:
        rng = np.random.default_rng([self.seed, place])
        image = _read(self.photographs.paths[int(rng.integers(len(self.photographs.paths)))])
        below, right = (max(0, self.side - length) for length in image.shape[:2])
        if below or right:
            image = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REFLECT_101)
        top, left = draw_corner(rng, *image.shape[:2], self.side)
        return np.ascontiguousarray(image[top:top + self.side, left:left + self.side])
