"""BasicSR imports and registers on the current stack, without a warning, in any process."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import subprocess
import sys
from pathlib import Path

import pytest
from basicsr.utils.registry import (
    ARCH_REGISTRY,
    DATASET_REGISTRY,
    METRIC_REGISTRY,
    MODEL_REGISTRY,
    Registry,
)

from effsr import bridge

ROOT = Path(__file__).parents[1]


def test_in_a_fresh_process():
    code = ('import effsr, sys; from basicsr.train import train_pipeline; from basicsr.test import test_pipeline; '
            'import basicsr.metrics.niqe; from basicsr.data.degradations import rgb_to_grayscale; '
            'print(callable(train_pipeline), callable(effsr.build_model))')
    done = subprocess.run([sys.executable, '-W', 'error', '-c', code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr, done.stdout) == (0, '', 'True True\n')


def test_installing_again_changes_nothing():
    before = {name: sys.modules[name] for name in bridge.MOVED}
    bridge.install()
    assert {name: sys.modules[name] for name in bridge.MOVED} == before
    for name, (attribute, home) in bridge.MOVED.items():
        assert getattr(sys.modules[name], attribute) is getattr(home, attribute)


@pytest.mark.parametrize(('registry', 'name'), [
    (MODEL_REGISTRY, 'RealESRNetModel'), (MODEL_REGISTRY, 'RealESRGANModel'), (ARCH_REGISTRY, 'SRVGGNetCompact'),
    (ARCH_REGISTRY, 'UNetDiscriminatorSN'), (DATASET_REGISTRY, 'RealESRGANDataset'),
    (DATASET_REGISTRY, 'PairedImageDataset'), (METRIC_REGISTRY, 'calculate_psnr'), (METRIC_REGISTRY, 'calculate_ssim')])
def test_ours_beside_basicsrs_twin(registry, name):
    assert registry.get(name).__module__.startswith('effsr.')
    assert registry.get(f'{name}_basicsr').__module__.startswith('basicsr.')


def thing(module):
    def function():
        pass
    function.__module__ = module
    return function


def test_claim_renames_basicsrs_entries_alone():
    registry = Registry('test')
    theirs, ours = thing('basicsr.metrics.x'), thing('effsr.metrics.x')
    registry._obj_map |= {'theirs': theirs, 'ours': ours, 'near': thing('basicsr_fork.x')}
    for _ in range(2):
        bridge.claim(registry, 'theirs', 'ours', 'near', 'nothing')
        assert set(registry.keys()) == {'theirs_basicsr', 'ours', 'near'}
    registry._do_register('theirs', ours)
    bridge.claim(registry, 'theirs')
    assert registry.get('theirs') is ours
    assert registry.get('theirs_basicsr') is theirs
