"""Checkpoints are written whole or not at all, and read without trust."""
import io
import json
import os
import pickle
import warnings
from pathlib import Path

import pytest
import torch
from torch import nn

from effsr.runtime.checkpoint import CheckpointError, check_fits, load_file, load_network, pick_params, save_atomic
from effsr.runtime.sidecar import read_sidecar, sidecar_path, write_sidecar


class Tiny(nn.Module):
    """Head, a few blocks, an upsampling convolution of scale**2 times the channels."""

    def __init__(self, width: int = 4, blocks: int = 3, scale: int = 2) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, width, 1)
        self.blocks = nn.Sequential(*[nn.Conv2d(width, width, 1) for _ in range(blocks)])
        self.last = nn.Conv2d(width, 3 * scale**2, 1)


class RunsCode:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def refused(match: str, path: Path, call, *args) -> str:
    with pytest.raises(CheckpointError, match=match) as caught:
        call(*args)
    message = str(caught.value)
    assert path.name in message and '\n' not in message
    return message


@pytest.fixture
def weights(tmp_path) -> Path:
    path = tmp_path / 'net.pth'
    save_atomic({'params': Tiny().state_dict()}, path)
    return path


def test_what_is_saved_is_loaded(tmp_path):
    state = {'params': {'a': torch.randn(3, 4)}, 'iter': 7, 'names': ['x', 'y'], 'best': 1.5}
    save_atomic(state, tmp_path / 'new/folder/a.state')
    loaded = load_file(tmp_path / 'new/folder/a.state')
    assert torch.equal(loaded['params']['a'], state['params']['a'])
    assert {key: loaded[key] for key in ('iter', 'names', 'best')} == {'iter': 7, 'names': ['x', 'y'], 'best': 1.5}
    assert [entry.name for entry in (tmp_path / 'new/folder').iterdir()] == ['a.state']


def test_a_failed_save_leaves_the_old_file(weights, monkeypatch):
    before = weights.read_bytes()
    for name in ('replace', 'fsync'):
        with monkeypatch.context() as patch:
            def fail(*args, **kwargs):
                raise OSError(28, 'No space left on device')

            patch.setattr(os, name, fail)
            message = refused('No space left on device', weights, save_atomic, {'params': {}}, weights)
            assert 'free space' in message
        assert weights.read_bytes() == before
        assert list(weights.parent.iterdir()) == [weights]


def test_a_write_that_fails_within_torch_is_named(weights):
    resource = pytest.importorskip('resource')
    import signal

    before, old_limit = weights.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    old_handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, old_limit[1]))
        refused('cannot be written .*large', weights, save_atomic, {'params': {'a': torch.zeros(300, 300)}}, weights)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old_limit)
        signal.signal(signal.SIGXFSZ, old_handler)
    assert weights.read_bytes() == before
    assert list(weights.parent.iterdir()) == [weights]


def test_an_interrupted_save_leaves_the_old_file(weights, monkeypatch):
    before = weights.read_bytes()

    def interrupt(obj, file):
        file.write(b'half')
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, 'save', interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_atomic({}, weights)
    assert weights.read_bytes() == before
    assert list(weights.parent.iterdir()) == [weights]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / 'file').touch()
    refused('cannot be written', tmp_path / 'a.pth', save_atomic, {}, tmp_path / 'file/models/a.pth')


def test_objects_that_cannot_be_saved_raise_their_own_error(tmp_path):
    with pytest.raises((pickle.PicklingError, AttributeError)):
        save_atomic({'f': lambda: 0}, tmp_path / 'a.pth')
    assert not list(tmp_path.iterdir())


