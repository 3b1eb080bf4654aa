"""What tells one run from another: the settings that TensorBoard's table shows."""
import effsr  # noqa: F401  installs the bridge

# isort: split
from effsr.options import settings, validate


def test_settings(plain_options):
    found = settings(validate(plain_options({'degradation': {'jpeg_range': [40, 50]}, 'next': 'x'})))
    assert list(found)[:5] == ['network_g.type', 'train.optim_g.lr', 'train.total_iter',
                               'datasets.train.batch_size_per_gpu', 'gt_size']
    assert found['train.optim_g.lr'] == 1e-3  # Adam's default, and told all the same
    assert found['degradation.jpeg_range'] == '[40.0, 50.0]'
    assert found['scale'] == 2 and found['processes'] == 1 and found['gt_usm'] is False
    assert all(isinstance(value, bool | int | float | str) for value in found.values())
    assert not any(key.split('.')[0] in ('name', 'next', 'logger', 'path', 'runtime') or key.endswith('.name')
                   for key in found)


def test_settings_without_training(plain_options):
    found = settings(validate(plain_options({'train': ..., 'datasets': ..., 'val': ...})))
    assert found['network_g.type'] == 'SRVGGNetCompact' and 'train.ema_decay' not in found
