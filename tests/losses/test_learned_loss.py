"""LPIPS and DISTS: the packages' numbers, finite gradients, weights that are there or not."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import sys
import urllib.error
import warnings

import pytest
import torch
import torchvision
from torch import nn

from effsr.losses.learned_loss import DISTSLoss, LPIPSLoss
from effsr.pretrained import learned
from effsr.pretrained.learned import LPIPS_NETS


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


def pictures(count=2, side=48):
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(count, 3, side, side, generator=generator) for _ in range(2)]


def gradient(loss, pred, target):
    pred = pred.clone().requires_grad_()
    value = loss(pred, target)
    value.backward()
    return value.detach(), pred.grad


@pytest.mark.parametrize('net', LPIPS_NETS)
def test_lpips_is_the_packages(net, weights):
    lpips = pytest.importorskip('lpips')
    loss, (pred, target) = LPIPSLoss(0.5, net, weights(LPIPS_NETS[net])).train(), pictures()
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        model = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
    state = torch.load(weights(LPIPS_NETS[net]), weights_only=True)
    model.net.load_state_dict({name: state['features.' + name.split('.', 1)[1]] for name in model.net.state_dict()})
    expected = gradient(lambda x, y: 0.5 * model(2 * x - 1, 2 * y - 1).mean(), pred, target)
    torch.testing.assert_close(gradient(lambda x, y: loss(x, y)[0], pred, target), expected, rtol=1e-4, atol=1e-8)
    assert expected[0] > 0 and loss(pred, target)[1] is None and loss(pred, pred)[0] == 0
    assert not any(parameter.requires_grad for parameter in loss.parameters())
    assert not any(module.training for module in loss.modules() if module is not loss)


def test_lpips_trunk_holds_the_weights_of_the_file(weights):
    pytest.importorskip('lpips')
    state = torch.load(weights('alexnet'), weights_only=True)
    net = LPIPSLoss(net='alex', weights=weights('alexnet')).term.model.net
    assert torch.equal(net.slice1[0].weight, state['features.0.weight'])
    assert torch.equal(net.slice5[-2].weight, state['features.10.weight'])


def test_where_all_features_are_zero_the_gradient_is_finite(weights, tmp_path):
    pytest.importorskip('lpips')
    state = torch.load(weights('alexnet'), weights_only=True)
    for name in state:
        if name.endswith('bias'):
            state[name] = torch.full_like(state[name], -1e3)
    torch.save(state, tmp_path / 'dead.pth')
    loss, (pred, target) = LPIPSLoss(net='alex', weights=str(tmp_path / 'dead.pth')), pictures()
    value, found = gradient(lambda x, y: loss(x, y)[0], pred, target)
    assert value == 0 and (found == 0).all()


def test_dists_is_the_packages(weights, monkeypatch):
    package = pytest.importorskip('DISTS_pytorch.DISTS_pt')
    theirs, state = package.models, torch.load(weights('vgg16'), weights_only=True)

    def vgg16(pretrained):
        with torch.device('meta'):
            net = torchvision.models.vgg16()
        net.load_state_dict(state, strict=False, assign=True)
        return net
    loss = DISTSLoss(2.0, weights('vgg16')).train()
    assert package.models is theirs
    monkeypatch.setattr(package, 'models', type('Models', (), {'vgg16': staticmethod(vgg16)}))
    reference = package.DISTS(load_weights=False)
    fitted = torch.load(learned._dists_file(package, 'DISTS'), weights_only=True)
    reference.alpha.data, reference.beta.data = fitted['alpha'], fitted['beta']
    for count in (1, 3):
        pred, target = pictures(count)
        expected = gradient(lambda x, y: 2.0 * reference(x, y, require_grad=True, batch_average=True), pred, target)
        torch.testing.assert_close(gradient(lambda x, y: loss(x, y)[0], pred, target), expected, rtol=1e-4, atol=1e-7)
    assert loss(pred, pred)[0].item() == pytest.approx(0, abs=1e-6) and loss(pred, target)[1] is None
    assert not any(parameter.requires_grad for parameter in loss.parameters())


@pytest.mark.parametrize(('make', 'trunk'), [(lambda path: LPIPSLoss(net='alex', weights=path), 'alexnet'),
                                             (lambda path: DISTSLoss(weights=path), 'vgg16')])
def test_fp32_within_autocast_and_no_random_state_moved(make, trunk, weights):
    pytest.importorskip('lpips' if trunk == 'alexnet' else 'DISTS_pytorch')
    torch.manual_seed(1)
    before = torch.get_rng_state()
    loss, (pred, target) = make(weights(trunk)), pictures()
    assert torch.equal(torch.get_rng_state(), before)
    expected = loss(pred, target)[0]
    with torch.autocast('cpu', torch.bfloat16):
        assert torch.equal(loss(pred.bfloat16().float(), target)[0], loss(pred.bfloat16(), target)[0])
        assert torch.equal(loss(pred, target)[0], expected)


@pytest.mark.parametrize(('make', 'file', 'package'), [
    (LPIPSLoss, 'vgg16-397923af.pth', 'lpips'), (lambda: LPIPSLoss(net='alex'), 'alexnet-owt-7be5be79.pth', 'lpips'),
    (DISTSLoss, 'vgg16-397923af.pth', 'DISTS_pytorch')])
def test_no_weights(make, file, package, tmp_path, monkeypatch):
    pytest.importorskip(package)

    def offline(*args, **kwargs):
        raise urllib.error.URLError('no network')
    monkeypatch.setattr(torch.hub, 'download_url_to_file', offline)
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=f'{file} is not there and cannot be downloaded') as caught:
        make()
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(('make', 'module', 'match'), [
    (LPIPSLoss, 'lpips', 'LPIPSLoss needs the package lpips, which .*; pip install lpips'),
    (DISTSLoss, 'DISTS_pytorch', 'DISTSLoss needs the package DISTS-pytorch, which .*; pip install DISTS-pytorch')])
def test_no_package(make, module, match, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, f'{module}.DISTS_pt', raising=False)
    with pytest.raises(ValueError, match=match) as caught:
        make()
    assert '\n' not in str(caught.value)


def test_dists_without_its_file(monkeypatch, tmp_path, weights):
    package = pytest.importorskip('DISTS_pytorch.DISTS_pt')
    monkeypatch.setattr(package, '__file__', str(tmp_path / 'a/DISTS_pt.py'))
    monkeypatch.setattr(sys, 'prefix', str(tmp_path))
    with pytest.raises(ValueError, match='weights.pt: no such file; install the package again'):
        DISTSLoss(weights=weights('vgg16'))


@pytest.mark.parametrize(('make', 'message'), [
    (lambda: LPIPSLoss(net='vgg19'), "net is 'vgg19'; accepted: alex, vgg, squeeze"),
    (lambda: LPIPSLoss(loss_weight=0), 'loss_weight is 0; accepted: a number above 0'),
    (lambda: DISTSLoss(loss_weight=-1), 'loss_weight is -1'),
])
def test_arguments_that_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_weights_and_pictures_that_do_not_fit(weights):
    pytest.importorskip('lpips')
    with pytest.raises(ValueError, match=r'alexnet.pth: does not fit vgg16: 2.weight and '):
        LPIPSLoss(weights=weights('alexnet'))
    loss = LPIPSLoss(net='alex', weights=weights('alexnet'))
    with pytest.raises(ValueError, match='LPIPS: pictures of different shapes'):
        loss(torch.zeros(1, 3, 64, 64), torch.zeros(1, 3, 64, 65))
    assert isinstance(loss, nn.Module)
