"""`effsr/benchmark.py discriminators` as its user meets it."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import json

import pytest
import torch

from effsr import benchmark
from effsr.benchmarks import discriminators
from effsr.benchmarks.discriminators import NONE, REFERENCE, Cost
from effsr.models.components import build_network
from effsr.options import as_options

TINY = {REFERENCE: {'type': 'UNetDiscriminatorSN', 'num_in_ch': 3, 'num_feat': 4},
        'compact, 4': {'type': 'CompactDiscriminator', 'num_feat': 4}}


def test_the_whole_command(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(discriminators, 'DISCRIMINATORS', TINY)
    monkeypatch.setattr(discriminators, 'GENERATOR', {**discriminators.GENERATOR, 'num_feat': 4, 'num_conv': 1})
    assert benchmark.main(['discriminators', '--batch', '1', '--gt_size', '48', '--rounds', '2', '--threads', '1',
                           '--device', 'cpu', '--json', str(tmp_path / 'd.json'), '--markdown',
                           str(tmp_path / 'd.md')]) == 0
    out = capsys.readouterr().out
    for words in ('SRVGGNetCompact 4/1, scale 4', 'batch 1', 'gt 48', NONE, *TINY, 'GFLOP a pass'):
        assert words in out, words
    document = json.loads((tmp_path / 'd.json').read_text())
    assert document['what'] == 'benchmark discriminators' and document['settings']['gt_size'] == 48
    assert document['command'].startswith('python effsr/benchmark.py discriminators --batch 1')
    plain = document['values']
    assert list(plain['costs']) == [NONE, *TINY]
    assert all(len(cost['seconds']) == 1 for cost in plain['costs'].values())
    assert plain['costs'][REFERENCE]['flops'] > 3 * plain['costs']['compact, 4']['flops']
    assert '**Discriminators**' in (tmp_path / 'd.md').read_text()


def test_the_table_by_hand():
    table = discriminators.as_table({NONE: Cost(0, 0, [1.0, 1.0]), REFERENCE: Cost(2000, 3 * 10**9, [4.0, 5.0]),
                                     'small': Cost(10, 10**7, [2.0, 2.0])})
    assert table.rows == ((NONE, '0', '0.00', '1000', '', '4.50 (4.00-5.00)'),
                          (REFERENCE, '2,000', '3.00', '4500', '78%', '1.00 (1.00-1.00)'),
                          ('small', '10', '0.01', '2000', '50%', '2.25 (2.00-2.50)'))


@pytest.mark.parametrize('block', discriminators.DISCRIMINATORS.values(), ids=discriminators.DISCRIMINATORS)
def test_every_discriminator_takes_the_sizes_that_are_accepted(block):
    options = as_options(discriminators.plain_options(block, torch.device('cpu')))
    assert options.network_d.type == block['type'] and options.train.gan_opt is not None
    with torch.device('meta'):  # sizes alone
        net = build_network(options.network_d, 'network_d')
        for side in (discriminators.SMALLEST, discriminators.SMALLEST + discriminators.STEP):
            net(torch.empty(1, 3, side, side))


@pytest.mark.parametrize(('flags', 'says'), [
    (['--gt_size', '40'], '--gt_size 40; accepted: 48 or more'), (['--gt_size', '60'], 'a multiple of 16'),
    (['--rounds', '1'], '--rounds 1; accepted: 2 or more')])
def test_flags_that_are_refused(flags, says, capsys):
    assert benchmark.main(['discriminators', *flags]) == 1
    assert says in capsys.readouterr().err
