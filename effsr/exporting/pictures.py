"""The real pictures on which an export is compared with PyTorch."""
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from effsr.data.image_io import list_images, read_rgb
from effsr.data.sample import write_sample_photographs
from effsr.evaluation.low_quality import Recipe, low_quality
from effsr.evaluation.sets import open_set, parse_set

COUNT = 5
SIDE = 256
# Also tried, in pixels (height, width), to show that an export holds at any: odd ones, and the smallest.
ODD = ((61, 47), (1, 1))


def gate_pictures(folder: Path | None, multiple: int) -> list[Tensor]:
    """The middle, up to SIDE, of COUNT pictures spread over a folder; and odd sizes, in steps of ``multiple``.

    Args:
        folder: With its subfolders; None takes photographs that come with scikit-image.
        multiple: What the sides of the pictures will be divisible by.

    Returns:
        float32 (1, 3, h, w) in [0, 1] each, the first as large as they get.

    Raises:
        ValueError: No folder, no image in it, or one that cannot be read.
    """
    if folder is None:
        with tempfile.TemporaryDirectory(prefix='effsr-photographs-') as made:
            write_sample_photographs(Path(made) / 'sample')
            return gate_pictures(Path(made) / 'sample', multiple)
    paths = list_images(folder)
    chosen = [paths[number * len(paths) // COUNT] for number in range(min(COUNT, len(paths)))] if len(paths) > COUNT \
        else paths
    found = [_middle(to_batch(read_rgb(path)), (SIDE, SIDE), multiple) for path in chosen]
    found.sort(key=lambda picture: -picture.numel())
    return [*found, *(_middle(found[0], (height * multiple, width * multiple), multiple) for height, width in ODD)]


def gate_pairs(text: str | None, scale: int) -> list[tuple[Tensor, np.ndarray]]:
    """The pictures of ``HR[:LR]`` folders, with ground truth; without LR they are made by MATLAB's bicubic.

    Raises:
        ValueError: Another form, folders that are missing or do not match, a picture that cannot be read.
    """
    if text is None:
        return []
    places = parse_set(f'pairs={text}')
    if places.hr is None:
        raise ValueError(f'--pairs {text}: no ground truth; accepted: HR or HR:LR')
    recipe = Recipe(scale)
    pairs = []
    for entry in open_set(places, recipe).entries:
        truth = read_rgb(entry.gt)
        truth = truth[:entry.size[0] * scale, :entry.size[1] * scale]
        pairs.append((to_batch(read_rgb(entry.lq) if entry.lq else low_quality(truth, entry.gt.name, recipe)), truth))
    return pairs


def to_batch(pixels: np.ndarray) -> Tensor:
    """uint8 (H, W, 3) -> float32 (1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))).float().div_(255)[None]


def _middle(picture: Tensor, most: Sequence[int], multiple: int) -> Tensor:
    """The middle of a picture; sides divisible by ``multiple`` where it has so many pixels."""
    spans = []
    for length, wanted in zip(picture.shape[2:], most, strict=True):
        side = min(length, wanted)
        side = side // multiple * multiple or side
        spans.append(slice((length - side) // 2, (length - side) // 2 + side))
    return picture[..., spans[0], spans[1]].contiguous()
