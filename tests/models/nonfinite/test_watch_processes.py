"""Two processes, one of which gets what is not finite: both leave the step out, both end or roll back together."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[3]
SCRIPT = """
import json, logging, sys
import effsr
import torch
from torch import distributed as dist, nn
from effsr.models.nonfinite.arrivals import Here
from effsr.models.nonfinite.watch import NonFiniteError, RollBack

class Late(Here):
    def ready(self):
        return False

store, rank, runs = json.loads(sys.argv[1])
torch.set_num_threads(1)
dist.init_process_group('gloo', init_method=f'file://{store}', rank=rank, world_size=2)
told = []
handler = logging.Handler()
handler.emit = lambda record: told.append(record.getMessage())
logging.getLogger('basicsr').addHandler(handler)

def train(model, broken):
    for iteration in range(1, 8):
        gt = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(10 * iteration + rank))
        lq = nn.functional.avg_pool2d(gt, 2)
        if iteration == 2 and not broken:
            continue
        if iteration == 2 and rank == 1:
            lq[1] = float('nan')
        model.feed_data({'lq': lq, 'gt': gt, 'seed': [iteration, 100], 'gt_path': ['a.png', f'{rank}.png']})
        try:
            model.optimize_parameters(iteration)
        except (NonFiniteError, RollBack) as error:
            return [iteration, type(error).__name__, str(error)]

found = {}
for name, (options, late, broken) in runs.items():
    torch.manual_seed(0)
    told.clear()
    model = effsr.build_model({**options, 'dist': True, 'rank': rank, 'world_size': 2})
    if late:
        model.watch._send = Late
        model.watch.may_be_early = False
    ended = train(model, broken)
    weights = [value.tolist() for net in (model.net_g, model.net_g_ema) for value in net.state_dict().values()]
    found[name] = {'told': list(told), 'ended': ended, 'weights': weights, 'skipped': model.watch.skipped}
json.dump(found, sys.stdout)
dist.destroy_process_group()
"""


@pytest.fixture(scope='module')
def found(plain_options, tmp_path_factory):
    """What both processes tell of all runs, and the folder that these write to."""
    folder = tmp_path_factory.mktemp('two')

    def run(name, gan=False, late=False, broken=True, policy='skip'):
        return [plain_options({'datasets': ..., 'val': ..., 'high_order_degradation': False, 'path': {
            'experiments_root': str(folder / name)}, 'train': {'nonfinite': {'policy': policy}}}, gan), late, broken]
    runs = {'skip': run('skip'), 'without': run('without', broken=False),
            'skip gan': run('skip gan', gan=True), 'without gan': run('without gan', gan=True, broken=False)}
    for policy in ('stop', 'rollback'):
        runs[policy] = run(policy, policy=policy)
        runs[f'{policy} late'] = run(f'{policy} late', policy=policy, late=True)
    both = [subprocess.Popen([sys.executable, '-c', SCRIPT, json.dumps([str(folder / 'store'), rank, runs])], cwd=ROOT,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             env={**os.environ, 'OMP_NUM_THREADS': '1'}) for rank in range(2)]
    told = []
    for process in both:
        out, error = process.communicate(timeout=200)
        assert process.returncode == 0, error
        told.append(json.loads(out.splitlines()[-1]))
    return told, folder


@pytest.mark.slow
@pytest.mark.parametrize('gan', ['', ' gan'])
def test_what_one_meets_both_leave_out(found, gan):
    (one, other), folder = found
    name, files = f'skip{gan}', folder / f'skip{gan}' / 'nonfinite'
    assert one[name]['weights'] == other[name]['weights'] == one[f'without{gan}']['weights']
    assert one[name]['skipped'] == other[name]['skipped'] == 1
    line, = [line for line in one[name]['told'] if 'iteration 2' in line]
    assert f'samples: 1.png (seed 100): lq, result; batch written to {files}/2_rank1.json; skipped' in line
    assert torch.load(files / '2_rank1.pth', weights_only=True)['lq'][1].isnan().all()
    assert json.loads((files / '2.json').read_text())['diagnosis']['samples'] == []


@pytest.mark.slow
@pytest.mark.parametrize(('policy', 'error'), [('stop', 'NonFiniteError'), ('rollback', 'RollBack')])
@pytest.mark.parametrize('late', ['', ' late'])
def test_both_end_at_the_same_iteration_for_the_same_reason(found, policy, error, late):
    one, other = (told[f'{policy}{late}']['ended'] for told in found[0])
    assert one == other and one[:2] == [6 if late else 2, error]
    assert 'iteration 2: ' in one[2] and '1.png (seed 100)' in one[2]