def test_broken_files_are_refused(weights):
    data = weights.read_bytes()
    flipped = bytearray(data)
    flipped[data.index(b'data/0') + 100] ^= 255
    html = b'<!DOCTYPE html><html>not found</html>'
    cases = {b'': 'empty', data[:len(data) // 2]: 'truncated', data[:20]: 'truncated', bytes(flipped): 'damaged',
             html: 'not a PyTorch checkpoint', b'\x80\x02}q': 'truncated'}
    for content, reason in cases.items():
        weights.write_bytes(content)
        refused(reason, weights, load_file, weights)
    refused('no such file', weights, load_file, weights.with_name('net.pth.missing'))
    with pytest.raises(CheckpointError, match='directory'):
        load_file(weights.parent)


def test_the_legacy_format_is_read(tmp_path):
    torch.save({'params': {'a': torch.ones(2)}}, tmp_path / 'a.pth', _use_new_zipfile_serialization=False)
    assert load_file(tmp_path / 'a.pth')['params']['a'].tolist() == [1, 1]
    data = (tmp_path / 'a.pth').read_bytes()
    (tmp_path / 'a.pth').write_bytes(data[:len(data) // 2])
    refused('truncated', tmp_path / 'a.pth', load_file, tmp_path / 'a.pth')


@pytest.mark.parametrize('form', ['zip', 'legacy', 'pickle'])
def test_a_pickle_that_runs_code_is_refused(tmp_path, form):
    path, trap = tmp_path / 'evil.pth', tmp_path / 'made_by_the_pickle'
    if form == 'pickle':
        path.write_bytes(pickle.dumps({'params': RunsCode(trap)}))
    else:
        torch.save({'params': RunsCode(trap)}, path, _use_new_zipfile_serialization=form == 'zip')
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        message = refused('refused', path, load_file, path)
    assert 'weights' in message and 'weights_only=False' not in message
    assert not trap.exists()


def test_pick_params_accepts_the_usual_forms():
    state = {'a.weight': torch.zeros(2), 'a.bias': torch.ones(2)}
    for key in ('params', 'params_ema', 'state_dict'):
        assert pick_params({key: state, 'iter': 3}) == (state, key)
    assert pick_params(state) == (state, 'bare')


def test_pick_params_prefers_the_average_and_falls_back():
    plain, average = {'a': torch.zeros(1)}, {'a': torch.ones(1)}
    both = {'params': plain, 'params_ema': average}
    assert pick_params(both) == (average, 'params_ema')
    assert pick_params(both, 'params') == (plain, 'params')
    assert pick_params({'params': plain}, 'params_ema') == (plain, 'params')
    assert pick_params({'params_ema': average}, 'params') == (average, 'params_ema')
    assert pick_params({'other': plain}, 'other') == (plain, 'other')


def test_pick_params_strips_wrappers():
    state = {'module._orig_mod.a': torch.zeros(1), 'module._orig_mod.module.b': torch.zeros(1)}
    assert list(pick_params(state)[0]) == ['a', 'module.b']
    own = {'module.a': torch.zeros(1), 'b': torch.zeros(1)}
    assert list(pick_params(own)[0]) == ['module.a', 'b']


def test_pick_params_errors():
    path = Path('some/net.pth')
    refused('training state', path, pick_params, {'iter': 1, 'optimizers': []}, None, path)
    refused('no weights found .it holds a, b', path, pick_params, {'a': 1, 'b': 2}, None, path)
    refused('holds a list', path, pick_params, [1], None, path)
    refused('nothing', path, pick_params, {}, None, path)


def test_fitting_weights_pass():
    check_fits(Tiny(), Tiny().state_dict(), 'net.pth')


@pytest.mark.parametrize(('other', 'looks_like', 'counts'), [
    (Tiny(scale=4), 'another scale', r'2 of another shape \(first: last.weight, \(48, 4, 1, 1\) in the file'),
    (Tiny(width=8), 'another width', '9 of another shape'),
    (Tiny(blocks=5), 'another number of blocks', r'4 unexpected \(first: blocks.3.weight\)'),
    (Tiny(blocks=1), 'another number of blocks', r'4 missing \(first: blocks.1.weight\)'),
    (nn.Sequential(nn.Conv2d(3, 3, 1)), 'another architecture', '10 missing .*2 unexpected'),
])
def test_weights_of_another_network_are_described(other, looks_like, counts):
    message = refused(looks_like, Path('net.pth'), check_fits, Tiny(), other.state_dict(), 'some/net.pth')
    assert 'Tiny' in message
    with pytest.raises(CheckpointError, match=counts):
        check_fits(Tiny(), other.state_dict(), 'some/net.pth')


@pytest.mark.parametrize(('mine', 'other', 'looks_like'), [
    (('EfficientSRNet', {'upscale': 4}), ('EfficientSRNet', {'upscale': 2}), 'another scale'),
    (('EfficientSRNet', {'upscale': 2}), ('EfficientSRNet', {'upscale': 4}), 'another scale'),
    (('EfficientSRNet', {}), ('EfficientSRNet', {'num_feat': 16}), 'another width'),
    (('EfficientSRNet', {}), ('EfficientSRNet', {'num_block': 4}), 'another number of blocks'),
    (('SRVGGNetCompact', {}), ('SRVGGNetCompact', {'upscale': 2}), 'another scale'),
    (('SRVGGNetCompact', {}), ('SRVGGNetCompact', {'num_conv': 32}), 'another number of blocks'),
    (('SRVGGNetCompact', {}), ('SRVGGNetCompact', {'num_feat': 32}), 'another width'),
    (('SRVGGNetCompact', {}), ('EfficientSRNet', {}), 'another architecture'),
    (('RRDBNet', {'num_block': 2}), ('RRDBNet', {'num_block': 2, 'scale': 2}), 'another scale'),
    (('RRDBNet', {'num_block': 2}), ('RRDBNet', {'num_block': 3}), 'another number of blocks'),
])
def test_the_registered_networks_are_told_apart(mine, other, looks_like):
    from basicsr.utils.registry import ARCH_REGISTRY

    def build(spec):
        extra = {'num_in_ch': 3, 'num_out_ch': 3, 'num_feat': 8} if spec[0] == 'RRDBNet' else {}
        return ARCH_REGISTRY.get(spec[0])(**extra, **spec[1])

    refused(looks_like, Path('net.pth'), check_fits, build(mine), build(other).state_dict(), 'net.pth')


def test_load_network_loads_values(weights):
    net = Tiny()
    assert load_network(net, weights) == 'params'
    stored = load_file(weights)['params']
    assert all(torch.equal(value, stored[name]) for name, value in net.state_dict().items())
    assert load_network(nn.DataParallel(Tiny()), weights, 'params_ema') == 'params'


def test_load_network_leaves_another_network_alone(weights):
    net = Tiny(scale=4)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    refused('another scale', weights, load_network, net, weights)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_load_network_not_strict(weights):
    net = Tiny(scale=4)
    last = net.last.weight.clone()
    assert load_network(net, weights, strict=False) == 'params'
    assert torch.equal(net.head.weight, load_file(weights)['params']['head.weight'])
    assert torch.equal(net.last.weight, last)
    refused('not one parameter fits', weights, lambda: load_network(nn.Linear(2, 2), weights, strict=False))


def test_sidecar_round_trip(weights):
    info = {'effsr': '0.1.0', 'arch': {'type': 'Tiny', 'args': {'width': 4}}, 'scale': 2, 'iteration': 100,
            'metrics': {'psnr': torch.tensor(28.5), 'ssim': float('nan')}, 'name': 'Übung', 'from': Path('a/b')}
    assert write_sidecar(weights, info) == sidecar_path(weights) == weights.with_name('net.json')
    expected = {**info, 'metrics': {'psnr': 28.5, 'ssim': None}, 'from': 'a/b'}
    assert read_sidecar(weights) == expected
    assert json.loads(weights.with_name('net.json').read_text(encoding='utf-8')) == expected
    assert sorted(path.name for path in weights.parent.iterdir()) == ['net.json', 'net.pth']


def test_sidecar_errors(weights):
    assert read_sidecar(weights) is None
    for content in ('{"a": ', '[1]', '\udcff'):
        sidecar_path(weights).write_text(content, encoding='utf-8', errors='surrogateescape')
        refused('JSON', sidecar_path(weights), read_sidecar, weights)
    with pytest.raises(TypeError):
        write_sidecar(weights, {'a': io.BytesIO()})
