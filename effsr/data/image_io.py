"""Image files in and out: the only place where file formats, BGR and integer pixels occur.

Everything else sees RGB, either as uint8 arrays (H, W, 3) or as floats in [0, 1]. What a file holds is told by its
content, never by its name or by the largest value in it. The decoding and encoding behind these functions are in
:mod:`effsr.data.image_decode` and :mod:`effsr.data.image_encode`.
"""
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
import torch

from effsr.data.image_decode import ALPHA_RULES, decode_bytes, decode_file, without_alpha
from effsr.data.image_encode import encode_picture, write_bytes
from effsr.data.image_header import MAX_PIXELS, PILLOW_FORMATS, ImageError, open_header, unreadable

__all__ = ['ALPHA_RULES', 'IMAGE_SUFFIXES', 'ImageError', 'Picture', 'image_size', 'list_images', 'read_picture',
           'read_rgb', 'refuse_unfinished', 'rgb_from_bytes', 'to_tensor', 'to_uint8', 'upright_size', 'write_picture',
           'write_rgb']

IMAGE_SUFFIXES = ('.bmp', '.jfif', '.jpeg', '.jpg', '.pgm', '.png', '.ppm', '.tif', '.tiff', '.webp')

# The marker that ends a whole file of each format; some writers let padding follow it.
END_MARKERS = {b'\x89PNG': b'IEND', b'\xff\xd8\xff': b'\xff\xd9'}
TAIL = 65536
UNFINISHED = '.unfinished'  # lies in a folder until the command that fills it has come to its end


@dataclass(frozen=True)
class Picture:
    """A picture and what its file said about it.

    Attributes:
        color: float32 (H, W, 3), RGB in [0, 1]; of a grey picture all three channels are equal.
        alpha: float32 (H, W) in [0, 1], 0 clear and 1 opaque, or None. The colour is not premultiplied.
        gray: The file has one colour channel.
        bits: 8 or 16, by the file's declaration. Depths below 8 count as 8.
        format: 'PNG', 'JPEG', 'MPO', 'WEBP', 'BMP', 'TIFF', 'PPM', by the file's content; '' for a picture from memory.
    """

    color: np.ndarray
    alpha: np.ndarray | None = None
    gray: bool = False
    bits: int = 8
    format: str = ''


def list_images(folder: str | Path, recursive: bool = True, suffixes: tuple[str, ...] = IMAGE_SUFFIXES) -> list[Path]:
    """All image files of a folder, told by their suffix, sorted by path.

    Hidden files, files in hidden folders and anything without one of the suffixes are left out. Links to files that
    are not there belong to them: whoever reads one says so.

    Raises:
        ValueError: The folder is missing, is a file, holds no image, or is not finished.
    """
    folder = Path(folder)
    accepted = f'a folder holding {", ".join(suffixes)}'
    if not folder.is_dir():
        raise ValueError(f'{folder}: {"is a file" if folder.exists() else "no such folder"}; accepted: {accepted}')
    refuse_unfinished(folder)
    found = folder.rglob('*') if recursive else folder.glob('*')
    images = [path for path in found if path.suffix.lower() in suffixes
              and not any(part.startswith('.') for part in path.relative_to(folder).parts)
              and (path.is_file() or _leads_nowhere(path))]
    if not images:
        raise ValueError(f'{folder}: no image in this folder{" or below" if recursive else ""}; accepted: {accepted}')
    return sorted(images, key=lambda path: path.relative_to(folder).parts)


def _leads_nowhere(path: Path) -> bool:
    return path.is_symlink() and not path.exists()


def refuse_unfinished(folder: Path) -> None:
    """Refuse a folder that a command has begun to fill and not finished.

    Raises:
        ValueError: It, or one above it (of `gt` and `lq` together, say), is such a folder.
    """
    for place in (folder, *folder.parents[:1]):
        if (place / UNFINISHED).is_file():
            by = (place / UNFINISHED).read_text(encoding='utf-8', errors='replace').strip() or 'a command'
            raise ValueError(f'{place}: {by} has not finished there; run it again to finish, or remove the folder')


def read_rgb(path: str | Path, alpha: str = 'white') -> np.ndarray:
    """Read an image as RGB, for training and validation.

    EXIF orientation is applied. Grey is repeated to three channels, palettes are expanded. A transparent picture is
    laid on a ground: ``color * alpha + ground * (1 - alpha)``. 16 bits become 8 by ``round(value / 257)``, last.

    Args:
        path: The file.
        alpha: The ground: white, black or gray; or drop, the colours as they stand; or refuse.

    Returns:
        uint8 (H, W, 3), RGB.

    Raises:
        ImageError: Missing, empty, truncated, no image, or of a kind that is not read here; names the file.
    """
    return _as_rgb(decode_file(Path(path))[0], alpha, Path(path))


def rgb_from_bytes(data: bytes, path: str | Path, alpha: str = 'white') -> np.ndarray:
    """The same for the content of a file that lies elsewhere; ``path`` is what messages call it."""
    return _as_rgb(decode_bytes(data, Path(path))[0], alpha, Path(path))


