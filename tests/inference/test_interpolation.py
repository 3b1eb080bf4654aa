"""Weights between those of two trainings."""
import effsr

# isort: split
import json

import pytest
import torch
from basicsr.utils.registry import ARCH_REGISTRY

import effsr.interpolate
from effsr.inference.interpolation import interpolate, interpolate_files
from effsr.inference.weights import load_model
from effsr.runtime.checkpoint import CheckpointError, load_file, save_atomic
from effsr.runtime.sidecar import write_sidecar

RRDB = {'num_feat': 8, 'num_block': 1, 'num_grow_ch': 4}


def weights(seed, arch='RRDBNet', args=None):
    torch.manual_seed(seed)
    return ARCH_REGISTRY.get(arch)(**(RRDB if args is None else args)).state_dict()


@pytest.fixture
def files(tmp_path):
    """files(a, b): two files of what they are to hold."""
    def write(first, second):
        for name, content in (('a', first), ('b', second)):
            save_atomic(content, tmp_path / f'{name}.pth')
        return tmp_path / 'a.pth', tmp_path / 'b.pth'
    return write


def test_by_hand():
    mixed = interpolate({'w': torch.tensor([0.0, 2.0]), 'n': torch.tensor(3)},
                        {'w': torch.tensor([1.0, -2.0]), 'n': torch.tensor(5)}, 0.75)
    assert torch.equal(mixed['w'], torch.tensor([0.75, -1.0])) and mixed['n'] == 5
    assert interpolate({'n': torch.tensor(3)}, {'n': torch.tensor(5)}, 0.25)['n'] == 3


def test_its_ends_are_the_two_themselves():
    first, second = weights(0), weights(1)
    for alpha, expected in ((0.0, first), (1.0, second)):
        mixed = interpolate(first, second, alpha)
        assert all(torch.equal(mixed[name], expected[name]) for name in expected)
    half = {name: value.half() for name, value in first.items()}
    assert {value.dtype for value in interpolate(half, second, 0.5).values()} == {torch.float16}


@pytest.mark.parametrize(('second', 'alpha', 'match'), [
    ({'w': torch.zeros(2)}, 1.5, 'alpha is 1.5; accepted: from 0'),
    ({'w': torch.zeros(2)}, float('nan'), 'alpha is nan'),
    ({}, 0.5, 'the second has no w; accepted: two trainings of one network'),
    ({'w': torch.zeros(2), 'x': torch.zeros(1)}, 0.5, 'the first has no x'),
    ({'w': torch.zeros(3)}, 0.5, r'w is \(2,\) in the first and \(3,\) in the second'),
    ({'w': torch.tensor([1.0, float('nan')])}, 0.5, 'w is not finite'),
])
def test_what_cannot_be_interpolated_is_named(second, alpha, match):
    with pytest.raises(ValueError, match=match):
        interpolate({'w': torch.zeros(2)}, second, alpha)


def test_files_and_what_is_beside_them(files, tmp_path):
    first, second = weights(0), weights(1)
    a, b = files({'params': first, 'params_ema': second}, {'params': second, 'params_ema': first})
    write_sidecar(b, {'arch': {'type': 'RRDBNet', 'args': RRDB}, 'scale': 4})
    done = interpolate_files(a, b, 0.25, tmp_path / 'out' / 'c.pth', version='1')
    assert (done.entries, done.arch, done.note) == (('params', 'params_ema'), 'RRDBNet', '')
    loaded = load_file(done.path)
    for key, (one, two) in {'params': (first, second), 'params_ema': (second, first)}.items():
        expected = interpolate(one, two, 0.25)
        assert all(torch.equal(loaded[key][name], expected[name]) for name in expected)
    info = json.loads((tmp_path / 'out' / 'c.json').read_text())
    assert info['arch'] == {'type': 'RRDBNet', 'args': RRDB} and info['scale'] == 4 and info['effsr'] == '1'
    assert info['interpolated'] == {'formula': '(1 - alpha) * first + alpha * second', 'first': a.as_posix(),
                                    'second': b.as_posix(), 'alpha': 0.25}
    assert load_model(done.path).arch == 'RRDBNet'


@pytest.mark.parametrize(('first', 'second', 'entries'), [
    (lambda w: w, lambda w: {'params': w}, ('params',)),
    (lambda w: {'state_dict': w}, lambda w: w, ('params',)),
    (lambda w: {'params': w, 'params_ema': w}, lambda w: {'params': w}, ('params', 'params_ema')),
    (lambda w: {'params_ema': w}, lambda w: {'params': w}, ('params', 'params_ema')),
])
def test_an_entry_that_one_lacks_is_made_of_what_it_has(files, tmp_path, first, second, entries):
    a, b = files(first(weights(0)), second(weights(1)))
    done = interpolate_files(a, b, 0.5, tmp_path / 'c.pth')
    assert done.entries == entries and done.arch == 'RRDBNet'
    loaded = load_file(done.path)
    expected = interpolate(weights(0), weights(1), 0.5)
    assert all(torch.equal(loaded[key][name], expected[name]) for key in entries for name in expected)


