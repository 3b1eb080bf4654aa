"""Decoding image files; the reading half of :mod:`effsr.data.image_io`."""
import io
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageCms

from effsr.data.image_exif import parse_exif, upright_exif
from effsr.data.image_header import MAX_PIXELS, PILLOW_FORMATS, READABLE, ImageError, open_header, read_bytes
from effsr.data.image_meta import ICC_SPACE, ICC_SPACES, Meta

# What a transparent picture is laid on, as a share of the largest value; the other two rules have no ground.
GROUNDS = {'white': 1.0, 'black': 0.0, 'gray': 0.5}
ALPHA_RULES = (*GROUNDS, 'drop', 'refuse')
BITS_PER_SAMPLE_TAG = 258
USUAL_GAMMA = 0.45, 0.46  # of PNGs that look as they would without
PNG_BIT_DEPTH_OFFSET = 24
# Pillow's modes to the 8-bit ones kept here. Absent modes (32-bit integers, floats, LAB, HSV) are refused.
TARGET_MODES = {'1': 'L', 'L': 'L', 'LA': 'LA', 'La': 'LA', 'P': 'RGB', 'PA': 'RGBA', 'RGB': 'RGB', 'RGBX': 'RGB',
                'RGBA': 'RGBA', 'RGBa': 'RGBA', 'CMYK': 'RGB', 'YCbCr': 'RGB'}


@dataclass(frozen=True)
class Decoded:
    """What a file holds.

    Attributes:
        pixels: uint8 or uint16 (H, W, C), upright, C = 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha.
        format: 'PNG', 'JPEG', 'MPO', 'WEBP', 'GIF', 'BMP', 'TIFF', 'PPM'.
        meta: What goes with the pixels as they are here; the EXIF is as it stood, its orientation undone in the pixels.
        notes: What was changed or left out, in a few words each.
    """

    pixels: np.ndarray
    format: str
    meta: Meta = Meta()
    notes: tuple[str, ...] = ()


def decode_file(path: Path) -> tuple[np.ndarray, str]:
    """Decode a whole file; see :func:`decode_bytes`.

    Raises:
        ImageError: As there, or the file cannot be read.
    """
    return decode_bytes(read_bytes(path), path)


def decode_bytes(data: bytes, path: Path) -> tuple[np.ndarray, str]:
    """Pixels and format of a file's content; as :func:`decode`."""
    decoded = decode(data, path)
    return decoded.pixels, decoded.format


def decode(data: bytes, path: Path, max_pixels: int = MAX_PIXELS,
           formats: tuple[str, ...] = PILLOW_FORMATS) -> Decoded:
    """Decode the content of a file.

    CMYK becomes sRGB, through its ICC profile where it has one.

    Args:
        data: The whole content.
        path: What to call it in messages.
        max_pixels: More than these are refused before they are decoded.
        formats: Pillow's names of what is read.

    Raises:
        ImageError: The content is empty, damaged, too large, or of a kind that is not read here.
    """
    image, orientation = open_header(io.BytesIO(data), path, max_pixels, formats)
    if getattr(image, 'is_animated', False) and image.format in ('PNG', 'WEBP', 'GIF'):
        raise ImageError(f'{path}: is animated ({image.n_frames} frames); accepted: still pictures')
    try:
        if image.format == 'PNG' and data.rfind(b'IEND') < 0:
            raise OSError('image file is truncated')
        deep = _is_16_bit(image, data)
        image.load()
        meta, notes = _meta(image, data)
        pixels = _pixels_16(data, image) if deep else _pixels_8(image)
        pages = image.n_frames if image.format == 'TIFF' else 1
    except Exception as error:
        raise ImageError(f'{path}: damaged or unsupported {image.format} file ({error}); accepted: whole files of '
                         f'{READABLE}, 8 or 16 bits a channel') from error
    if pages > 1:
        notes.append(f'the first of {pages} pages; the others were left out')
    if meta.icc is not None and pixels.shape[2] not in ICC_SPACES.get(meta.icc[ICC_SPACE], ()):
        notes.append(f'its ICC profile is for {_space(meta.icc)} and was left out')
        meta = Meta(None, meta.exif)
    return Decoded(_upright(pixels, orientation), image.format, meta, tuple(notes))


