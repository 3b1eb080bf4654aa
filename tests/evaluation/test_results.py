"""What an evaluation found goes through JSON and back."""
import json
import math
from pathlib import Path

import pytest

from effsr.evaluation.results import Contestant, Difference, Evaluation, SetInfo, from_json, to_json
from effsr.metrics.catalogue import MetricInfo


@pytest.fixture
def evaluation():
    psnr = MetricInfo('psnr_y', 'PSNR Y', 'higher', 'dB', 2, True, True, 'on luma')
    fid = MetricInfo('fid', 'FID', 'lower', '', 2, True, False, 'over the set')
    return Evaluation(
        head=('command', 'machine'),
        contestants=(Contestant('bicubic', 'bicubic'),
                     Contestant('a', 'weights', 'a.pth', 'SRVGGNetCompact', {'num_conv': 2}, 4, 'ff', 10, 5, 'told')),
        sets=(SetInfo('Set', ('sub/x', 'y'), 4, True, 'bicubic', 4, ('one is grey',)),),
        metrics=(psnr, fid),
        values={'Set': {'bicubic': {'psnr_y': (28.5, math.inf)}, 'a': {'psnr_y': (30.0, None)}}},
        whole={'Set': {'bicubic': {'psnr_y': math.inf, 'fid': 1.5}, 'a': {'psnr_y': None, 'fid': None}}},
        missing={'Set': {'a': {'psnr_y': 'y: too small', 'fid': 'no weights'}}},
        baseline='bicubic', differences={'Set': {'a': {'psnr_y': Difference(1.5, 1.0, 2.0, 3, True)}}},
        pictures={'Set': {'sub/x': {'a': Path('w/x.png'), 'gt': Path('g/x.png')}}},
        settings={'seed': 0}, environment={'torch': '2'})


def test_json_and_back(evaluation):
    assert from_json(json.loads(json.dumps(to_json(evaluation), allow_nan=False))) == evaluation


def test_other_documents_are_refused(evaluation):
    with pytest.raises(ValueError, match=r'format is None; accepted: effsr\.evaluation/1'):
        from_json({})
    with pytest.raises(ValueError, match=r"not a whole effsr\.evaluation/1: KeyError: 'head'"):
        from_json({'format': 'effsr.evaluation/1'})
