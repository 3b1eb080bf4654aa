"""A small evaluation of drawn pictures with all that a report shows: empty cells, a set without truth, odd names."""
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from effsr.benchmarks.interleave import Spread
from effsr.data.image_io import write_rgb
from effsr.evaluation.results import Contestant, Difference, Evaluation, SetInfo
from effsr.metrics.catalogue import MetricInfo
from effsr.metrics.psnr_ssim import psnr

ODD = '<b>&"\'\u2028</script><!-- data -->/* style */'
NAMES = ('bicubic', 'small', ODD)
PSNR = MetricInfo('psnr_rgb', 'PSNR RGB', 'higher', 'dB', 2, True, True, 'RGB <all> channels together')
LPIPS = MetricInfo('lpips', 'LPIPS', 'lower', '', 4, True, True, 'AlexNet')
NIQE = MetricInfo('niqe', 'NIQE', 'lower', '', 3, False, True, 'Y')
REASON = 'weights <alex> not found'
SCALE = 4


def drawn(seed: int, height: int = 96, width: int = 128) -> np.ndarray:
    """A picture of soft blobs, uint8 (height, width, 3)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / 16
    waves = [np.sin(x * a + y * b + c) for a, b, c in rng.uniform(0.2, 2, (3, 3))]
    return np.uint8(np.clip(128 + 90 * np.stack(waves, axis=-1), 0, 255))


def results_of(gt: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Three results: one evenly wrong, one worse on the left half only, one worse in a square only."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 1, gt.shape)
    strengths = {name: np.full((*gt.shape[:2], 1), level) for name, level in zip(NAMES, (12.0, 6.0, 2.0), strict=True)}
    strengths['small'][:, :gt.shape[1] // 2] = 16
    strengths[ODD][64:, 96:] = 30
    return {name: np.uint8(np.clip(gt + strength * noise, 0, 255)) for name, strength in strengths.items()}


def example(folder: Path, pictures: int = 3) -> Evaluation:
    """Two sets, the second without truth, whose pictures lie in the folder."""
    names = tuple(f'picture {number}' for number in range(pictures))
    sets = (SetInfo('Drawn', names, SCALE, True, 'every 4th pixel', 4),
            SetInfo(f'Real {ODD}', ('one/two',), SCALE, False, 'as they are', 4, ('no ground truth',)))
    files, values = {}, {}
    for place, info in enumerate(sets):
        files[info.name], values[info.name] = {}, {name: {'psnr_rgb': (), 'lpips': (), 'niqe': ()} for name in NAMES}
        for number, picture in enumerate(info.pictures):
            gt = drawn(10 * place + number)
            shown = {**results_of(gt, number), 'lq': gt[::SCALE, ::SCALE]} | ({'gt': gt} if info.has_gt else {})
            files[info.name][picture] = {name: _written(folder / f'{place}_{number}_{at}.png', rgb)
                                         for at, (name, rgb) in enumerate(shown.items())}
            for name in NAMES:
                had = values[info.name][name]
                had['psnr_rgb'] += (psnr(shown[name], gt) if info.has_gt else None,)
                had['lpips'] += (None,)
                had['niqe'] += (3.0 + number + len(name) / 10,)
    whole = {info.name: {name: {metric: None if None in found else float(np.mean(found))
                                for metric, found in metrics.items()} for name, metrics in values[info.name].items()}
             for info in sets}
    missing = {info.name: {name: {metric: REASON if metric == 'lpips' else 'no ground truth'
                                  for metric, mean in metrics.items() if mean is None}
                           for name, metrics in whole[info.name].items()} for info in sets}
    differences = {'Drawn': {
        'small': {'psnr_rgb': Difference(0.123, -0.2, 0.4, pictures, False)},
        ODD: {'psnr_rgb': Difference(4.5, 4.0, 5.0, pictures, True), 'niqe': Difference(-0.1, -0.1, -0.1, 2, None)}}}
    contestants = (Contestant('bicubic', 'bicubic'),
                   Contestant('small', 'weights', 'small.pth', 'SRVGGNetCompact', {'num_conv': 16}, 4,
                              'ab' * 32, 3000, 621_000),
                   Contestant(ODD, 'weights', ODD, 'RRDBNet', {}, 4, 'cd' * 32, None, 16_700_000, 'assumed x4'))
    return Evaluation(('python effsr/evaluate.py <these>', 'a machine'), contestants, sets, (PSNR, LPIPS, NIQE), values,
                      whole, missing, 'bicubic', differences, files, {'scale': 4}, {'torch': '2'})


def costs() -> dict[str, SimpleNamespace]:
    """Costs of the two networks, as benchmarks.quick_costs tells them."""
    return {name: SimpleNamespace(parameters=parameters, macs=macs, activations=10 * macs // 1000, peak_memory=memory,
                                  seconds=Spread(seconds, 0.9 * seconds, 1.2 * seconds))
            for name, parameters, macs, seconds, memory in (('small', 621_000, 40_600_000_000, 0.9, 300 * 2**20),
                                                            (ODD, 16_700_000, 1_175_000_000_000, 20.0, None))}


def _written(path: Path, rgb: np.ndarray) -> Path:
    write_rgb(path, rgb)
    return path
