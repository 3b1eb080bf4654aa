"""Free memory, by the system and by a container's limit; what a network takes."""
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from effsr.inference import memory
from effsr.inference.engine import OutOfMemory
from effsr.inference.memory import SCRATCH, as_out_of_memory, free_memory, measure_bytes

CPU = torch.device('cpu')


def test_free_memory_is_a_number_of_bytes():
    assert 2**20 < free_memory(CPU) < 2**50


@pytest.mark.parametrize(('limit', 'used', 'free'), [('3000000', 1000000, 2000500), ('max', 5, None),
                                                     ('9223372036854771712', 5, None), ('1000', 9000, 0)])
def test_a_containers_limit_counts(tmp_path, monkeypatch, limit, used, free):
    (tmp_path / 'memory.max').write_text(limit + '\n')
    (tmp_path / 'memory.current').write_text(f'{used}\n')
    (tmp_path / 'memory.stat').write_text('anon 7\ninactive_file 500\n')
    monkeypatch.setattr(memory, 'GROUPS', ((str(tmp_path), 'memory.max', 'memory.current'),))
    monkeypatch.setattr(memory, '_available', lambda: 2**30)
    assert free_memory(CPU) == (2**30 if free is None else free)


def test_without_any_answer_two_gigabytes_are_assumed(monkeypatch):
    monkeypatch.setattr(memory, 'GROUPS', ())
    monkeypatch.setattr(memory, '_available', lambda: None)
    assert free_memory(CPU) == 2 * 1024**3


@pytest.mark.parametrize('error', [MemoryError(), torch.OutOfMemoryError('CUDA'), RuntimeError('cannot get memory')])
def test_all_ways_to_run_out_are_one(error):
    with pytest.raises(OutOfMemory), as_out_of_memory():
        raise error


def test_other_errors_stay():
    with pytest.raises(RuntimeError, match='shapes'), as_out_of_memory():
        raise RuntimeError('shapes do not fit')


def test_bytes_of_what_is_alive_at_once():
    def run(tiles):
        wide = tiles.repeat(1, 4, 1, 1)  # 12 channels of 4 bytes
        return wide.sum(1, keepdim=True)  # 1 more, while the others are there

    assert measure_bytes(run, CPU) == pytest.approx(SCRATCH * 13 * 4)


def test_what_was_let_go_is_not_counted():
    def run(tiles):
        for _ in range(5):
            tiles = tiles + 1
        return tiles

    # A result, and what it is made from.
    assert measure_bytes(run, CPU) == pytest.approx(SCRATCH * 2 * 3 * 4)


OUT_OF_MEMORY = """
import resource
from pathlib import Path
import numpy as np
import torch
import effsr
from effsr.archs.srvgg_arch import SRVGGNetCompact
from effsr.inference.engine import EngineSettings, open_engine
from effsr.inference.plan import Plan
from effsr.inference.streaming import upscale_stream
from effsr.inference.weights import LoadedModel

class Rows:
    count = 0
    def write(self, rows):
        self.count += len(rows)

torch.set_num_threads(1)
model = LoadedModel(SRVGGNetCompact(num_feat=16, num_conv=1).eval(), 'SRVGGNetCompact', {}, 4, Path('x'), 'bare')
engine = open_engine(model, EngineSettings(precision='fp32', device='cpu'))
rows, pixels = Rows(), np.zeros((500, 500, 3), np.uint8)
upscale_stream(engine, pixels[:40], Rows(), Plan(tile=64))
used = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 130 * 2**20, resource.RLIM_INFINITY))
report = upscale_stream(engine, pixels, rows, Plan(tile=500), print)
print('rows', rows.count, 'retries', report.retries)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != 'linux', reason='the limit of a process that Linux keeps')
def test_memory_that_really_runs_out_makes_smaller_tiles():
    done = subprocess.run([sys.executable, '-c', OUT_OF_MEMORY], capture_output=True, text=True, timeout=120,
                          cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert 'out of memory with tiles of 500x500; trying again with tiles of 500x2' in done.stdout
    assert 'rows 2000 retries' in done.stdout
