"""What the page's script reads: pictures by number, values, crops, as one document of JSON.

Contestants are told by their place, never by a key of that name: the low-resolution picture comes after the last of
them, the truth after that.
"""
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from effsr.data.image_io import read_rgb
from effsr.evaluation.results import Evaluation, SetInfo
from effsr.metrics.psnr_ssim import PEAK
from effsr.reports.crops import Crop, CropSearch
from effsr.reports.pictures import Embedded, in_turn
from effsr.reports.words import plural

LQ, GT = 'lq', 'gt'


class Content:
    """Gathers the pictures of an evaluation, as many as the page may hold.

    Args:
        evaluation: Its pictures are read from their files, one picture's results at a time.
        most: Characters of pictures; one that would go beyond is left out, unless it is the first.

    Raises:
        ImageError: A picture that the evaluation names cannot be read.
    """

    def __init__(self, evaluation: Evaluation, most: int) -> None:
        self.embedded = Embedded()
        self._evaluation = evaluation
        self._names = [contestant.name for contestant in evaluation.contestants]
        self._shown: dict[str, list[dict[str, Any]]] = {info.name: [] for info in evaluation.sets}
        self._crops = {info.name: CropSearch(self._names) for info in evaluation.sets}
        sets = {info.name: info for info in evaluation.sets}
        for name, picture in in_turn({info.name: info.pictures for info in evaluation.sets}):
            files = evaluation.pictures.get(name, {}).get(picture, {})
            if not self.embedded.size or self.embedded.size + _size(files) <= most:
                self._take(sets[name], picture, files)

    def _take(self, info: SetInfo, picture: str, files: Mapping[str, Path]) -> None:
        found = {name: read_rgb(Path(path)) for name, path in files.items()}
        results = {name: found[name] for name in self._names if name in found}
        if not found:
            return
        gt = found.get(GT)
        height, width = (gt if gt is not None else next(iter(results.values()), found.get(LQ))).shape[:2]
        place = info.pictures.index(picture)
        values = self._evaluation.values.get(info.name, {})
        self._shown[info.name].append({
            'name': picture, 'width': width, 'height': height,
            'pictures': [self.embedded.add(found[name]) if name in found else None
                         for name in (*self._names, LQ, GT)],
            'values': [[_number(_at(values.get(name, {}).get(metric.name, ()), place))
                        for metric in self._evaluation.metrics] for name in self._names]})
        if gt is not None:
            whole = {name: result for name, result in results.items() if result.shape == gt.shape}
            self._crops[info.name].add(picture, whole, gt)

    def document(self) -> dict[str, Any]:
        """All that the script needs, as values that JSON has."""
        evaluation = self._evaluation
        return {
            'names': self._names,
            'baseline': self._names.index(evaluation.baseline),
            'metrics': [{'name': metric.name, 'label': metric.label, 'unit': metric.unit, 'digits': metric.digits,
                         'higher': metric.better == 'higher', 'perImage': metric.per_image}
                        for metric in evaluation.metrics],
            'sets': [{'name': info.name, 'scale': info.scale, 'truth': info.has_gt,
                      'pictures': self._shown[info.name], 'crops': self._pairs(info)} for info in evaluation.sets],
        }

    def left_out(self) -> str:
        """A line that says how many pictures are not in the page; '' where all are."""
        total = sum(len(info.pictures) for info in self._evaluation.sets)
        shown = sum(map(len, self._shown.values()))
        if shown == total:
            return ''
        return (f'{plural(shown, "picture")} of {total} can be looked at here, to keep this page light; '
                'the figures are of all.')

    def _pairs(self, info: SetInfo) -> list[dict[str, Any]]:
        places = {picture['name']: place for place, picture in enumerate(self._shown[info.name])}
        return [{'pair': [self._names.index(name) for name in pair],
                 'better': [[_crop(crop, places) for crop in crops] for crops in both]}
                for pair, both in self._crops[info.name].found().items()]


def as_script(document: Mapping[str, Any]) -> str:
    """JSON that may stand inside a script element: nothing in it can end the element or begin a comment."""
    text = json.dumps(document, ensure_ascii=False, separators=(',', ':'), allow_nan=False)
    return text.replace('<', '\\u003c').replace('\u2028', '\\u2028').replace('\u2029', '\\u2029')


def decibels(error: float) -> float:
    """PSNR of a mean squared error, for values up to 255."""
    return math.inf if error <= 0 else float(10 * np.log10(PEAK**2 / error))


def _size(files: Mapping[str, Path]) -> int:
    """Characters that pictures will take, about: WebP is a quarter smaller than their PNG, base64 a third larger."""
    return sum(Path(path).stat().st_size for path in files.values() if Path(path).is_file())


def _crop(crop: Crop, places: Mapping[str, int]) -> list[Any]:
    return [places[crop.picture], crop.left, crop.top, crop.side,
            _number(decibels(crop.first)), _number(decibels(crop.second))]


def _at(values: Any, place: int) -> float | None:
    return values[place] if place < len(values) else None


def _number(value: float | None) -> float | str | None:
    """JSON has no infinity; the script reads it from its name."""
    if value is None or math.isnan(value):
        return None
    return value if math.isfinite(value) else ('Infinity' if value > 0 else '-Infinity')
