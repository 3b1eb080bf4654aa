"""safetensors files: told by content, read without running anything, with words in their head."""
import json
import struct

import pytest
import torch

from effsr.runtime.checkpoint import CheckpointError, load_file, pick_params
from effsr.runtime.safe_file import is_safetensors, read_words
from effsr.runtime.sidecar import read_sidecar, write_sidecar

WORDS = {'arch': 'SRVGGNetCompact', 'args': {'upscale': 4}, 'scale': 4, 'effsr': '0.1'}
INFO = {'effsr': '0.1', 'arch': {'type': 'SRVGGNetCompact', 'args': {'upscale': 4}}, 'scale': 4}


def by_hand(path, words=None):
    """One tensor of three floats, as the format's description has it."""
    head = {'a.weight': {'dtype': 'F32', 'shape': [3], 'data_offsets': [0, 12]}}
    text = json.dumps({**head, **({'__metadata__': words} if words else {})}).encode()
    path.write_bytes(struct.pack('<Q', len(text)) + text + struct.pack('<3f', 1, 2, 3))
    return path


@pytest.mark.parametrize('name', ['a.safetensors', 'a.pth'])
def test_a_file_is_told_by_its_content(tmp_path, name):
    path = by_hand(tmp_path / name)
    state, key = pick_params(load_file(path), path=path)
    assert key == 'bare' and state['a.weight'].tolist() == [1, 2, 3]


def test_words_come_back_and_a_file_beside_has_precedence(tmp_path):
    path = by_hand(tmp_path / 'a.safetensors', {'effsr': json.dumps(WORDS)})
    assert read_words(path) == INFO == read_sidecar(path)
    write_sidecar(path, {'iteration': 5})
    assert read_sidecar(path) == {'iteration': 5}


def test_words_of_others_and_other_files_say_nothing(tmp_path):
    assert read_words(by_hand(tmp_path / 'a.safetensors', {'format': 'pt', 'arch': 'x'})) is None
    assert read_words(by_hand(tmp_path / 'b.safetensors')) is None
    for text in ('0.1', 'no JSON', '[1]'):
        assert read_words(by_hand(tmp_path / 'b.safetensors', {'effsr': text})) is None
    torch.save({}, tmp_path / 'c.pth')
    (tmp_path / 'd.safetensors').write_bytes(struct.pack('<Q', 9) + b'{broken')
    assert [read_words(tmp_path / name) for name in ('c.pth', 'd.safetensors', 'none')] == [None] * 3


def test_damaged_files_are_one_line(tmp_path):
    whole = by_hand(tmp_path / 'a.safetensors').read_bytes()
    for length in (12, 40, len(whole) - 1):
        (tmp_path / 'b.safetensors').write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match=r'b\.safetensors: .*whole \.safetensors file') as caught:
            load_file(tmp_path / 'b.safetensors')
        assert '\n' not in str(caught.value)
    with pytest.raises(CheckpointError, match=r'no\.safetensors: no such file'):
        load_file(tmp_path / 'no.safetensors')


def test_the_beginning_of_other_files_is_not_one(tmp_path):
    for head in (b'', b'\x80\x02}q\x00{aaaa', b'PK\x03\x04aaaa{', struct.pack('<Q', 0) + b'{'):
        assert not is_safetensors(head)


def test_without_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'safetensors.torch', None)
    with pytest.raises(CheckpointError, match='needs the package safetensors, .*; pip install safetensors'):
        load_file(by_hand(tmp_path / 'a.safetensors'))
