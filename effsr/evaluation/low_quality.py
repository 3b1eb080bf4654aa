"""How the low-resolution pictures of a set come about."""
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from effsr.data.image_io import to_tensor, to_uint8
from effsr.data.imresize import imresize
from effsr.data.sampler import sample_seed
from effsr.degradations import Degradation, DegradationSettings
from effsr.options import OptionError, load_options, locate

SMALLEST_LQ = 8  # pixels: a second-order degradation works on smaller pictures still in between


@dataclass(frozen=True)
class Recipe:
    """What low-resolution pictures that are not given are made by.

    Attributes:
        scale: Factor.
        degradation: Of an option file; None: MATLAB's bicubic.
        seed: Of the degradation.
        source: The option file; '' without one.
    """

    scale: int
    degradation: DegradationSettings | None = None
    seed: int = 0
    source: str = ''

    @property
    def made(self) -> str:
        """One line for the head of a table."""
        if self.degradation is None:
            return f"MATLAB's bicubic, 1/{self.scale}, antialiased, rounded to 8 bits"
        return (f'degradation of {self.source}, seed {self.seed}, one draw a picture by its file name, as a '
                'DegradedDataset draws')

    @property
    def smallest(self) -> int:
        """Least side of a ground truth."""
        return self.scale * (1 if self.degradation is None else SMALLEST_LQ)

    def plain(self) -> dict[str, Any]:
        """All that a picture depends on, as values that JSON has."""
        drawn = None if self.degradation is None else self.degradation.model_dump(mode='json',
                                                                                  exclude={'where', 'mode'})
        return {'scale': self.scale, 'degradation': drawn, 'seed': self.seed if drawn else None}


def read_recipe(option_file: Path | None, scale: int, seed: int) -> Recipe:
    """What --degrade asks for; without an option file MATLAB's bicubic.

    Raises:
        ValueError: A mistake in the file, a run that degrades nothing, or another scale.
    """
    if option_file is None:
        return Recipe(scale)
    try:
        options = load_options(option_file, check_files=False)
    except OptionError as error:
        raise ValueError(f'--degrade: {locate(str(error), option_file, [])}') from error
    if not options.high_order_degradation:
        raise ValueError(f'--degrade {option_file}: high_order_degradation is false: this run degrades nothing; give '
                         'the option file of a run that does, or leave --degrade out')
    if options.scale != scale:
        raise ValueError(f'--degrade {option_file}: its scale is {options.scale}, and this evaluation is at {scale}; '
                         f'give an option file of scale {scale}, or -s {options.scale}')
    return Recipe(scale, options.degradation, seed, option_file.as_posix())


def low_quality(truth: np.ndarray, name: str, recipe: Recipe) -> np.ndarray:
    """Make the low-resolution picture of one ground truth.

    Args:
        truth: (H, W, 3) uint8 or uint16 RGB, both sides divisible by the scale.
        name: Of the file, with suffix; the degradation is drawn by it.
        recipe: How.

    Returns:
        uint8 (H / scale, W / scale, 3).
    """
    if recipe.degradation is None:
        size = tuple(side // recipe.scale for side in truth.shape[:2])
        return eight_bits(imresize(truth, size=size, method='bicubic'))
    seed = sample_seed(recipe.seed, 0, zlib.crc32(PurePosixPath(name).name.encode()))
    lq, _ = Degradation(recipe.degradation, recipe.scale)(to_tensor(eight_bits(truth))[None], [seed])
    return to_uint8(lq)


def eight_bits(pixels: np.ndarray) -> np.ndarray:
    """uint8 as it is, uint16 rounded to it."""
    return pixels if pixels.dtype == np.uint8 else ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