@pytest.mark.parametrize(('one', 'two', 'match'), [
    ({'type': 'RRDBNet', 'args': RRDB}, {'type': 'SRResNet'}, 'of RRDBNet and of SRResNet'),
    ({'type': 'RRDBNet', 'args': RRDB}, {'type': 'RRDBNet', 'args': {**RRDB, 'residual_scale': 0.1}},
     'residual_scale of RRDBNet is 0.2 and 0.1'),
    ({'type': 'RRDBNet', 'args': RRDB}, {'type': 'RRDBNet', 'args': {**RRDB, 'residual_scale': 0.2}}, None),
    ({'type': 'Own', 'args': {'a': 1}}, {'type': 'Own', 'args': {'a': 2}}, 'a of Own is 1 and 2'),
])
def test_networks_that_differ_where_weights_do_not(files, tmp_path, one, two, match):
    a, b = files({'params': weights(0)}, {'params': weights(1)})
    for path, arch in ((a, one), (b, two)):
        write_sidecar(path, {'arch': arch, 'scale': 4})
    if match is None:
        assert interpolate_files(a, b, 0.5, tmp_path / 'c.pth').arch == 'RRDBNet'
        return
    with pytest.raises(CheckpointError, match=match):
        interpolate_files(a, b, 0.5, tmp_path / 'c.pth')
    assert not (tmp_path / 'c.pth').exists()


def test_batch_normalisation_is_told(files, tmp_path):
    args = {'num_feat': 4, 'num_block': 1, 'upscale': 2}
    a, b = files(*({'params': weights(seed, 'SRResNet', args)} for seed in (0, 1)))
    assert 'running statistics' in interpolate_files(a, b, 0.5, tmp_path / 'c.pth').note
    assert not interpolate_files(a, b, 1, tmp_path / 'd.pth').note


def test_weights_of_no_known_network(files, tmp_path):
    a, b = files({'w': torch.zeros(2)}, {'w': torch.ones(2)})
    assert interpolate_files(a, b, 0.5, tmp_path / 'c.pth').arch == ''
    assert 'arch' not in json.loads((tmp_path / 'c.json').read_text())


def test_the_command_line(files, tmp_path, capsys):
    a, b = files({'params': weights(0)}, {'params': weights(1)})
    command = [str(a), str(b), '--alpha', '0.8', '-o', str(tmp_path / 'c.pth')]
    assert effsr.interpolate.main(command) == 0
    out = capsys.readouterr().out
    assert f'written  {tmp_path}/c.pth (params; RRDBNet): 0.2 x {a} + 0.8 x {b}' in out
    assert f'upscale.py -i PHOTO_OR_FOLDER -m {tmp_path}/c.pth' in out
    before = (tmp_path / 'c.pth').read_bytes()
    for change, message in {
            (): 'c.pth: exists; pass --overwrite to replace it', ('--alpha', '2'): 'alpha is 2.0; accepted: from 0',
            ('-o', str(a)): 'a.pth: is one of the two to interpolate; choose another -o',
            ('-o', str(tmp_path / 'c.json')): 'c.json: a file of weights ends in .pth; accepted: such as c.pth',
            ('--import', 'no_such_module_here'): "No module named 'no_such_module_here'"}.items():
        assert effsr.interpolate.main([*command, *change]) == 1
        err = capsys.readouterr().err
        assert err.startswith('interpolate: ') and message in err and err.count('\n') == 1
    assert (tmp_path / 'c.pth').read_bytes() == before
    assert effsr.interpolate.main([*command, '--overwrite', '--alpha', '0.1']) == 0
    assert (tmp_path / 'c.pth').read_bytes() != before
    (tmp_path / 'c.pth').unlink()
    assert effsr.interpolate.main(command) == 1
    assert 'c.json: exists' in capsys.readouterr().err


@pytest.mark.parametrize('dtype', [torch.float64, torch.float16])
def test_ends_are_the_networks_themselves_bit_for_bit(dtype):
    first = {'a': torch.tensor([1 / 3, -0.0, 1e-7], dtype=dtype)}
    second = {'a': torch.tensor([2 / 3, 5.0, -0.0], dtype=dtype)}
    for alpha, wanted in ((0, first), (1, second)):
        mixed = interpolate(first, second, alpha)['a']
        assert mixed.numpy().tobytes() == wanted['a'].numpy().tobytes()
        assert mixed.data_ptr() != wanted['a'].data_ptr()


def test_double_precision_is_kept():
    mixed = interpolate({'a': torch.tensor([1 / 3], dtype=torch.float64)},
                        {'a': torch.tensor([1 / 7], dtype=torch.float64)}, 0.25)['a']
    assert mixed.item() == 0.75 * (1 / 3) + 0.25 * (1 / 7)
