"""Messages of later stages get the place of the key they begin with."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import pytest

from effsr.options import OptionError, locate

TEXT = """name: x
network_g:
  type: EfficientSRNet
val:
  metrics:
    psnr: {type: calculate_psnr, crop_border: 4}
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'm.yml').write_text(TEXT)
    return 'm.yml'


@pytest.mark.parametrize(('message', 'located'), [
    ('network_g: bad', 'm.yml:2: network_g: bad'),
    ('network_g.type: bad: worse', 'm.yml:3: network_g.type: bad: worse'),
    ('network_g.num_feat: bad', 'm.yml:2: network_g.num_feat: bad'),  # not given: its block's line
    ('val: metrics: psnr: too small', 'm.yml:6: val.metrics.psnr: too small'),
    ('train.lr: bad', 'm.yml: train.lr: bad'),  # a section that is not there
    ('photos/1.png: damaged', 'photos/1.png: damaged'),
    ('name: one\nother: two', 'm.yml:1: name: one\nother: two'),
])
def test_a_key_gets_its_place(file, message, located):
    assert locate(message, file) == located


def test_a_message_that_has_its_place_keeps_it(file, tmp_path):
    (tmp_path / 'train.yml').write_text(TEXT)
    for message in ('train.yml: datasets.train: missing', 'train.yml:3: network_g.type: bad'):
        assert locate(message, 'train.yml') == message


def test_an_override_is_its_own_place(file):
    assert locate('network_g.num_feat: bad', file, ['network_g:num_feat=3']).startswith('--force_yml')


def test_a_file_that_is_gone(file):
    with pytest.raises(OptionError, match='no such option file'):
        locate('name: bad', 'gone.yml')
