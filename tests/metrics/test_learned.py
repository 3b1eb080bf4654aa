"""LPIPS and DISTS as metrics: the packages' values, weights that are missing, pictures that are too small."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import sys
import warnings

import numpy as np
import pytest
import torch
import torchvision

from effsr.metrics import check_metrics, compute_metrics, higher_is_better
from effsr.metrics.catalogue import MetricSettings, Unavailable, open_metric
from effsr.metrics.learned import picture_tensor

NETS = {'lpips': ('alex', 'alexnet'), 'lpips_vgg': ('vgg', 'vgg16'), 'dists': (None, 'vgg16')}


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    """weights(name): random but fixed weights in torchvision's layout, of the features alone."""
    folder = tmp_path_factory.mktemp('trunks')

    def make(name):
        path = folder / f'{name}.pth'
        if not path.exists():
            with torch.device('meta'):
                net = torchvision.models.get_model(name)
            generator = torch.Generator().manual_seed(0)
            torch.save({key: torch.randn(value.shape, generator=generator) * (2 / value[0].numel()) ** 0.5
                        for key, value in net.state_dict().items() if key.startswith('features')}, path)
        return str(path)
    return make


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """No weights, neither where the run starts nor in the cache; a download is an error."""
    def download(*args, **kwargs):
        raise AssertionError('a download')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    monkeypatch.setattr(torch.hub, 'download_url_to_file', download)


def pair(height=52, width=60):
    draw = np.random.default_rng(0)
    return tuple(draw.integers(0, 256, (height, width, 3), dtype=np.uint8) for _ in range(2))


def opened(name, weights, border=0):
    pytest.importorskip('DISTS_pytorch' if name == 'dists' else 'lpips')
    return open_metric(name, border, MetricSettings({name: weights(NETS[name][1])}))


@pytest.mark.parametrize('name', ['lpips', 'lpips_vgg'])
def test_lpips_is_the_packages(name, weights):
    lpips = pytest.importorskip('lpips')
    net, trunk = NETS[name]
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        model = lpips.LPIPS(net=net, pnet_rand=True, verbose=False).eval()
    state = torch.load(weights(trunk), weights_only=True)
    model.net.load_state_dict({key: state['features.' + key.split('.', 1)[1]] for key in model.net.state_dict()})
    result, truth = pair()
    # As the package's own im2tensor scales pictures.
    scaled = [lpips.im2tensor(img[4:-4, 4:-4]) for img in (result, truth)]
    with torch.no_grad():
        expected = model(*scaled).item()
    with opened(name, weights, 4) as scorer:
        assert scorer.score(result, truth) == pytest.approx(expected, rel=1e-4)
        assert scorer.score(truth, truth) == 0.0


def test_dists_is_the_packages(weights, monkeypatch):
    package = pytest.importorskip('DISTS_pytorch.DISTS_pt')
    from effsr.pretrained.learned import build_dists
    model, (result, truth) = build_dists('test', weights('vgg16')), pair()
    with torch.no_grad():
        expected = package.DISTS.forward(model, picture_tensor(result), picture_tensor(truth)).item()
    with opened('dists', weights) as scorer:
        assert scorer.score(result, truth) == pytest.approx(expected, rel=1e-5)
        assert scorer.score(truth, truth) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize('name', NETS)
def test_grey_floats_and_small_pictures(name, weights):
    scorer, (result, truth) = opened(name, weights), pair()
    value = scorer.score(result, truth)
    assert scorer.score(result.astype(np.float64), truth) == value
    grey = [img[..., 0] for img in (result, truth)]
    assert scorer.score(*grey) == scorer.score(*(np.repeat(img[..., None], 3, 2) for img in grey))
    least = 31 if name == 'lpips' else 16
    assert scorer.score(result[:least, :least], truth[:least, :least]) > 0
    with pytest.raises(ValueError, match=f'at least {least} x {least} must be left'):
        scorer.score(result[:least - 1], truth[:least - 1])
    with pytest.raises(ValueError, match='different shapes'):
        scorer.score(result, truth[1:])


def test_identity_holds_the_weights(weights, tmp_path):
    first = opened('lpips', weights).identity
    state = torch.load(weights('alexnet'), weights_only=True)
    torch.save({key: value + 1 for key, value in state.items()}, tmp_path / 'other.pth')
    second = open_metric('lpips', 0, MetricSettings({'lpips': str(tmp_path / 'other.pth')})).identity
    assert first != second and first == opened('lpips', weights).identity


@pytest.mark.parametrize(('name', 'file'), [('lpips', 'alexnet-owt-7be5be79.pth'), ('lpips_vgg', 'vgg16-397923af.pth'),
                                            ('dists', 'vgg16-397923af.pth')])
def test_without_weights_there_is_no_number(name, file, nowhere):
    with pytest.raises(Unavailable, match=f'{name}: {file} is not there; put the file .* into') as caught:
        open_metric(name, 4)
    assert '\n' not in str(caught.value)
    with pytest.raises(Unavailable, match=f'{name}: .*no.pth: no such file'):
        open_metric(name, 4, MetricSettings({name: 'no.pth'}))


def test_without_the_package(weights, monkeypatch):
    monkeypatch.setitem(sys.modules, 'lpips', None)
    with pytest.raises(Unavailable, match='lpips needs the package lpips, which .*; pip install lpips'):
        open_metric('lpips', 0, MetricSettings({'lpips': weights('alexnet')}))


def test_in_an_option_file(weights):
    pytest.importorskip('lpips')
    pytest.importorskip('DISTS_pytorch')
    result, truth = pair()
    options = {'a': {'type': 'calculate_lpips', 'crop_border': 4, 'weights': weights('alexnet')},
               'v': {'type': 'calculate_lpips', 'crop_border': 4, 'net': 'vgg', 'weights': weights('vgg16')},
               'd': {'type': 'calculate_dists', 'crop_border': 4, 'weights': weights('vgg16')}}
    check_metrics(options)
    values = compute_metrics(options, result, truth)
    assert values == {label: opened(name, weights, 4).score(result, truth)
                      for label, name in (('a', 'lpips'), ('v', 'lpips_vgg'), ('d', 'dists'))}


def test_an_option_file_is_refused_before_training(nowhere):
    for metric in ('calculate_lpips', 'calculate_dists'):
        with pytest.raises(ValueError, match='val: metrics: m: .* is not there; put the file'):
            check_metrics({'m': {'type': metric, 'crop_border': 4}})
    with pytest.raises(ValueError, match="val: metrics: m: net is 'vgg19'; accepted: alex, vgg"):
        check_metrics({'m': {'type': 'calculate_lpips', 'crop_border': 4, 'net': 'vgg19'}})


def test_less_is_better():
    for metric in ('calculate_lpips', 'calculate_dists', 'calculate_niqe'):
        assert not higher_is_better({'type': metric})
        assert higher_is_better({'type': metric, 'better': 'higher'})
    for metric in ('calculate_psnr', 'calculate_ms_ssim', 'calculate_niqe_basicsr'):
        assert higher_is_better({'type': metric})
