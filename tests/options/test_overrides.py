"""--force_yml: values are YAML, keys may be new, mistakes name the entry."""
import pytest

from effsr.options import OptionError, load_options

TEXT = """\
network_g: {type: EfficientSRNet, num_feat: 8}
datasets:
  train: {type: RealESRGANDataset, dataroot_gt: x}
train:
  total_iter: 10
  optim_g: {type: Adam, lr: 1}
  pixel_opt: {type: L1Loss}
"""


@pytest.fixture
def load(tmp_path):
    path = tmp_path / 'f.yml'
    path.write_text(TEXT)
    return lambda *overrides: load_options(path, overrides, check_files=False)


def test_values_are_yaml(load):
    options = load('train:total_iter=1e2', 'train:optim_g:lr=2e-4', 'train:optim_g:betas=[0.9, 0.99]',
                   'train:pixel_opt=~', 'network_g:num_feat=16', 'queue_size=0', 'gt_usm=false', 'name=a=b',
                   'next="python x --a=1"', 'datasets:train:use_rot=false')
    assert options.train.total_iter == 100
    assert options.train.optim_g.arguments == {'lr': 2e-4, 'betas': [0.9, 0.99]}
    assert options.train.pixel_opt is None
    assert options.network_g.arguments == {'num_feat': 16}
    assert (options.queue_size, options.gt_usm, options.name) == (0, False, 'a=b')
    assert options.next == 'python x --a=1'
    assert options.datasets['train'].use_rot is False


def test_known_keys_are_created(load):
    options = load('val:tile=64', 'val:metrics:psnr:type=calculate_psnr', 'val:metrics:psnr:crop_border=4',
                   'degradation:jpeg_range=[50, 60]',
                   'train:scheduler={type: MultiStepLR, milestones: [5]}')
    assert options.val.tile == 64
    assert options.val.metrics['psnr'].type == 'calculate_psnr'
    assert options.degradation.jpeg_range == (50, 60)
    assert options.train.scheduler.arguments == {'milestones': [5]}


def test_a_flat_degradation_key(load):
    assert load('jpeg_range=[50, 60]').degradation.jpeg_range == (50, 60)


def test_the_last_one_counts(load):
    assert load('train:total_iter=5', 'train:total_iter=6').train.total_iter == 6


@pytest.mark.parametrize(('entry', 'message'), [
    ('train', '--force_yml train: write key:subkey=value'),
    ('=3', '--force_yml =3: write key:subkey=value'),
    ('train::lr=3', '--force_yml train::lr=3: write key:subkey=value'),
    ('train:total_iter:x=3', '--force_yml train:total_iter:x=3: train:total_iter holds a value'),
    ('scale=[1', '--force_yml scale=[1:1: while parsing a flow sequence'),
    ('name=!!python/name:os.system', '--force_yml name=!!python/name:os.system:1: the tag !!python/name:os.system is '
     'refused: only plain YAML is read, an option file cannot run code'),
    ('train.total_iter=3', '--force_yml: train.total_iter: unknown option; write train:total_iter on the command line'),
    ('train:optim_g.lr=3', '--force_yml: train.optim_g.lr: unknown option; write train:optim_g:lr on the command line'),
    ('network_g.num_feat=3', '--force_yml: network_g.num_feat: unknown option; write network_g:num_feat on'),
    ('lr=3', '--force_yml: lr: unknown option here; it belongs to train.optim_g.lr'),
    ('train:ema_decy=0.9', '--force_yml: train.ema_decy: unknown option; did you mean ema_decay?'),
    ('trian:total_iter=3', '--force_yml: trian: unknown option; did you mean train?'),
    ('train:total_iter=x', "--force_yml: train.total_iter: is 'x'; accepted: a whole number"),
    ('train:optim_g={lr: 1}', '--force_yml: train.optim_g.type: missing'),
    ('jpeg_range=[9, 1]', '--force_yml: degradation.jpeg_range: jpeg_range is [9.0, 1.0]'),
    ('jpeg_range=[9, x]', "--force_yml: degradation.jpeg_range.1: is 'x'; accepted: a number"),
])
def test_mistakes(load, entry, message):
    with pytest.raises(OptionError) as caught:
        load(entry)
    assert str(caught.value).startswith(message)
    assert len(str(caught.value).splitlines()) == 1


def test_a_value_is_not_evaluated(load, tmp_path):
    load(f'next=__import__("os").mkdir("{(tmp_path / "trap").as_posix()}")')
    assert not (tmp_path / 'trap').exists()
