"""Pairs of ground truth and low quality made of one picture, with the training's degradation."""
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from effsr.curation.pixels import write_pixels
from effsr.data.augment import draw_corner
from effsr.data.image_io import ImageError, read_rgb
from effsr.data.sampler import sample_seed
from effsr.data.storages.container import without_suffix
from effsr.degradations import DegradationSettings, draw_parameters
from effsr.degradations.host import degrade_host, usm_sharpen_host

CROP_STREAM = 2
SMALLEST_LQ = 8  # pixels


class Recipe(NamedTuple):
    """What the pairs depend on, besides the picture and its name.

    Attributes:
        settings: What is drawn.
        scale: Factor between gt and lq.
        sharpen: Whether the picture is sharpened before it is degraded.
        per_image: Pairs of each picture.
        crop: Side of a square of gt in pixels; 0: the whole picture.
        seed: Of the command.
        alpha: What to do with transparency.
    """

    settings: DegradationSettings
    scale: int
    sharpen: bool
    per_image: int
    crop: int
    seed: int
    alpha: str

    def plain(self) -> dict[str, Any]:
        """All of it as values that JSON has."""
        values = self._asdict()
        drawn = values.pop('settings').model_dump(mode='json', exclude={'where', 'mode'})
        return {**values, **drawn}


def pair_stems(name: str, per_image: int) -> list[str]:
    """Names of a picture's pairs without suffix: sub/a.jpg -> sub/a, or sub/a_1, sub/a_2 ... if there are several."""
    stem = without_suffix(name)
    return [stem] if per_image == 1 else [f'{stem}_{k}' for k in range(1, per_image + 1)]


def make_pairs(source: tuple[str, Path], recipe: Recipe, folder: Path) -> list[dict[str, Any]]:
    """Write all pairs of one picture; return what was drawn, a row for each.

    Raises:
        ImageError: It cannot be read, or is too small.
        OutputError: The folder cannot be written.
    """
    name, path = source
    image = read_rgb(path, recipe.alpha)
    least = recipe.crop or SMALLEST_LQ * recipe.scale
    height, width = image.shape[:2]
    if min(height, width) < least:
        what = '--crop' if recipe.crop else f'scale {recipe.scale}, at least {SMALLEST_LQ} pixels of lq,'
        raise ImageError(f'{path}: {width}x{height} is smaller than the {least}x{least} that {what} needs; take it out'
                         f'{" or lower --crop" if recipe.crop else ""}')
    rows = []
    for number_of_pair, stem in enumerate(pair_stems(name, recipe.per_image)):
        seed = pair_seed(recipe.seed, name, number_of_pair)
        top, left, gt = cut(image, seed, recipe)
        parameters = draw_parameters(recipe.settings, seed)
        lq = degrade_host(usm_sharpen_host(gt) if recipe.sharpen else gt, parameters, recipe.scale)
        write_pixels(folder, {f'gt/{stem}.png': gt, f'lq/{stem}.png': lq}, path)
        rows.append({'name': f'{stem}.png', 'source': name, 'seed': seed, 'top': top, 'left': left,
                     'height': gt.shape[0], 'width': gt.shape[1], 'usm': recipe.sharpen, 'scale': recipe.scale,
                     'parameters': parameters.to_dict()})
    return rows


def pair_seed(seed: int, name: str, number_of_pair: int) -> int:
    """The seed of one pair; the first of each is that of a DegradedDataset for a file whose name has no folder."""
    return sample_seed(seed, number_of_pair, zlib.crc32(name.encode()))


def cut(image: np.ndarray, seed: int, recipe: Recipe) -> tuple[int, int, np.ndarray]:
    """Top, left and the square of --crop; or 0, 0 and the whole less what the scale leaves over at bottom and right."""
    height, width = image.shape[:2]
    if recipe.crop:
        top, left = draw_corner(np.random.default_rng([seed, CROP_STREAM]), height, width, recipe.crop)
        return top, left, np.ascontiguousarray(image[top:top + recipe.crop, left:left + recipe.crop])
    scale = recipe.scale
    return 0, 0, np.ascontiguousarray(image[:height - height % scale, :width - width % scale])
