"""Tables of an evaluation: what is bold, empty, or no significant difference."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import pytest

from effsr.evaluation.presentation import as_csv, as_markdown_text, as_terminal
from effsr.evaluation.results import Contestant, Difference, Evaluation, SetInfo
from effsr.metrics.scorer import MetricInfo

PSNR = MetricInfo('psnr_y', 'PSNR Y', 'higher', 'dB', 2, True, True, 'on luma')
NIQE = MetricInfo('niqe', 'NIQE', 'lower', '', 1, False, True, 'on luma')


@pytest.fixture
def evaluation():
    return Evaluation(
        head=('a line',),
        contestants=(Contestant('bicubic', 'bicubic'), Contestant('a', 'weights', steps=1500, parameters=12345),
                     Contestant('b', 'weights', note='relu assumed')),
        sets=(SetInfo('S', ('x', 'y', 'z'), 4, True, 'bicubic', 4), SetInfo('T', ('x',), 4, False, 'given', 4)),
        metrics=(PSNR, NIQE),
        values={'S': {'bicubic': {'psnr_y': (1.0, 2.0, 3.0), 'niqe': (5.0,) * 3},
                      'a': {'psnr_y': (2.0, 3.0, 4.0), 'niqe': (5.0, 4.0, 6.0)},
                      'b': {'psnr_y': (2.0, None, 4.0), 'niqe': (4.9,) * 3}},
                'T': {name: {'psnr_y': (None,), 'niqe': (3.0,)} for name in ('bicubic', 'a', 'b')}},
        whole={'S': {'bicubic': {'psnr_y': 2.0, 'niqe': 5.0}, 'a': {'psnr_y': 3.0, 'niqe': 5.0},
                     'b': {'psnr_y': None, 'niqe': 4.9}},
               'T': {name: {'psnr_y': None, 'niqe': 3.0} for name in ('bicubic', 'a', 'b')}},
        missing={'S': {'bicubic': {}, 'a': {}, 'b': {'psnr_y': '1 of 3 pictures failed: y: odd'}},
                 'T': {name: {'psnr_y': 'the set has no ground truth'} for name in ('bicubic', 'a', 'b')}},
        baseline='bicubic',
        differences={'S': {'a': {'psnr_y': Difference(1.0, 0.5, 1.5, 3, True),
                                 'niqe': Difference(0.0, -0.6, 0.6, 3, False)},
                           'b': {'niqe': Difference(-0.1, -0.1, -0.1, 3, True)}},
                     'T': {'a': {'niqe': Difference(0.0, 0.0, 0.0, 1, None)}}},
        pictures={}, settings={}, environment={})


def test_terminal(evaluation):
    text = as_terminal(evaluation)
    lines = text.splitlines()
    assert lines[0] == 'a line' and 'S x4, 3 pictures' in lines and 'T x4, 1 picture, no ground truth' in lines
    assert [line.split() for line in lines if line.startswith(('a ', 'b ')) and 'line' not in line] == [
        ['a', '1,500', '12,345', '3.00', '5.0'], ['b', 'unknown', '-', '-', '[1]', '4.9'],
        ['a', '+1.00', '[+0.50,', '+1.50]', '+0.0', '[-0.6,', '+0.6]', 'n.s.'],
        ['b', '-', '-0.1', '[-0.1,', '-0.1]'],
        ['a', '1,500', '12,345', '-', '[2]', '3.0'], ['b', 'unknown', '-', '-', '[2]', '3.0'],
        ['a', '+0.0', '[-]']]
    for note in ('[1] 1 of 3 pictures failed: y: odd', '[2] the set has no ground truth', 'b: relu assumed',
                 'S: no significant difference between a and bicubic in NIQE (n.s.: the interval holds 0)',
                 '[-]: fewer than 3 pictures, no interval can be given'):
        assert note in lines, note


def test_markdown_has_the_best_in_bold(evaluation):
    text = as_markdown_text(evaluation)
    assert '| a | 1,500 | 12,345 | **3.00** | 5.0 |' in text and '| b | unknown | - | - [1] | **4.9** |' in text
    assert '| model | steps | parameters | PSNR Y dB | NIQE (lower) |' in text


def test_csv(evaluation):
    lines = as_csv(evaluation).splitlines()
    assert lines[0] == 'set,contestant,steps,parameters,metric,picture,value,reason'
    assert 'S,a,1500,12345,psnr_y,x,2.0,' in lines and 'S,a,1500,12345,psnr_y,(all),3.0,' in lines
    assert 'S,b,,,psnr_y,y,,' in lines and 'S,b,,,psnr_y,(all),,1 of 3 pictures failed: y: odd' in lines
    assert len(lines) == 1 + 3 * 2 * (4 + 2)
