"""Upscaling picture files with a trained network: what effsr/upscale.py does, less the talking."""
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from effsr.data.image_io import ImageError, Picture, list_images, read_picture, write_picture
from effsr.inference.tiling import crop_to_scale, pad_to_multiple, upscale_tiled
from effsr.inference.weights import LoadedModel

EXTENSIONS = ('auto', 'png', 'jpg', 'webp')
AUTO_TILE = 512
AUTO_TILE_ABOVE = 1_000_000
SUFFIX_OF_FORMAT = {'JPEG': '.jpg', 'MPO': '.jpg', 'WEBP': '.webp', 'BMP': '.bmp', 'TIFF': '.tif', 'PPM': '.ppm'}
LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Settings:
    """How to upscale and where to write.

    Attributes:
        output: Folder, made when the first picture is written.
        suffix: Put behind the name, after an underscore; '' for none.
        ext: 'png', 'jpg', 'webp', or 'auto': PNG for PNG, for alpha and for 16 bits, else the input's format.
        tile: Side of a tile in input pixels; 0 for whole pictures up to a megapixel and tiles of 512 above.
        tile_pad: Halo of a tile in input pixels.
        overwrite: Replace existing outputs.

    Raises:
        ValueError: A value out of range, or ``output`` is a file.
    """

    output: Path = Path('results')
    suffix: str = 'out'
    ext: str = 'auto'
    tile: int = 0
    tile_pad: int = 32
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.tile < 0 or self.tile_pad < 0:
            raise ValueError(f'tile is {self.tile}, tile_pad {self.tile_pad}; accepted: whole numbers from 0')
        if any(mark in self.suffix for mark in '/\\\0'):
            raise ValueError(f'suffix is {self.suffix!r}; accepted: part of a file name, without / and \\')
        if self.ext not in EXTENSIONS:
            raise ValueError(f'ext is {self.ext!r}; accepted: {", ".join(EXTENSIONS)}')
        if self.output.exists() and not self.output.is_dir():
            raise ValueError(f'{self.output}: is a file; accepted as output: a folder, new or not')


@dataclass(frozen=True)
class Outcome:
    """What became of one input. ``error`` is '' for success; sizes are (height, width)."""

    source: Path
    error: str = ''
    target: Path | None = None
    size_in: tuple[int, int] = (0, 0)
    size_out: tuple[int, int] = (0, 0)
    tile: int = 0
    seconds: float = 0.0


def list_inputs(path: str | Path) -> list[Path]:
    """The file itself, or the images directly in a folder.

    Raises:
        ValueError: Nothing there, or a folder without images.
    """
    path = Path(path)
    if not path.exists():
        raise ValueError(f'{path}: no such file or folder; accepted: a picture, or a folder of pictures')
    return list_images(path, recursive=False) if path.is_dir() else [path]


def output_stems(sources: Sequence[Path]) -> list[str]:
    """One name each. Inputs that differ in nothing but the suffix keep it: a.png and a.jpg become a_png and a_jpg."""
    count = Counter(source.stem.lower() for source in sources)
    return [source.stem if count[source.stem.lower()] == 1 else f'{source.stem}_{source.suffix[1:]}'
            for source in sources]


def choose_device(name: str) -> torch.device:
    """'auto' takes CUDA where there is one.

    Raises:
        ValueError: CUDA is asked for and absent.
    """
    if name == 'cuda' and not torch.cuda.is_available():
        raise ValueError('device is cuda, but torch finds none; accepted here: --device cpu or auto')
    return torch.device('cuda' if name == 'auto' and torch.cuda.is_available() else name.replace('auto', 'cpu'))


def upscale_files(model: LoadedModel, sources: Sequence[Path], settings: Settings) -> Iterator[Outcome]:
    """Upscale one file after another. What is wrong with one is told in its outcome, and the rest are done."""
    written: set[Path] = set()
    for source, stem in zip(sources, output_stems(sources), strict=True):
        started = time.perf_counter()
        try:
            outcome = _upscale_file(model, source, stem, settings, written)
        except ValueError as error:
            yield Outcome(source, error=_one_line(error))
            continue
        written.add(outcome.target)
        yield Outcome(source, '', outcome.target, outcome.size_in, outcome.size_out, outcome.tile,
                      time.perf_counter() - started)


