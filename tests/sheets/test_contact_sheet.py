"""Contact sheets: captions in words, nothing cut off, pictures where they belong."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import numpy as np
import pytest
from PIL import ImageFont

from effsr.degradations import DegradationParameters, DegradationSettings, StageParameters, draw_parameters, scaled
from effsr.degradations.parameters import KernelParameters
from effsr.sheets.contact_sheet import (
    FONT_SIZE,
    GAP,
    LEAST_SIDE,
    LINE,
    MARGIN,
    SHOWN_SIDE,
    Sheet,
    contact_sheet,
    kernel_words,
    parameter_lines,
    pictures,
    wrapped,
)

FONT = ImageFont.load_default(FONT_SIZE)
FIRST = StageParameters(KernelParameters('generalized_aniso', 13, 2.13, 0.61, 0.3, 0.9), 0.424, 'area', 'gaussian',
                        17.94, True, 53.7)
SECOND = StageParameters(None, 1.0, 'bicubic', 'poisson', 0.731, False, 80.0, '4:4:4')
PARAMETERS = DegradationParameters(FIRST, SECOND, KernelParameters('sinc', 9, omega=1.84), 'bilinear', True, 5)


def entry(side=8, scale=4, lines=('photo.png',), value=100):
    lq = np.full((side, side, 3), value, np.uint8)
    return Sheet(lq.repeat(scale, 0).repeat(scale, 1), lq // 2, lines)


def test_words_by_hand():
    assert parameter_lines(PARAMETERS) == [
        '1st: blur generalized aniso 2.1 x 0.6 px (13 x 13), resized to 42% of gt (area)',
        '       grey noise 17.9, JPEG 54',
        '2nd: no blur, resized to 100% of lq (bicubic)',
        '       colour Poisson noise x0.73, JPEG 80 4:4:4',
        'end: resized to lq (bilinear), sinc, cutoff 1.84 rad (9 x 9), before the 2nd JPEG']
    assert kernel_words(KernelParameters('iso', 7, 1.0, 1.0)) == 'blur iso 1.0 px (7 x 7)'
    assert parameter_lines(scaled(PARAMETERS, 0.5))[-1] == 'severity 0.50'
    assert parameter_lines(scaled(PARAMETERS, 0.0)) == ['severity 0: resized alone, bicubic']


def test_every_draw_can_be_told():
    for seed in range(200):
        lines = parameter_lines(draw_parameters(DegradationSettings(), seed))
        assert len(lines) == 5 and all(line.isascii() for line in lines)


@pytest.mark.parametrize('text', ['short', 'one, two, three, four, five, six, seven, eight, nine, ten, eleven',
                                  'a sentence without any comma that is rather too long for one line', 'x' * 200, ''])
def test_lines_fit_and_nothing_is_lost(text):
    lines = wrapped(text, FONT, 200)
    assert all(FONT.getlength(line) <= 200 for line in lines)
    assert ''.join(lines).replace(' ', '') == text.replace(' ', '')
    assert wrapped('one, two', FONT, 200) == ['one, two']


def test_pictures_large_ones_cut_to_the_middle_and_small_ones_enlarged():
    lq = np.arange(200 * 300 * 3, dtype=np.uint32).astype(np.uint8).reshape(200, 300, 3)
    gt = lq.repeat(2, 0).repeat(2, 1)
    shown_gt, shown_lq = pictures(Sheet(gt, lq, []))
    assert shown_gt.shape == shown_lq.shape == (SHOWN_SIDE, SHOWN_SIDE, 3)
    assert np.array_equal(shown_gt, shown_lq) and np.array_equal(shown_gt, gt[40:360, 140:460])
    small, enlarged = pictures(entry(8))
    assert small.shape == enlarged.shape == (LEAST_SIDE, LEAST_SIDE, 3) and (enlarged == 50).all()


def test_sheet_by_hand():
    sheet = contact_sheet([entry(), entry(value=200), entry()], 'three', columns=2)
    cell = 2 * LEAST_SIDE + GAP
    top = MARGIN + LINE + GAP
    assert sheet.dtype == np.uint8
    assert sheet.shape == (top + 2 * (LEAST_SIDE + GAP + LINE + MARGIN), 2 * (cell + MARGIN) + MARGIN, 3)
    assert (sheet[top:top + LEAST_SIDE, MARGIN:MARGIN + LEAST_SIDE] == 100).all()
    assert (sheet[top:top + LEAST_SIDE, MARGIN + LEAST_SIDE + GAP:MARGIN + cell] == 50).all()
    assert (sheet[top:top + LEAST_SIDE, 2 * MARGIN + cell:2 * MARGIN + cell + LEAST_SIDE] == 200).all()
    text = sheet[top + LEAST_SIDE + GAP:top + LEAST_SIDE + GAP + LINE]
    assert text.min() < 150 and (text[:, :MARGIN] == 255).all() and (sheet[-MARGIN:] == 255).all()


def test_text_stays_in_its_cell():
    long = entry(lines=['a_very_long_file_name_' * 10, *parameter_lines(PARAMETERS)])
    sheet = contact_sheet([long, entry(lines=['b'])], 'a title that is too long for one line ' * 8)
    cell = 2 * LEAST_SIDE + GAP
    assert (sheet[:, MARGIN + cell:2 * MARGIN + cell][MARGIN + 9 * LINE:] == 255).all()
    assert (sheet[:, -MARGIN:] == 255).all() and (sheet[-MARGIN:] == 255).all()
