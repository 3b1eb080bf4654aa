"""Numbers and names as a reader sees them."""
import math
from html import escape

from effsr.metrics.catalogue import MetricInfo

NOTHING = '–'
MINUS = '−'
ARROWS = {'higher': '↑', 'lower': '↓'}
PREFIXES = ((1e12, 'T'), (1e9, 'G'), (1e6, 'M'), (1e3, 'k'))


def value_words(value: float | None, metric: MetricInfo) -> str:
    """A metric's value with the metric's decimals; a dash where there is none, ∞ for identical pictures' PSNR."""
    if value is None or math.isnan(value):
        return NOTHING
    return _signed(f'{value:.{metric.digits}f}') if math.isfinite(value) else ('∞' if value > 0 else f'{MINUS}∞')


def change_words(value: float, metric: MetricInfo) -> str:
    """A difference with its sign, also where it is positive."""
    text = value_words(value, metric)
    return text if text.startswith(MINUS) or text == NOTHING else f'+{text}'


def count_words(value: float | None) -> str:
    """A count to three significant digits with k, M, G or T: 621 k, 1.17 T; small ones as they are."""
    if value is None:
        return NOTHING
    for size, prefix in PREFIXES:
        if value >= size * 0.9995:
            return f'{significant(value / size)} {prefix}'
    return significant(value) if value != int(value) else f'{int(value)}'


def milliseconds_words(seconds: float) -> str:
    """Seconds as milliseconds to three significant digits, without the unit."""
    return significant(1000 * seconds)


def significant(value: float, digits: int = 3) -> str:
    """A positive number to so many significant digits, never in powers of ten: 0.105, 14.3, 1175."""
    if value <= 0 or not math.isfinite(value):
        return f'{value:g}'
    # The exponent after rounding: 0.9997 counts as 1.00.
    decimals = digits - 1 - int(f'{value:.{digits - 1}e}'.split('e')[1])
    return f'{value:.{max(0, decimals)}f}'


def plural(count: int, word: str) -> str:
    """1 picture, 5 pictures."""
    return f'{count} {word}' if count == 1 else f'{count} {word}s'


def metric_heading(metric: MetricInfo) -> str:
    """HTML of a metric's name with its unit and an arrow towards the better."""
    unit = f'{escape(metric.unit)} ' if metric.unit else ''
    return (f'{escape(metric.label)} <small>{unit}<abbr title="{metric.better} is better">{ARROWS[metric.better]}'
            '</abbr></small>')


def _signed(text: str) -> str:
    # A minus before nothing but zeros says a sign that is not there.
    if text.startswith('-') and not text.strip('-0.'):
        return text[1:]
    return text.replace('-', MINUS)
