"""A contact sheet: pairs of gt and degraded crops, with what was drawn for each in readable words under it."""
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from effsr.degradations.parameters import DegradationParameters, KernelParameters, StageParameters

SHOWN_SIDE = 320  # pixels; larger crops are cut to their middle
LEAST_SIDE = 224  # smaller ones are enlarged, by a whole number, to about this
COLUMNS = 4
FONT_SIZE, LINE = 15, 20  # pixels
MARGIN, GAP = 16, 4
INDENT = '       '
PAPER, INK, FAINT = (255, 255, 255), (20, 20, 20), (110, 110, 110)


class Sheet(NamedTuple):
    """One entry: gt uint8 (H, W, 3), lq uint8 (H/scale, W/scale, 3), both RGB; lines of text, the first one faint."""

    gt: np.ndarray
    lq: np.ndarray
    lines: Sequence[str]


def kernel_words(kernel: KernelParameters | None) -> str:
    """Kind, width in pixels and side of a kernel: `blur generalized aniso 2.1 x 0.6 px (13 x 13)`."""
    if kernel is None:
        return 'no blur'
    side = f'({kernel.size} x {kernel.size})'
    if kernel.kind == 'sinc':
        return f'sinc, cutoff {kernel.omega:.2f} rad {side}'
    widths = f'{kernel.sigma_x:.1f}' if kernel.sigma_x == kernel.sigma_y else \
        f'{kernel.sigma_x:.1f} x {kernel.sigma_y:.1f}'
    return f'blur {kernel.kind.replace("_", " ")} {widths} px {side}'


def stage_words(stage: StageParameters, of: str) -> tuple[str, str]:
    """One order: blur and resize, told as a percentage `of` something; noise and JPEG."""
    resized = f'resized to {100 * stage.resize:.0f}% of {of} ({stage.resize_mode})'
    colour = 'grey' if stage.gray_noise else 'colour'
    noise = f'{colour} noise {stage.noise_strength:.1f}' if stage.noise == 'gaussian' else \
        f'{colour} Poisson noise x{stage.noise_strength:.2f}'
    chroma = '' if stage.jpeg_subsampling == '4:2:0' else f' {stage.jpeg_subsampling}'
    return f'{kernel_words(stage.kernel)}, {resized}', f'{noise}, JPEG {stage.jpeg_quality:.0f}{chroma}'


def parameter_lines(parameters: DegradationParameters) -> list[str]:
    """What was drawn for one image: two lines for each order, one for the end.

    Lengths in pixels, Gaussian noise in levels of 255, Poisson noise as a factor, a sinc's cutoff in radians per pixel.
    """
    last = kernel_words(parameters.final_kernel) if parameters.final_kernel is not None else 'no sinc'
    order = 'before' if parameters.sinc_before_jpeg else 'after'
    (blur1, noise1), (blur2, noise2) = stage_words(parameters.first, 'gt'), stage_words(parameters.second, 'lq')
    lines = [f'1st: {blur1}', f'{INDENT}{noise1}', f'2nd: {blur2}', f'{INDENT}{noise2}',
             f'end: resized to lq ({parameters.final_mode}), {last}, {order} the 2nd JPEG']
    if not parameters.severity:
        return ['severity 0: resized alone, ' + parameters.second.resize_mode]
    return lines if parameters.severity == 1 else [*lines, f'severity {parameters.severity:.2f}']


def wrapped(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """A text in lines of at most `width` pixels: broken after commas, else between words, else where it must be."""
    lines = ['']
    for part in text.split(', '):
        tried = f'{lines[-1]}, {part}' if lines[-1] else part
        if font.getlength(f'{tried},') <= width:
            lines[-1] = tried
            continue
        if lines[-1]:
            lines[-1] += ','
        lines += _broken(part, font, width)
    return lines if lines[0] else lines[1:] or ['']


def _broken(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    lines: list[str] = []
    for word in text.split(' '):
        if lines and font.getlength(f'{lines[-1]} {word}') <= width:
            lines[-1] += f' {word}'
            continue
        while font.getlength(word) > width and len(word) > 1:
            fits = max(1, sum(font.getlength(word[:n]) <= width for n in range(1, len(word))))
            lines.append(word[:fits])
            word = word[fits:]
        lines.append(word)
    return lines


def pictures(sheet: Sheet) -> tuple[np.ndarray, np.ndarray]:
    """gt, and lq enlarged to its size without smoothing: both cut to their middle if large, enlarged if small."""
    factor = sheet.gt.shape[0] // sheet.lq.shape[0]
    height, width = (min(side, SHOWN_SIDE // factor) for side in sheet.lq.shape[:2])
    top, left = (sheet.lq.shape[0] - height) // 2, (sheet.lq.shape[1] - width) // 2
    lq = sheet.lq[top:top + height, left:left + width]
    gt = sheet.gt[top * factor:(top + height) * factor, left * factor:(left + width) * factor]
    larger = max(1, round(LEAST_SIDE / max(gt.shape[:2])))

    def enlarged(image: np.ndarray, times: int) -> np.ndarray:
        return image.repeat(times, axis=0).repeat(times, axis=1)

    return enlarged(gt, larger), enlarged(lq, larger * factor)


def contact_sheet(entries: Sequence[Sheet], title: str, columns: int = COLUMNS) -> np.ndarray:
    """Draw all entries, row by row, under a title.

    Args:
        entries: One at least.
        title: Above them.
        columns: Entries in a row.

    Returns:
        uint8 (H, W, 3) RGB.
    """
    font = ImageFont.load_default(FONT_SIZE)
    columns = min(columns, len(entries))
    shown = [pictures(entry) for entry in entries]
    side_h, side_w = (max(gt.shape[axis] for gt, _ in shown) for axis in (0, 1))
    cell_w = 2 * side_w + GAP
    width = columns * (cell_w + MARGIN) + MARGIN
    texts = [[(wrap, FAINT if not number else INK) for number, line in enumerate(entry.lines)
              for wrap in wrapped(line, font, cell_w)] for entry in entries]
    cell_h = side_h + GAP + LINE * max(map(len, texts))
    heading = wrapped(title, font, width - 2 * MARGIN)
    top = MARGIN + LINE * len(heading) + GAP
    rows = -(-len(entries) // columns)
    image = Image.new('RGB', (width, top + rows * (cell_h + MARGIN)), PAPER)
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(heading):
        draw.text((MARGIN, MARGIN + number * LINE), line, INK, font)
    for number, (pair, lines) in enumerate(zip(shown, texts, strict=True)):
        x = MARGIN + number % columns * (cell_w + MARGIN)
        y = top + number // columns * (cell_h + MARGIN)
        for place, picture in enumerate(pair):
            image.paste(Image.fromarray(picture), (x + place * (side_w + GAP), y))
        for place, (line, colour) in enumerate(lines):
            draw.text((x, y + side_h + GAP + place * LINE), line, colour, font)
    return np.asarray(image)
