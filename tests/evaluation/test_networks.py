"""Exported files stand beside weights in an evaluation."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import json

import numpy as np
import pytest
import torch

from effsr import evaluate
from effsr.archs.srvgg_arch import SRVGGNetCompact
from effsr.data.image_io import write_rgb
from effsr.evaluation.networks import open_network, parameters_of
from effsr.inference.backends.facts import facts_of
from effsr.inference.backends.libraries import missing
from effsr.inference.weights import load_model
from effsr.runtime.checkpoint import save_atomic

pytestmark = [pytest.mark.skipif(bool(missing(('onnx', 'onnxscript', 'onnxruntime'))), reason='needs the extra onnx'),
              pytest.mark.filterwarnings('ignore::DeprecationWarning', 'ignore::FutureWarning')]


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """Weights and their export."""
    from effsr.exporting.writers import WRITERS, Order

    folder = tmp_path_factory.mktemp('files')
    torch.manual_seed(0)
    save_atomic({'params': SRVGGNetCompact(num_feat=4, num_conv=1, upscale=2).state_dict()}, folder / 'net.pth')
    model = load_model(folder / 'net.pth')
    exported, = WRITERS['onnx'](Order(model, facts_of(model)), folder, 'fast')
    return folder / 'net.pth', exported


def test_it_gives_what_the_weights_give(files):
    weights, exported = map(open_network, files)
    assert exported.arch == weights.arch and exported.scale == 2 and 'onnxruntime' in exported.note
    assert parameters_of(exported) is None and parameters_of(weights) > 0
    picture = torch.rand(1, 3, 9, 8)
    torch.testing.assert_close(exported.net(picture), weights.net(picture), rtol=0, atol=1e-5)


def test_both_in_one_table(files, tmp_path, capsys):
    (tmp_path / 'HR').mkdir()
    write_rgb(tmp_path / 'HR/a.png', np.random.default_rng(0).integers(0, 256, (32, 40, 3), np.uint8))
    assert evaluate.main(['-m', *map(str, files), '-d', f'one={tmp_path / "HR"}', '--work', str(tmp_path / 'work'),
                          '--processes', '1', '--device', 'cpu', '--json', str(tmp_path / 'e.json')]) == 0
    whole = json.loads((tmp_path / 'e.json').read_text())['values']['whole']['one']
    assert whole['fast']['psnr_y'] == pytest.approx(whole['net']['psnr_y'], abs=0.01)
    assert 'fast' in capsys.readouterr().out
