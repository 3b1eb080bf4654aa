"""The first half of an evaluation: the pictures that models get, and those that their results are compared with."""
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from effsr.data.image_decode import ImageError
from effsr.data.image_io import Picture, read_picture
from effsr.evaluation.content import as_picture, integers, key_of, made_file, sha256_of
from effsr.evaluation.low_quality import Recipe, low_quality
from effsr.evaluation.sets import Entry

DEEP, CROPPED, OPAQUE, LAID, GREY = '16 bits', 'cropped', 'opaque alpha', 'on white', 'grey'


class Source(NamedTuple):
    """A picture to prepare: the name of its set, its entry."""

    set_name: str
    entry: Entry


@dataclass(frozen=True)
class Prepared:
    """A picture, ready: PNG files, and their SHA-256.

    Attributes:
        lq: Low-resolution picture.
        lq_sha: Of the file.
        gt: Ground truth of the size of the results; None without one.
        gt_sha: '' without one.
        traits: What is to be told: DEEP, CROPPED, OPAQUE, LAID, GREY.
        files: Key -> SHA-256 of what was made or found made, for the journal.
    """

    lq: Path
    lq_sha: str
    gt: Path | None = None
    gt_sha: str = ''
    traits: frozenset[str] = frozenset()
    files: dict[str, str] = field(default_factory=dict)


def prepare(source: Source, recipe: Recipe, work: Path, known: Mapping[str, str]) -> Prepared:
    """Prepare one picture. A file that is a plain PNG of the right size is taken where it lies.

    Args:
        source: The picture.
        recipe: For a low-resolution picture that is not given.
        work: Folder; SET/gt and SET/lq below it are written to.
        known: Key -> SHA-256, of the journal.

    Raises:
        ImageError: A file cannot be read or written, or is not opaque where it is compared.
    """
    name, entry = source
    files: dict[str, str] = {}
    if entry.gt is None:
        lq, lq_sha, traits = _plain_png(entry.lq, None, work / name / 'lq' / f'{entry.name}.png', known, files, True)
        return Prepared(lq, lq_sha, traits=traits - {GREY}, files=files)
    size = tuple(side * recipe.scale for side in entry.size)
    gt, gt_sha, traits = _plain_png(entry.gt, size, work / name / 'gt' / f'{entry.name}.png', known, files, False)
    target = work / name / 'lq' / f'{entry.name}.png'
    if entry.lq is not None:
        lq, lq_sha, more = _plain_png(entry.lq, None, target, known, files, False)
        traits |= more & {OPAQUE}
    else:
        key = key_of('lq', gt_sha, recipe.plain(), entry.gt.name if recipe.degradation is not None else '')
        lq, lq_sha = target, made_file(target, key, known, lambda: as_picture(
            low_quality(integers(read_picture(gt)), entry.gt.name, recipe)))
        files[key] = lq_sha
    return Prepared(lq, lq_sha, gt, gt_sha, traits, files)


def plain_result(path: Path, size: tuple[int, int], target: Path, known: Mapping[str, str],
                 files: dict[str, str]) -> tuple[Path, str]:
    """A result made elsewhere as a PNG of this size and 8 bits, without alpha; what is made is noted in ``files``.

    Raises:
        ImageError: It cannot be read, or is not opaque.
    """
    return _plain_png(path, size, target, known, files, False, eight_bits=True)[:2]


def set_notes(prepared: Iterable[Prepared], scale: int) -> tuple[str, ...]:
    """What is to be told of a set's pictures."""
    prepared = list(prepared)
    count = Counter(trait for one in prepared for trait in one.traits)
    told = {
        DEEP: 'with 16 bits a channel, taken at full depth: its values / 257',
        CROPPED: f'whose ground truth was cropped at the bottom and right to a multiple of {scale}',
        OPAQUE: 'with an alpha channel, opaque everywhere, which was dropped',
        LAID: 'with transparent pixels, laid on white',
        GREY: 'with a grey ground truth'}
    notes = [f'{count[trait]} of {len(prepared)} pictures {text}' for trait, text in told.items() if count[trait]]
    if len(prepared) == 1:
        notes.append('one picture only: no interval can be given')
    return tuple(notes)


def _plain_png(path: Path, size: tuple[int, int] | None, target: Path, known: Mapping[str, str],
               files: dict[str, str], on_white: bool, eight_bits: bool = False) -> tuple[Path, str, frozenset[str]]:
    """The file itself where it is a PNG of this size without alpha, and of a depth that may stay; else a copy."""
    picture = read_picture(path)
    traits = {DEEP} if picture.bits == 16 else set()
    # A grey photograph is often stored with three equal channels.
    if not np.ptp(picture.color, axis=2).any():
        traits.add(GREY)
    if picture.alpha is not None:
        traits.add(OPAQUE if picture.alpha.min() == 1 else LAID)
        if LAID in traits and not on_white:
            raise ImageError(f'{path}: has transparent pixels, of which there is no figure; accepted: opaque pictures; '
                             'lay it on a ground first, or take it out')
    height, width = size or picture.color.shape[:2]
    if (height, width) != picture.color.shape[:2]:
        traits.add(CROPPED)
    bits = 8 if eight_bits else picture.bits
    if picture.format == 'PNG' and picture.alpha is None and CROPPED not in traits and bits == picture.bits:
        return path, sha256_of(path), frozenset(traits)
    if target.exists() and target.samefile(path):
        raise ImageError(f'{path}: its copy would take its place; give another --work')
    key = key_of('copy', sha256_of(path), height, width, bits)
    files[key] = sha = made_file(target, key, known, lambda: _without_alpha(picture, height, width, bits))
    return target, sha, frozenset(traits)


def _without_alpha(picture: Picture, height: int, width: int, bits: int) -> Picture:
    color = picture.color
    if picture.alpha is not None:
        share = picture.alpha[..., None]
        color = color * share + (1 - share)
    return Picture(color[:height, :width], bits=bits)
