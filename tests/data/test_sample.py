"""The sample photographs appear once, whole, split by scene."""
import shutil

import pytest
from PIL import Image

from effsr.data import sample
from effsr.data.image_io import image_size
from effsr.data.sample import write_sample_photographs


def test_written_once_and_split_by_scene(tmp_path):
    folder = tmp_path / 'datasets' / 'sample'
    assert write_sample_photographs(folder) is True
    train, val = ({path.name for path in (folder / part).iterdir()} for part in ('train', 'val'))
    assert len(train) == 6
    assert val == {'chelsea.png', 'coffee.png'}
    assert not {name.split('_')[0].split('.')[0] for name in train} & {'chelsea', 'coffee'}
    assert {'motorcycle_left.png', 'motorcycle_right.png'} <= train
    assert all(min(image_size(path)) >= 160 for path in folder.rglob('*.png'))
    with Image.open(folder / 'train' / 'camera.png') as grey:
        assert (grey.mode, grey.format) == ('RGB', 'PNG')
    assert list(folder.parent.iterdir()) == [folder]
    (folder / 'val' / 'coffee.png').unlink()
    assert write_sample_photographs(folder) is False
    assert not (folder / 'val' / 'coffee.png').exists()


@pytest.fixture
def two(monkeypatch):
    monkeypatch.setattr(sample, 'TRAIN', ('rocket.jpg',))
    monkeypatch.setattr(sample, 'VAL', ('coffee.png',))


def test_a_failing_write_leaves_nothing(tmp_path, two, monkeypatch):
    save = Image.Image.save

    def fail(self, path, *args, **kwargs):
        if 'coffee' in str(path):
            raise OSError(28, 'No space left on device')
        save(self, path, *args, **kwargs)
    monkeypatch.setattr(Image.Image, 'save', fail)
    with pytest.raises(ValueError, match=r'sample: sample photographs cannot be written: .*No space left.*dataroot_gt'):
        write_sample_photographs(tmp_path / 'sample')
    assert list(tmp_path.iterdir()) == []


def test_a_missing_photograph(tmp_path, two, monkeypatch):
    monkeypatch.setattr(sample, 'VAL', ('nothing.png',))
    with pytest.raises(ValueError, match=r'nothing\.png'):
        write_sample_photographs(tmp_path / 'sample')
    assert list(tmp_path.iterdir()) == []


def test_two_processes_at_once(tmp_path, two, monkeypatch):
    replace = sample.os.replace

    def slower(source, target):
        shutil.copytree(source, target)  # the other process is done now
        replace(source, target)
    monkeypatch.setattr(sample.os, 'replace', slower)
    assert write_sample_photographs(tmp_path / 'sample') is False
    assert [path.name for path in tmp_path.iterdir()] == ['sample']


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(ValueError, match='cannot be written'):
        write_sample_photographs(tmp_path / 'file' / 'sample')
