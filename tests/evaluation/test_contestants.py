"""What -m says."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import numpy as np
import pytest

from effsr.data.image_io import write_rgb
from effsr.evaluation.contestants import parse_model


@pytest.fixture(autouse=True)
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ('run/models/net_g_latest.pth', 'run/models/net_g_30.pth', 'other/x.pth', 'a=b.pth'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b'')
    (tmp_path / 'results').mkdir()
    write_rgb(tmp_path / 'results/a.png', np.zeros((2, 2, 3), np.uint8))


@pytest.mark.parametrize(('text', 'name', 'kind'), [
    ('bicubic', 'bicubic', 'bicubic'), ('base=bicubic', 'base', 'bicubic'), ('lanczos', 'lanczos', 'lanczos'),
    ('run/models/net_g_latest.pth', 'run_latest', 'weights'), ('run/models/net_g_30.pth', 'run_30', 'weights'),
    ('other/x.pth', 'x', 'weights'), ('mine=other/x.pth', 'mine', 'weights'), ('a=b.pth', 'a=b', 'weights'),
    ('results', 'results', 'pictures'), ('old=results', 'old', 'pictures'),
])
def test_names(text, name, kind):
    assert parse_model(text)[:2] == (name, kind)


@pytest.mark.parametrize(('text', 'said'), [
    ('nothere', 'no such file or folder'), ('x=nothere', 'no such file or folder'), ('=bicubic', 'cannot be that of'),
    ('../x=bicubic', 'cannot be that of a folder'), ('LQ=bicubic', 'what the report calls other pictures'),
])
def test_refused(text, said):
    with pytest.raises(ValueError, match=said):
        parse_model(text)
