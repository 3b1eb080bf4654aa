"""NIQE: BasicSR's program as reference, the authors' figure, pictures that have none."""
import effsr  # noqa: F401  installs the bridge

# isort: split
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
from basicsr.metrics import niqe as theirs
from basicsr.utils.registry import METRIC_REGISTRY

from effsr.data.image_io import read_rgb
from effsr.data.imresize import imresize
from effsr.metrics import compute_metrics
from effsr.metrics.niqe import niqe
from effsr.metrics.psnr_ssim import rgb_to_y

SET14 = Path(__file__).resolve().parents[3] / 'shared' / 'data' / 'val' / 'Set14' / 'HR'
NEEDS_DATA = pytest.mark.skipif(not SET14.is_dir(), reason='no ../shared/data/val beside the repository')


def picture(height=200, width=300, seed=0):
    """Noise of all sizes, with a flat area."""
    draw = np.random.default_rng(seed)
    layers = [imresize(draw.normal(0, 20 * step**0.5, (height // step + 1, width // step + 1, 3)), size=(height, width))
              for step in (1, 4, 16)]
    img = np.clip(128 + sum(layers), 0, 255).astype(np.uint8)
    img[20:60, 20:60] = 200
    return img


def in_double_precision(monkeypatch, img):
    """BasicSR's value in double precision: it resizes in single, in which flat areas get a texture."""
    def exact_mean(x, window, mode):
        mean = scipy.ndimage.convolve(x, window, mode=mode)
        return np.where(np.abs(mean - x) < 1e-6, x, mean)
    monkeypatch.setattr(theirs, 'convolve', exact_mean)
    monkeypatch.setattr(theirs, 'imresize', lambda x, scale, antialiasing: imresize(x, scale))
    with np.load(Path(theirs.__file__).with_name('niqe_pris_params.npz')) as stored:
        return theirs.niqe(np.floor(rgb_to_y(img) + 0.5), stored['mu_pris_param'], stored['cov_pris_param'],
                           stored['gaussian_window'])


def test_value_of_basicsr(monkeypatch):
    img = picture()
    assert niqe(img) == pytest.approx(theirs.calculate_niqe(img[..., ::-1], 0), abs=2e-3)
    assert niqe(img) == pytest.approx(in_double_precision(monkeypatch, img), abs=1e-9)


@NEEDS_DATA
def test_the_figure_of_the_authors_program():
    # 5.72957338 for this picture by MATLAB, as the docstring of BasicSR's calculate_niqe reports.
    assert niqe(read_rgb(SET14 / 'img_001.png')) == pytest.approx(5.72957338, abs=1e-5)


@NEEDS_DATA
def test_set14_as_basicsr(monkeypatch):
    differences, exact, border = [], [], 4
    for number in (1, 4, 5, 6, 8, 13):
        img = read_rgb(SET14 / f'img_{number:03}.png')
        value = niqe(img, border)
        differences.append(abs(value - theirs.calculate_niqe(img[..., ::-1], border)))
        with monkeypatch.context() as patched:
            inner = img[border:img.shape[0] - border, border:img.shape[1] - border]
            exact.append(abs(value - in_double_precision(patched, inner)))
    assert max(exact) < 1e-9
    # One has wide flat areas, of which BasicSR's single precision makes something.
    assert sorted(differences)[-2] < 1e-3 and max(differences) < 5e-3


def test_grey_and_conversions():
    img = picture()
    grey = np.ascontiguousarray(img[..., 0])
    assert niqe(grey) == niqe(grey[..., None]) == niqe(grey, convert_to='gray')
    assert niqe(img, convert_to='gray') == pytest.approx(
        theirs.calculate_niqe(img[..., ::-1], 0, convert_to='gray'), abs=2e-2)
    assert niqe(img, convert_to='gray') != niqe(img)
    assert niqe(img, 4) == niqe(img[4:-4, 4:-4])
    assert niqe(img.astype(np.float32)) == niqe(img)


def test_worse_pictures_have_more():
    img = picture()
    blurred = imresize(imresize(img, 0.25), size=img.shape[:2])
    assert niqe(blurred) > niqe(img)


@pytest.mark.parametrize(('img', 'border', 'message'), [
    (picture(96, 191), 0, r'96 x 191 .* border of 0 .* two blocks of 96 x 96'),
    (picture(100, 200), 4, r'100 x 200 .* border of 4 .* two blocks'),
    (np.full((200, 200, 3), 7, np.uint8), 0, 'not flat; this picture has 0'),
    (picture().astype(np.int32), 0, 'dtype int32'),
    (np.zeros((200, 200, 4), np.uint8), 0, r'shape \(200, 200, 4\)'),
])
def test_pictures_without_a_value(img, border, message):
    with pytest.raises(ValueError, match=message):
        niqe(img, border)


def test_registered():
    img = picture()
    options = {'n': {'type': 'calculate_niqe', 'crop_border': 4, 'better': 'lower'}}
    assert compute_metrics(options, img, None) == {'n': niqe(img, 4)}
    metric = METRIC_REGISTRY.get('calculate_niqe')
    assert metric(img[..., ::-1].transpose(2, 0, 1), 4, input_order='CHW') == niqe(img, 4)
    assert metric(img[..., 0], 4, input_order='HW') == niqe(img[..., 0], 4)
    assert METRIC_REGISTRY.get('calculate_niqe_basicsr') is theirs.calculate_niqe
    with pytest.raises(ValueError, match="convert_to is 'rgb'; accepted: 'y', 'gray'"):
        metric(img, 4, convert_to='rgb')
