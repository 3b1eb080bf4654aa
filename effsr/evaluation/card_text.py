"""A model card as Markdown, and its sample pictures."""
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from effsr.evaluation.card import BICUBIC, INT8, Card, CardRow
from effsr.runtime.tables import Table, as_markdown

HEAD = ('Models', 'FLOPs(G)', 'Params(M)', 'PSNR', 'SSIM', 'Shape')
LARGEST = 384  # side of a sample picture's part; the middle of larger ones is shown
GAP = 8  # pixels of white between two
NOTES = (
    'FLOPs: two for each multiplication with its addition, of convolutions and matrix products alone, for one picture '
    'of the shape; activation functions, sums and enlargements are not counted. Other tables count other '
    'operations, or multiplications alone.',
    'PSNR and SSIM: RGB, 0 to 255, rounded to 8 bits, all pixels, mean over the pictures.',
    "Pictures are brought to the shape by OpenCV's INTER_AREA, sides apart; so is the ground truth, to as many times "
    'that as the network enlarges.',
    'int8: static, calibrated by percentile, weights per channel, on the photographs named below; run by '
    "ONNX Runtime. bicubic: OpenCV's INTER_CUBIC.")


@dataclass(frozen=True)
class Facts:
    """What the card says of a model besides its figures.

    Attributes:
        name: Title.
        weights: The file's name.
        sha256: Of the file.
        arch: Architecture.
        args: It was built with.
        scale: Factor.
        iterations: Of training; None where nothing tells.
        data: The set measured on.
        calibrated: The photographs of int8.
        command: That made the card.
        environment: Machine and versions.
        note: Of the weights.
    """

    name: str
    weights: str
    sha256: str
    arch: str
    args: Mapping[str, Any]
    scale: int
    iterations: int | None
    data: str
    calibrated: str
    command: str
    environment: str
    note: str = ''


def card_table(card: Card, facts: Facts) -> Table:
    """A row for each precision, and bicubic's below."""
    height, width = card.shape
    rows = [(facts.name if row.name != BICUBIC else '', row) for row in card.rows]
    rows.sort(key=lambda entry: entry[1].name == BICUBIC)
    lines = tuple((f'{name} {row.name}'.strip(), *_size(row), _figure(row.psnr, 3), _figure(row.ssim, 4),
                   f'3x{height}x{width}') for name, row in rows)
    title = f'{facts.data}, {card.count} picture{"s" * (card.count > 1)}, x{facts.scale}'
    return Table(title, HEAD, lines)


def card_notes(card: Card) -> list[str]:
    """How it was measured, and what was left out."""
    left = [f'{row.name} is left out: {row.note}' for row in card.rows if row.psnr is None]
    ran = [f'{row.name}: {row.engine}' for row in card.rows if row.engine]
    notes = [note for note in NOTES if not note.startswith(INT8) or any(row.name == INT8 for row in card.rows)]
    return [*notes, f'Run by: {"; ".join(ran)}.', *left]


def card_text(card: Card, facts: Facts, pictures: Sequence[str]) -> str:
    """The whole card.

    Args:
        pictures: Names of the sample pictures' files, from the card's folder.
    """
    known = [('weights', f'`{facts.weights}`, SHA-256 `{facts.sha256}`'), ('network', _network(facts)),
             ('scale', f'x{facts.scale}'), ('training', None if facts.iterations is None else
                                            f'{facts.iterations:,} iterations'), ('note', facts.note or None)]
    shown = [*(row.name for row in card.rows if row.psnr is not None), 'ground truth']
    parts = [f'# {facts.name}', '\n'.join(f'- {key}: {text}' for key, text in known if text),
             as_markdown(card_table(card, facts)), '\n'.join(f'- {note}' for note in card_notes(card)),
             f'## Samples\n\nFrom left to right: {", ".join(shown)}.',
             '\n\n'.join(f'![{Path(name).stem}]({name})' for name in pictures),
             f'## How it was made\n\n    {facts.command}\n\n{facts.environment}'
             + (f'. Calibrated on {facts.calibrated}' if any(row.name == INT8 for row in card.rows) else '') + '.',
             f'## How to use it\n\n    python effsr/upscale.py -m {facts.weights} -i PICTURE -o results']
    return '\n\n'.join(filter(None, parts)) + '\n'


def strip(results: Mapping[str, np.ndarray], side: int = LARGEST) -> np.ndarray:
    """Pictures of one size beside each other, the middle of each, with white between: uint8 (h, w, 3)."""
    names = [name for name in results if name not in ('lq', 'gt')]
    parts = []
    for picture in (*(results[name] for name in names), results['gt']):
        height, width = picture.shape[:2]
        top, left = max(0, height - side) // 2, max(0, width - side) // 2
        part = picture[top:top + side, left:left + side]
        parts += [part, np.full((part.shape[0], GAP, 3), 255, np.uint8)]
    return np.concatenate(parts[:-1], axis=1)


def as_plain(card: Card, facts: Facts) -> dict[str, Any]:
    """Everything found, for a JSON file."""
    rows = [{'name': row.name, 'psnr': row.psnr, 'ssim': row.ssim, 'engine': row.engine, 'note': row.note,
             'flops': row.counted and row.counted.flops, 'macs': row.counted and row.counted.macs,
             'parameters': row.counted and row.counted.parameters} for row in card.rows]
    return {'facts': asdict(facts), 'shape': [3, *card.shape], 'pictures': card.count, 'rows': rows}


def _network(facts: Facts) -> str:
    given = ', '.join(f'{name}={value!r}' for name, value in facts.args.items())
    return f'{facts.arch}({given})'


def _size(row: CardRow) -> tuple[str, str]:
    if row.counted is None:
        return '', ''
    return f'{row.counted.flops / 1e9:.3f}', f'{row.counted.parameters / 1e6:.3f}'


def _figure(value: float | None, digits: int) -> str:
    return '' if value is None else f'{value:.{digits}f}'
