"""The Python example of the README runs as it stands."""
import re
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from effsr.inference.weights import load_model

README = Path(__file__).parents[1] / 'README.md'


@pytest.mark.slow
def test_the_python_example(pictures, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(pictures / 'val', 'datasets/sample/val')
    Path('datasets/sample/train').mkdir()
    for path in (pictures / 'val').iterdir():
        with Image.open(path) as picture:
            picture.resize((140, 130)).save(f'datasets/sample/train/{path.name}')
    code, = re.findall(r'^```python\n(.*?)^```', README.read_text(encoding='utf-8'), re.DOTALL | re.MULTILINE)
    lines = [line for line in code.splitlines() if line and not line.startswith(('from', 'import'))]
    assert len(lines) <= 20
    assert 'repeat=100' in code
    torch.manual_seed(0)
    exec(compile(code.replace('repeat=100', 'repeat=12'), str(README), 'exec'), {})
    assert re.search(r'00\.png [0-9.]+ dB', capsys.readouterr().out)
    assert load_model(Path('efficientsr_x4.pth'), torch.device('cpu')).scale == 4
