"""Weights of networks that effsr has not got, through spandrel; and files that would run code, through any door."""
import effsr  # noqa: F401  registers

# isort: split
import json
import os
import pickle
import zipfile

import pytest
import torch
from torch import nn

from effsr.inference import weights, weights_spandrel
from effsr.inference.weights import load_model
from effsr.inference.weights_spandrel import Enlarged, extended
from effsr.runtime.checkpoint import CheckpointError, save_atomic

SPAN = {'num_in_ch': 3, 'num_out_ch': 3, 'feature_channels': 8, 'upscale': 2}


class Planted:
    def __init__(self, trap):
        self.trap = trap

    def __reduce__(self):
        return os.mkdir, (os.fspath(self.trap),)


def span(seed=0):
    from spandrel.architectures.SPAN import SPAN as Network
    torch.manual_seed(seed)
    return Network(**SPAN).eval()


def swinir():
    from spandrel.architectures.SwinIR import SwinIR as Network
    torch.manual_seed(0)
    return Network(img_size=32, depths=[2], embed_dim=12, num_heads=[2], window_size=8, mlp_ratio=2, upscale=2,
                   upsampler='pixelshuffledirect').eval()


@pytest.mark.parametrize('key', ['params', 'model', None])
def test_a_network_that_only_spandrel_knows(tmp_path, key):
    pytest.importorskip('spandrel')
    net = span()
    save_atomic({key: net.state_dict()} if key else net.state_dict(), tmp_path / 'span.pth')
    model = load_model(tmp_path / 'span.pth')
    assert (model.arch, model.scale, model.multiple, model.key) == ('SPAN', 2, 1, key or 'bare')
    assert 'spandrel' in model.note and model.tiles == 'supported' and not model.net.training
    picture = torch.rand(2, 3, 9, 14)
    with torch.no_grad():
        assert torch.equal(model.net(picture), net(picture))


@pytest.mark.filterwarnings('ignore:torch.meshgrid')
def test_windows_and_least_sizes(tmp_path):
    spandrel = pytest.importorskip('spandrel')
    save_atomic({'params': swinir().state_dict()}, tmp_path / 'a.pth')
    model = load_model(tmp_path / 'a.pth')
    assert (model.arch, model.scale, model.multiple, model.tiles) == ('SwinIR', 2, 8, 'discouraged')
    assert 'tiles may differ' in model.note
    theirs = spandrel.ModelLoader().load_from_file(tmp_path / 'a.pth')
    for size in ((24, 16), (5, 40), (1, 1)):
        picture = torch.rand(1, 3, *size)
        answer = model.net(picture)
        assert answer.shape == (1, 3, 2 * size[0], 2 * size[1])
        torch.testing.assert_close(answer.clamp(0, 1), theirs(picture), rtol=0, atol=1e-6)


def test_windows_that_are_filled_in_another_way(tmp_path):
    """Zeros where we would mirror: then sides are left to the network, and the picture is spandrel's."""
    spandrel = pytest.importorskip('spandrel')
    from spandrel.architectures.OmniSR import OmniSR
    torch.manual_seed(0)
    save_atomic(OmniSR(num_feat=16, block_num=1, window_size=8, up_scale=2, res_num=1).state_dict(), tmp_path / 'a.pth')
    model, theirs = load_model(tmp_path / 'a.pth'), spandrel.ModelLoader().load_from_file(tmp_path / 'a.pth')
    assert model.multiple == 1 and 'windows of 8 pixels' in model.note
    for size in ((21, 34), (5, 7)):
        picture = torch.rand(1, 3, *size)
        torch.testing.assert_close(model.net(picture).clamp(0, 1), theirs(picture), rtol=0, atol=1e-6)


def test_safetensors_too(tmp_path):
    pytest.importorskip('spandrel')
    library = pytest.importorskip('safetensors.torch')
    net = span()
    library.save_file(net.state_dict(), tmp_path / 'a.safetensors')
    picture = torch.rand(1, 3, 8, 8)
    assert torch.equal(load_model(tmp_path / 'a.safetensors').net(picture), net(picture))


def test_what_export_writes_of_such_a_network(tmp_path):
    """safetensors, with an architecture in its head that is spandrel's and names that begin with model."""
    pytest.importorskip('spandrel')
    pytest.importorskip('safetensors')
    from effsr.exporting.writers import WRITERS, Order
    from effsr.inference.backends.facts import facts_of

    save_atomic(span().state_dict(), tmp_path / 'a.pth')
    model = load_model(tmp_path / 'a.pth')
    path, = WRITERS['safetensors'](Order(model, facts_of(model)), tmp_path, 'b')
    again, picture = load_model(path), torch.rand(1, 3, 8, 8)
    assert again.arch == 'SPAN' and again.args == model.args
    assert torch.equal(again.net(picture), model.net(picture))


