"""Metrics by name: figures of papers, what a table is told, names that do not exist."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import dataclasses
import math
import pickle
from pathlib import Path

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from effsr.data.image_io import read_rgb
from effsr.data.imresize import imresize
from effsr.metrics import psnr, ssim
from effsr.metrics.catalogue import MetricSettings, Unavailable, describe, metric_names, open_metric
from effsr.metrics.ms_ssim import ms_ssim
from effsr.metrics.niqe import niqe
from effsr.metrics.psnr_ssim import rgb_to_y
from effsr.metrics.scorer import MetricInfo, Opened, Scorer

SHARED = Path(__file__).resolve().parents[3] / 'shared' / 'data'
PLAIN = {'psnr_y': (psnr, True), 'psnr_rgb': (psnr, False), 'ssim_y': (ssim, True), 'ssim_rgb': (ssim, False),
         'ms_ssim_y': (ms_ssim, True), 'ms_ssim_rgb': (ms_ssim, False)}
NEEDS_DATA = pytest.mark.skipif(not (SHARED / 'val').is_dir(), reason='no ../shared/data/val beside the repository')


def pair(side=172):
    draw = np.random.default_rng(0)
    truth = np.kron(draw.integers(0, 256, (side // 4, side // 4, 3)), np.ones((4, 4, 1))).astype(np.uint8)
    return np.clip(truth + draw.integers(-9, 10, truth.shape), 0, 255).astype(np.uint8), truth


def bicubic_mean(name, metric, by_value=(), dtype=np.uint8):
    """Mean over a set; enlarged pictures are rounded where the dtype is uint8, grey ones taken by_value if named."""
    values = []
    for path in sorted((SHARED / 'val' / name / 'HR').glob('*.png')):
        truth = read_rgb(path)
        truth = truth[:truth.shape[0] // 4 * 4, :truth.shape[1] // 4 * 4]
        result = np.clip(imresize(imresize(truth, 0.25).astype(dtype), size=truth.shape[:2]), 0, 255)
        if path.stem in by_value:
            truth, result = truth[..., 0], result[..., 0]
        values.append(open_metric(metric, 4).score(result, truth))
    return np.mean(values)


@NEEDS_DATA
def test_bicubic_as_published():
    assert round(bicubic_mean('Set5', 'psnr_y'), 2) == 28.43
    assert round(bicubic_mean('Set14', 'psnr_y'), 2) == 26.09
    # A grey picture whose file has one channel in the original set. What is rounded to 8 bits has 0.002 dB less.
    assert round(bicubic_mean('Set14', 'psnr_y', ['img_003'], np.float64), 3) == 25.996
    assert round(bicubic_mean('Set14', 'psnr_y', ['img_003']), 3) == 25.994


@NEEDS_DATA
def test_ssim_of_photographs_as_scikit_image():
    """With the paper's window, averaged where it lies within the picture, as the authors' MATLAB program does."""
    for path in sorted((SHARED / 'val' / 'Set5' / 'HR').glob('*.png')):
        truth = read_rgb(path)
        truth = truth[:truth.shape[0] // 4 * 4, :truth.shape[1] // 4 * 4]
        result = imresize(imresize(truth, 0.25), 4)
        first, second = (rgb_to_y(img[4:-4, 4:-4]) for img in (result, truth))
        _, full = structural_similarity(first, second, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
                                        win_size=11, data_range=255, full=True)
        assert open_metric('ssim_y', 4).score(result, truth) == pytest.approx(full[5:-5, 5:-5].mean(), abs=1e-9)


@pytest.mark.parametrize('name', PLAIN)
def test_it_is_the_function_of_that_name(name):
    function, luma = PLAIN[name]
    result, truth = pair()
    with open_metric(name, 2) as scorer:
        assert scorer.score(result, truth) == function(result, truth, 2, luma)
        assert scorer.score(truth, truth) == (math.inf if function is psnr else pytest.approx(1.0))


def test_sixteen_bits_count_at_full_depth():
    result, truth = (img.astype(np.float64) + 0.25 for img in pair())
    assert open_metric('psnr_y', 0).score(result, truth - 0.25) != open_metric('psnr_y', 0).score(result, truth)


def test_niqe_needs_no_truth_and_ignores_it():
    result, truth = pair(200)
    with open_metric('niqe', 4) as scorer:
        assert scorer.score(result) == scorer.score(result, truth) == niqe(result, 4)


def test_what_a_table_is_told():
    for name in (*metric_names(), 'pyiqa:musiq'):
        info = describe(name, 4)
        assert info.name == name and info.label and info.better in ('higher', 'lower')
        assert ('border 4 left out' in info.how) == info.per_image
    assert describe('psnr_y') == MetricInfo('psnr_y', 'PSNR Y', 'higher', 'dB', 3, True, True,
                                            'BT.601 luma (16-235), not rounded; whole pictures')
    assert {name for name in metric_names() if not describe(name).needs_gt} == {'niqe'}
    assert {name for name in metric_names() if not describe(name).per_image} == {'fid'}
    assert {name for name in metric_names() if describe(name).better == 'lower'} == {
        'lpips', 'lpips_vgg', 'dists', 'niqe', 'fid'}


def test_identity_tells_what_a_value_depends_on():
    identities = {open_metric(name, border).identity for name in ('psnr_y', 'psnr_rgb') for border in (0, 4)}
    assert len(identities) == 4
    assert open_metric('psnr_y', 4).identity in identities


def test_settings_travel_to_other_processes():
    settings = MetricSettings({'lpips': 'a.pth'}, pyiqa=Path('env'))
    assert pickle.loads(pickle.dumps(settings)) == settings
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.device = 'cuda'


@pytest.mark.parametrize(('name', 'message'), [
    ('pnsr_y', r"no metric is named 'pnsr_y'; accepted: .*psnr_y.*pyiqa:NAME; did you mean psnr_y\?"),
    ('pyiqa:', 'no metric is named'), ('', 'no metric is named')])
def test_names_that_do_not_exist(name, message):
    for function in (describe, open_metric):
        with pytest.raises(ValueError, match=message) as caught:
            function(name)
        assert not isinstance(caught.value, Unavailable)


def test_errors():
    result, truth = pair()
    with pytest.raises(ValueError, match='border is -1; accepted: a whole number from 0'):
        open_metric('psnr_y', -1)
    scorer = open_metric('psnr_y', 0)
    with pytest.raises(ValueError, match='psnr_y compares with a ground truth'):
        scorer.score(result)
    with pytest.raises(ValueError, match='psnr_y is a figure for each picture'):
        scorer.score_set([result], [truth])
    one = Scorer(describe('fid'), Opened(score_set=lambda results, truths: math.nan))
    with pytest.raises(ValueError, match='fid is one figure for a whole set'):
        one.score(result, truth)
    with pytest.raises(ValueError, match='is not a number'):
        one.score_set([result], [truth])