def upscale_picture(model: LoadedModel, picture: Picture, tile: int = 0, tile_pad: int = 32) -> Picture:
    """Upscale one picture by the model's factor, keeping greyness, alpha, bits and format.

    Grey goes in as three equal channels and comes out as their luma (BT.601). Alpha goes through the network too, as a
    grey picture, so that its edges are as sharp as the colour's; well inside opaque and clear areas it stays exactly
    1 and 0. Colour and alpha are clipped to [0, 1].

    Args:
        model: From :func:`effsr.inference.weights.load_model`.
        picture: Any size from 1x1.
        tile: Side of a tile in input pixels, rounded up to what the network can take; 0 for the whole picture.
        tile_pad: Halo of a tile.

    Raises:
        ValueError: The network's output has the wrong size, or holds NaN or infinity.
        RuntimeError: Out of memory, or the network fails.
    """
    color = _run(model, picture.color, tile, tile_pad)
    if picture.gray:
        color = np.repeat((color @ np.asarray(LUMA, np.float32))[..., None], 3, axis=2)
    alpha = picture.alpha
    if alpha is not None:
        alpha = _upscale_alpha(model, alpha, tile, tile_pad)
    return Picture(color, alpha, picture.gray, picture.bits, picture.format)


def _upscale_file(model: LoadedModel, source: Path, stem: str, settings: Settings, written: set[Path]) -> Outcome:
    picture = read_picture(source)
    target = settings.output / (stem + (f'_{settings.suffix}' if settings.suffix else '') + _suffix(picture, settings))
    if target in written:
        raise ImageError(f'{source}: {target} is the output of another input of this run; rename one of them')
    if target.exists() and (not settings.overwrite or target.samefile(source)):
        remedy = ('it is the input itself; choose another -o or --suffix' if target.samefile(source)
                  else 'pass --overwrite to replace it')
        raise ImageError(f'{source}: {target} exists; {remedy}')
    height, width = picture.color.shape[:2]
    tile = settings.tile or (AUTO_TILE if height * width > AUTO_TILE_ABOVE else 0)
    try:
        result = upscale_picture(model, picture, tile, settings.tile_pad)
    except (RuntimeError, MemoryError) as error:
        if isinstance(error, MemoryError) or 'memory' in str(error).lower():
            smaller = max(32, (tile or min(max(height, width), 2 * AUTO_TILE)) // 2)
            raise ValueError(f'{source}: out of memory upscaling {width}x{height} pixels '
                             f'({f"tiles of {tile}" if tile else "whole"}); pass --tile {smaller}') from error
        raise ValueError(f'{source}: {model.arch} failed on {width}x{height} pixels: {_one_line(error)}') from error
    except ValueError as error:
        raise ValueError(f'{source}: {error}') from error
    try:
        settings.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImageError(f'{settings.output}: cannot be made ({error.strerror}); choose another -o') from error
    write_picture(target, result)
    return Outcome(source, '', target, (height, width), result.color.shape[:2], tile)


def _suffix(picture: Picture, settings: Settings) -> str:
    if settings.ext != 'auto':
        return f'.{settings.ext}'
    if picture.alpha is not None or picture.bits == 16:
        return '.png'
    return SUFFIX_OF_FORMAT.get(picture.format, '.png')


@torch.inference_mode()
def _run(model: LoadedModel, color: np.ndarray, tile: int, tile_pad: int) -> np.ndarray:
    """float32 (H, W, 3) -> float32 (H * scale, W * scale, 3) in [0, 1]. Only tiles lie on the device."""
    device = next(model.net.parameters()).device
    lq = torch.from_numpy(color.transpose(2, 0, 1).astype(np.float32, order='C'))[None]
    padded = pad_to_multiple(lq, model.multiple)
    tile, tile_pad = (-(-length // model.multiple) * model.multiple for length in (tile, tile_pad))
    sr = upscale_tiled(lambda part: model.net(part.to(device)).float().cpu(), padded, model.scale, tile, tile_pad)
    sr = crop_to_scale(sr, lq, model.scale)[0]
    if not torch.isfinite(sr).all():
        raise ValueError(f'{model.arch} gave NaN or infinity; the weights {model.path} are of no use')
    return sr.clamp(0, 1).permute(1, 2, 0).contiguous().numpy()


def _upscale_alpha(model: LoadedModel, alpha: np.ndarray, tile: int, tile_pad: int) -> np.ndarray:
    scale = model.scale
    if alpha.min() == alpha.max():
        return np.full((alpha.shape[0] * scale, alpha.shape[1] * scale), alpha.flat[0], np.float32)
    result = _run(model, np.repeat(alpha[..., None], 3, axis=2), tile, tile_pad).mean(axis=2)
    for value in (0.0, 1.0):
        # Where a pixel and its eight neighbours are all clear, or all opaque, a network's ripple would be dirt.
        differs = torch.from_numpy((alpha != value).astype(np.float32))[None, None]
        inside = (F.max_pool2d(differs, 3, 1, 1)[0, 0] == 0).numpy()
        result[inside.repeat(scale, 0).repeat(scale, 1)] = value
    return result


def _one_line(error: BaseException) -> str:
    return ' '.join(str(error).split()) or type(error).__name__