def test_what_export_writes_of_ones_own_network(tmp_path):
    pytest.importorskip('safetensors')
    from effsr.archs.srvgg_arch import SRVGGNetCompact
    from effsr.exporting.writers import WRITERS, Order
    from effsr.inference.backends.facts import facts_of

    # An activation that leaves no trace in weights: only the head tells it.
    net = SRVGGNetCompact(num_feat=4, num_conv=1, upscale=2, act_type='leakyrelu')
    save_atomic(net.state_dict(), tmp_path / 'a.pth')
    args = {'num_feat': 4, 'num_conv': 1, 'upscale': 2, 'act_type': 'leakyrelu'}
    (tmp_path / 'a.json').write_text(json.dumps({'arch': {'type': 'SRVGGNetCompact', 'args': args}}))
    model = load_model(tmp_path / 'a.pth')
    path, = WRITERS['safetensors'](Order(model, facts_of(model)), tmp_path, 'b')
    again = load_model(path)
    assert (again.arch, again.args, again.scale, again.note) == ('SRVGGNetCompact', args, 2, '')


def test_the_network_can_be_sent_to_another_process(tmp_path):
    pytest.importorskip('spandrel')
    save_atomic(span().state_dict(), tmp_path / 'a.pth')
    net = load_model(tmp_path / 'a.pth').net
    picture = torch.rand(1, 3, 8, 8)
    assert torch.equal(pickle.loads(pickle.dumps(net))(picture), net(picture))


def test_two_structures_of_one_name_have_other_arguments(tmp_path):
    pytest.importorskip('spandrel')
    from spandrel.architectures.SPAN import SPAN as Network
    args = []
    for width in (8, 12):
        save_atomic(Network(**{**SPAN, 'feature_channels': width}).state_dict(), tmp_path / 'a.pth')
        args.append(load_model(tmp_path / 'a.pth').args)
    assert args[0] != args[1]


def test_without_spandrel_the_message_says_what_helps(tmp_path, monkeypatch):
    pytest.importorskip('spandrel')
    save_atomic({'params': span().state_dict()}, tmp_path / 'a.pth')
    monkeypatch.setattr(weights_spandrel, '_spandrel', lambda: None)
    monkeypatch.setattr(weights.importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(CheckpointError, match=r'not recognised .*pip install "effsr\[spandrel\]"'):
        load_model(tmp_path / 'a.pth')


def test_grey_networks_and_those_with_a_mask_are_refused(tmp_path):
    pytest.importorskip('spandrel')
    from spandrel.architectures.SPAN import SPAN as Network
    save_atomic(Network(**{**SPAN, 'num_in_ch': 1, 'num_out_ch': 1}).state_dict(), tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match='SPAN takes 1 channels and gives 1; accepted: networks from RGB'):
        load_model(tmp_path / 'a.pth')


def test_extending_by_hand():
    picture = torch.tensor([[1., 2.]]).expand(1, 1, 1, 2)
    assert extended(picture, 2, 5)[0, 0].tolist() == [[1, 2, 1, 1, 1]] * 2
    assert extended(picture, 1, 2) is picture


def test_square_pictures_alone():
    seen = []
    net = Enlarged(nn.Identity(), 1, 4, True, lambda model, picture: seen.append(picture.shape) or picture)
    assert net(torch.rand(1, 3, 2, 6)).shape == (1, 3, 2, 6) and seen == [(1, 3, 6, 6)]


def planted(path, form, trap):
    """A file of weights with a call in it."""
    content = {'params': {'body.0.weight': torch.zeros(2, 3, 3, 3), 'x': Planted(trap)}}
    if form == 'pickle':
        path.write_bytes(pickle.dumps(content))
        return
    torch.save(content, path, _use_new_zipfile_serialization=form == 'zip')
    if form == 'legacy':
        assert not zipfile.is_zipfile(path)


@pytest.mark.parametrize('form', ['zip', 'legacy', 'pickle'])
@pytest.mark.parametrize('name', ['a.pth', 'a.pt', 'a.ckpt', 'a.safetensors'])
def test_a_file_that_runs_code_is_refused_and_nothing_runs(tmp_path, form, name):
    trap = tmp_path / 'trap'
    planted(tmp_path / name, form, trap)
    with pytest.raises(CheckpointError, match='refused: ') as caught:
        load_model(tmp_path / name)
    assert not trap.exists() and '\n' not in str(caught.value)
    if form == 'zip':  # the same file does run where nobody looks
        with open(tmp_path / name, 'rb') as file:
            torch.load(file, weights_only=False)
        assert trap.exists()


@pytest.mark.filterwarnings('ignore:.torch.jit:FutureWarning')
def test_a_program_is_no_weights(tmp_path):
    traced = torch.jit.trace(nn.Conv2d(3, 3, 3), torch.zeros(1, 3, 4, 4))
    traced.save(tmp_path / 'a.pt')
    with pytest.raises(CheckpointError, match='refused: TorchScript'):
        load_model(tmp_path / 'a.pt')