def _meta(image: Image.Image, data: bytes) -> tuple[Meta, list[str]]:
    icc, exif, notes = image.info.get('icc_profile') or None, image.info.get('exif') or None, []
    if image.format == 'TIFF':
        exif = upright_exif(data, *image.size[::-1])  # its own first directory
    if isinstance(exif, bytes):
        exif = exif.removeprefix(b'Exif\0\0')
    if exif is not None and parse_exif(exif) is None:
        exif = None
        notes.append('its EXIF data is damaged and was left out')
    gamma = image.info.get('gamma')  # overruled by a profile, and by PNG's sRGB chunk
    if gamma and not icc and 'srgb' not in image.info and not USUAL_GAMMA[0] <= gamma <= USUAL_GAMMA[1]:
        notes.append(f'its gamma of {gamma:g} was left out: it may look darker or lighter')
    if image.mode == 'CMYK':
        notes.append('CMYK became sRGB ' + ('through its ICC profile' if icc and _space(icc) == 'CMYK' else
                                            'without an ICC profile: colours are approximate'))
        icc = None
    return Meta(icc, exif), notes


def _space(icc: bytes) -> str:
    return icc[ICC_SPACE].decode('latin-1').strip() or 'nothing'


def _is_16_bit(image: Image.Image, data: bytes) -> bool:
    if image.format == 'PNG':
        return data[PNG_BIT_DEPTH_OFFSET] == 16
    if image.format == 'TIFF':
        return max(image.tag_v2.get(BITS_PER_SAMPLE_TAG, (1,))) == 16
    if image.format == 'PPM':
        arguments = image.tile[0].args
        maximum = arguments[-1] if isinstance(arguments, tuple) else 65535 if image.mode == 'I' else 255
        if isinstance(maximum, int) and maximum not in (255, 65535):
            raise ValueError(f'largest value {maximum}, not 255 or 65535')
        return maximum == 65535
    return False


def _pixels_8(image: Image.Image) -> np.ndarray:
    if image.mode not in TARGET_MODES:
        raise ValueError(f'pixels of kind {image.mode}')
    if image.mode == 'CMYK':
        image = _srgb_of_cmyk(image)
    target = TARGET_MODES[image.mode]
    if 'transparency' in image.info and not target.endswith('A'):
        target += 'A'
    pixels = np.array(image if image.mode == target else image.convert(target))
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _srgb_of_cmyk(image: Image.Image) -> Image.Image:
    icc = image.info.get('icc_profile')
    if not icc or _space(icc) != 'CMYK':
        return image
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        # What paper cannot show is clipped; black and white stay black and white.
        return ImageCms.profileToProfile(image, profile, ImageCms.createProfile('sRGB'),
                                         ImageCms.Intent.RELATIVE_COLORIMETRIC, 'RGB',
                                         flags=ImageCms.Flags.BLACKPOINTCOMPENSATION)
    except ImageCms.PyCMSError:
        return image


def _pixels_16(data: bytes, image: Image.Image) -> np.ndarray:
    """Pillow has no 16-bit colour, so OpenCV decodes; Pillow has shown before that the file is whole."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16:
        raise ValueError('16-bit pixels that OpenCV cannot decode')
    if pixels.ndim == 2:
        key = image.info.get('transparency')
        layers = [pixels] if key is None else [pixels, np.where(pixels == key, 0, 65535).astype(np.uint16)]
        return np.stack(layers, axis=2)
    if image.format == 'PNG' and data[PNG_BIT_DEPTH_OFFSET + 1] == 4:
        # OpenCV widens grey with alpha to BGRA.
        return pixels[..., [0, 3]]
    return pixels[..., [2, 1, 0, 3][:pixels.shape[2]]]


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Undo the EXIF orientation: 5 to 8 are transposed, the flips follow."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def without_alpha(pixels: np.ndarray, rule: str, path: Path) -> np.ndarray:
    """(H, W, C) with alpha last -> (H, W, C - 1).

    white, black and gray lay the picture on that ground in exact integer arithmetic, rounded half up: ``color * alpha +
    ground * (1 - alpha)``. drop takes the colours as they stand, under clear pixels too. refuse accepts a picture whose
    every pixel is opaque.

    Raises:
        ImageError: The rule is refuse, and a pixel is not opaque.
    """
    top = np.iinfo(pixels.dtype).max
    if rule == 'refuse' and pixels[..., -1].min() < top:
        raise ImageError(f'{path}: has transparent pixels, and alpha is refuse; accepted: opaque pictures, or alpha: '
                         f'{", ".join(ALPHA_RULES[:-1])}')
    if rule in ('drop', 'refuse'):
        return np.ascontiguousarray(pixels[..., :-1])
    ground = int(top * GROUNDS[rule] + 0.5)
    alpha = pixels[..., -1:].astype(np.uint64)
    total = pixels[..., :-1].astype(np.uint64) * alpha + ground * (top - alpha)
    return ((total + top // 2) // top).astype(pixels.dtype)
