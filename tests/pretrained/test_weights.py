"""Where weights are found, in which order; downloads that fail; files that are damaged or others."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import hashlib
import urllib.error

import pytest
import torch

from effsr.pretrained import weights
from effsr.pretrained.weights import read_weights, torchvision_urls, torchvision_weights

STATE = {'features.0.weight': torch.arange(3.0)}
VGG19 = 'vgg19-dcbb9e9d.pth'


@pytest.fixture
def places(tmp_path, monkeypatch):
    """The folder that a run starts in and torch.hub's, both empty; no network."""
    def offline(*args, **kwargs):
        raise urllib.error.URLError('no network')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    monkeypatch.setattr(torch.hub, 'download_url_to_file', offline)
    monkeypatch.setattr(weights, 'checked_digest', lambda path: path)
    return [tmp_path / 'experiments/pretrained_models', tmp_path / 'hub/checkpoints']


def put(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(STATE, path)
    return path


def test_the_order_of_places(places, tmp_path):
    cached = put(places[1] / VGG19)
    assert torchvision_weights('vgg19') == cached
    put(places[0] / VGG19)
    assert torchvision_weights('vgg19').resolve() == places[0] / VGG19
    assert torchvision_weights('vgg19', str(tmp_path / 'mine.pth')) == tmp_path / 'mine.pth'


def test_another_published_file_serves_too(places):
    older = put(places[1] / 'resnet50-0676ba61.pth')
    assert torchvision_weights('resnet50') == older
    newer = put(places[1] / 'resnet50-11ad3fa6.pth')
    assert torchvision_weights('resnet50') == newer


def test_weights_for_other_pictures_are_none():
    assert torchvision_urls('vgg16') == ['https://download.pytorch.org/models/vgg16-397923af.pth']


@pytest.mark.parametrize('error', [urllib.error.URLError('no network'), TimeoutError('timed out'),
                                   RuntimeError('invalid hash value'), ConnectionResetError(), PermissionError('no')])
def test_no_weights_in_one_line(places, monkeypatch, error):
    def fails(*args, **kwargs):
        raise error
    monkeypatch.setattr(torch.hub, 'download_url_to_file', fails)
    with pytest.raises(FileNotFoundError) as caught:
        torchvision_weights('vgg19')
    told = str(caught.value)
    for words in (VGG19, str(error) or 'ConnectionResetError', 'https://download.pytorch.org/models/' + VGG19,
                  'SHA-256 dcbb9e9d', 'experiments/pretrained_models', str(places[1]), 'weights:'):
        assert words in told
    assert '\n' not in told


def test_a_download(places, monkeypatch):
    asked = []

    def download(url, path, prefix):
        asked.append((url, prefix))
        torch.save(STATE, path)
    monkeypatch.setattr(torch.hub, 'download_url_to_file', download)
    assert torchvision_weights('vgg19') == places[1] / VGG19
    assert asked == [('https://download.pytorch.org/models/' + VGG19, 'dcbb9e9d')]
    torchvision_weights('vgg19')
    assert len(asked) == 1


def test_the_digest_in_the_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plain = put(tmp_path / 'plain.pth')
    digest = hashlib.sha256(plain.read_bytes()).hexdigest()
    right = plain.rename(tmp_path / f'vgg19-{digest[:8]}.pth')
    assert torchvision_weights('vgg19', str(right)) == right
    wrong = right.rename(tmp_path / VGG19)
    with pytest.raises(ValueError, match=f'{VGG19}: its SHA-256 begins with {digest[:8]}, not with dcbb9e9d as its'):
        torchvision_weights('vgg19', str(wrong))
    put(tmp_path / 'experiments/pretrained_models' / VGG19)
    with pytest.raises(ValueError, match='the file is damaged or another'):
        torchvision_weights('vgg19')


def test_reading_pth(tmp_path):
    for content in (STATE, {'state_dict': STATE}, {'params': {f'module.{name}': v for name, v in STATE.items()}}):
        torch.save(content, tmp_path / 'a.pth')
        assert read_weights(tmp_path / 'a.pth')['features.0.weight'].tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match='no.pth: no such file'):
        read_weights(tmp_path / 'no.pth')
    torch.save(torch.nn.Conv2d(1, 1, 1), tmp_path / 'whole.pth')
    with pytest.raises(ValueError, match='whole.pth'):
        read_weights(tmp_path / 'whole.pth')


def test_reading_safetensors(tmp_path):
    library = pytest.importorskip('safetensors.torch')
    library.save_file(STATE, tmp_path / 'a.safetensors')
    assert read_weights(tmp_path / 'a.safetensors')['features.0.weight'].tolist() == [0, 1, 2]
    (tmp_path / 'b.safetensors').write_bytes((tmp_path / 'a.safetensors').read_bytes()[:40])
    for name in ('b', 'no'):
        with pytest.raises(ValueError, match=f'{name}.safetensors: .*whole .safetensors file') as caught:
            read_weights(tmp_path / f'{name}.safetensors')
        assert '\n' not in str(caught.value)
