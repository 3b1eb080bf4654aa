"""FID: SciPy's matrix root and BasicSR's network as references, distances by hand, missing weights."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import warnings

import numpy as np
import pytest
import scipy.linalg
import torch
from basicsr.archs import inception as theirs

from effsr.metrics.catalogue import MetricSettings, Unavailable, open_metric
from effsr.metrics.fid import build_inception, fid, frechet_distance, inception_features


def features(count, width=6, seed=0, shift=0.0):
    return np.random.default_rng(seed).normal(shift, 1.0, (count, width)) @ np.diag(np.arange(1.0, width + 1))


def reference(first, second):
    covariances = [np.cov(x, rowvar=False) for x in (first, second)]
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1]).real
    return np.sum((first.mean(0) - second.mean(0)) ** 2) + sum(map(np.trace, covariances)) - 2 * np.trace(root)


def test_scipys_root():
    first, second = features(40), features(50, seed=1, shift=0.5)
    assert frechet_distance(first, second) == pytest.approx(reference(first, second), rel=1e-9)


def test_by_hand():
    """Of one feature it is the squared differences of means and of deviations."""
    first, second = np.array([[0.0], [2.0]]), np.array([[5.0], [11.0]])
    assert frechet_distance(first, second) == pytest.approx((8 - 1) ** 2 + (18**0.5 - 2**0.5) ** 2)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-12)


def test_fewer_pictures_than_features():
    """The matrix root of such covariances is where other programs turn complex."""
    first, second = features(3, 64), features(4, 64, seed=1)
    value = frechet_distance(first, second)
    assert value == pytest.approx(frechet_distance(second, first)) and np.isfinite(value) and value > 0
    assert frechet_distance(first, first[::-1]) == pytest.approx(0, abs=1e-9)


def test_any_extractor_and_pictures_of_any_size():
    draw = np.random.default_rng(0)
    pictures = [draw.integers(0, 256, (8 + n, 9, 3), dtype=np.uint8) for n in range(6)]

    def means(picture):
        return picture.mean((0, 1))
    expected = frechet_distance(np.array(list(map(means, pictures[:3]))), np.array(list(map(means, pictures[3:]))))
    assert fid(iter(pictures[:3]), iter(pictures[3:]), means) == expected


def test_errors():
    with pytest.raises(ValueError, match='FID of 1 and 5 pictures; a covariance needs at least 2'):
        frechet_distance(features(1), features(5))
    with pytest.raises(ValueError, match=r'FID of \(6,\) and \(7,\) features'):
        frechet_distance(features(5), features(5, 7))


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    """Random weights in the layout of the published file."""
    path = tmp_path_factory.mktemp('fid') / 'inception.pth'
    with pytest.MonkeyPatch.context() as patched, warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter('ignore')
        torch.manual_seed(0)
        state = {}
        patched.setattr(theirs, 'load_url', lambda *args, **kwargs: state)
        patched.setattr(torch.nn.Module, 'load_state_dict', lambda self, given: state.update(self.state_dict()))
        theirs.fid_inception_v3()
    torch.save({name: value.clone() for name, value in state.items()}, path)
    return path


@pytest.mark.slow
def test_the_network_is_the_one_of_published_figures(weights, monkeypatch):
    state = torch.load(weights, weights_only=True)
    monkeypatch.setattr(theirs, 'load_url', lambda *args, **kwargs: state)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        expected = theirs.InceptionV3([3]).eval()
    picture = np.random.default_rng(0).integers(0, 256, (40, 61, 3), dtype=np.uint8)
    with torch.no_grad():
        value = expected(torch.from_numpy(picture).permute(2, 0, 1)[None] / 255)[0].flatten()
    found = inception_features(build_inception(weights), 'cpu', picture)
    assert found.shape == (2048,)
    np.testing.assert_allclose(found, value.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_opened(weights):
    draw = np.random.default_rng(0)
    pictures = [draw.integers(0, 256, (40, 40, 3), dtype=np.uint8) for _ in range(4)]
    with open_metric('fid', 4, MetricSettings({'fid': str(weights)})) as scorer:
        assert scorer.score_set(pictures[:2], pictures[:2]) == pytest.approx(0, abs=1e-6)
        assert scorer.score_set(pictures[:2], pictures[2:]) > 0
        assert 'too large below 2048 pictures' in scorer.info.how


def test_without_weights_there_is_no_number(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    with pytest.raises(Unavailable, match='fid: pt_inception-2015-12-05-6726825d.pth is not there; put the file '
                                          '.*SHA-256 6726825d'):
        open_metric('fid')
    with pytest.raises(Unavailable, match='fid: .*no.pth: no such file'):
        open_metric('fid', 0, MetricSettings({'fid': 'no.pth'}))