def _as_rgb(pixels: np.ndarray, alpha: str, path: Path) -> np.ndarray:
    if alpha not in ALPHA_RULES:
        raise ValueError(f'alpha: {alpha!r} is no rule; accepted: {", ".join(ALPHA_RULES)}')
    if pixels.shape[2] in (2, 4):
        pixels = without_alpha(pixels, alpha, path)
    if pixels.dtype == np.uint16:
        pixels = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels


def read_picture(path: str | Path) -> Picture:
    """Read an image with its alpha, depth and greyness. Orientation and errors are those of :func:`read_rgb`."""
    pixels, file_format = decode_file(Path(path))
    values = pixels.astype(np.float32) / np.iinfo(pixels.dtype).max
    channels = values.shape[2]
    gray = channels < 3
    color = np.repeat(values[..., :1], 3, axis=2) if gray else np.ascontiguousarray(values[..., :3])
    alpha = np.ascontiguousarray(values[..., -1]) if channels in (2, 4) else None
    return Picture(color, alpha, gray, 16 if pixels.dtype == np.uint16 else 8, file_format)


def image_size(path: str | Path) -> tuple[int, int]:
    """(height, width) as :func:`read_rgb` would return it, from the file's header alone.

    Raises:
        ImageError: Missing, empty, or without an image's header. Damage behind the header goes unnoticed.
    """
    path = Path(path)
    try:
        with open(path, 'rb') as file:
            return upright_size(file, path)
    except OSError as error:
        raise unreadable(path, error) from error


def upright_size(file: BinaryIO, path: Path, max_pixels: int = MAX_PIXELS,
                 formats: tuple[str, ...] = PILLOW_FORMATS) -> tuple[int, int]:
    """The same of an open file; ``path`` is what messages call it."""
    image, orientation = open_header(file, path, max_pixels, formats)
    width, height = image.size
    return (width, height) if orientation >= 5 else (height, width)


def require_end(head: bytes, tail: bytes, path: Path) -> None:
    """Check that a PNG or JPEG ends as a whole one does.

    Args:
        head: The first 4 bytes.
        tail: The last TAIL bytes, or all.
        path: What to call it in the message.

    Raises:
        ImageError: It is cut short.
    """
    for magic, marker in END_MARKERS.items():
        if head.startswith(magic) and marker not in tail:
            raise ImageError(f'{path}: the file is cut short; copy it again or take it out')


def write_picture(path: str | Path, picture: Picture, quality: int = 95) -> None:
    """Write a picture in the format its path's suffix names, keeping what that format can hold.

    PNG and TIFF keep grey, alpha and 16 bits; WebP keeps alpha; PPM keeps grey and 16 bits; JPEG and BMP keep grey.
    Alpha that cannot be kept is laid on white. The file appears whole or not at all, and an existing one is replaced.

    Args:
        path: One of .png .jpg .jpeg .jfif .webp .bmp .tif .tiff .ppm .pgm; its folder must exist.
        picture: Values outside [0, 1] are clipped.
        quality: Of JPEG (4:4:4) and lossy WebP, 1 to 100.

    Raises:
        ImageError: Unknown suffix, a size the format cannot hold, or the file cannot be written.
    """
    write_bytes(Path(path), encode_picture(Path(path), picture, quality))


def write_rgb(path: str | Path, rgb: np.ndarray, quality: int = 95) -> None:
    """Write uint8 (H, W, 3) RGB; formats, atomicity and errors are those of :func:`write_picture`."""
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise ValueError(f'{path}: expected uint8 (H, W, 3), got {rgb.dtype} {rgb.shape}')
    write_picture(path, Picture(rgb.astype(np.float32) / 255), quality)


def to_tensor(rgb: np.ndarray) -> torch.Tensor:
    """uint8 (H, W, 3) RGB -> float32 (3, H, W) in [0, 1], in memory of its own."""
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise ValueError(f'expected uint8 (H, W, 3), got {rgb.dtype} {rgb.shape}')
    # OpenCV parts the channels faster than numpy turns the axes.
    channels = np.stack(cv2.split(np.ascontiguousarray(rgb)))
    return torch.from_numpy(channels).to(torch.float32).div_(255)


def to_uint8(tensor: torch.Tensor) -> np.ndarray:
    """Float (3, H, W) or (1, 3, H, W) RGB -> uint8 (H, W, 3): clipped to [0, 1], rounded; NaN becomes 0."""
    if tensor.ndim == 4 and tensor.shape[0] == 1:
        tensor = tensor[0]
    if tensor.ndim != 3 or tensor.shape[0] != 3:
        raise ValueError(f'expected (3, H, W) or (1, 3, H, W), got {tuple(tensor.shape)}')
    scaled = tensor.detach().float().nan_to_num(0.0).clamp(0, 1).mul(255).round()
    return scaled.to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()
