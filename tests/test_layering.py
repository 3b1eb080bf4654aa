"""Who may import whom, and what no file of effsr may hold. DESIGN: each room knows only what it stands on."""
import ast
import sys
from pathlib import Path

import pytest

EFFSR = Path(__file__).parents[1] / 'effsr'
FILES = sorted(EFFSR.rglob('*.py'))
ENTRY_FILES = {'train', 'test', 'upscale', 'downscale', 'prepare', 'preview', 'interpolate', 'evaluate', 'benchmark',
               'export'}
EVERYTHING = {''}

# Room -> the modules of effsr, or whole packages, that it may import besides its own.
MAY_IMPORT = {
    'bridge': set(),
    'discovery': set(),
    '_script': set(),
    'degradations': set(),
    'augmentation': set(),
    'runtime': {'__version__'},  # a measurement says of which effsr it is
    # These options are described once, beside the code that draws from them.
    'options': {'degradations.settings', 'augmentation.settings'},
    # Packages of components find their own files; a name of BasicSR's is claimed before it is registered.
    'archs': {'discovery', 'bridge.claim'},
    # Networks of others that losses and metrics look through.
    'pretrained': {'runtime.checkpoint'},
    'losses': {'discovery', 'bridge.claim', 'pretrained'},
    # A trained network's file is part of what a value depends on.
    'metrics': {'bridge.claim', 'data.imresize', 'pretrained', 'runtime.checkpoint'},
    'data': {'options', 'degradations', 'discovery', 'bridge.claim'},
    # Rows, frames and what goes with them: the parts of image_io that work on pictures larger than memory.
    'inference': {'data.image_io', 'data.image_animation', 'data.image_decode', 'data.image_encode', 'data.image_exif',
                  'data.image_frames', 'data.image_header', 'data.image_meta', 'data.image_rows', 'data.imresize',
                  'runtime.bar', 'runtime.checkpoint', 'runtime.sidecar'},
    # A teacher's network is recognised as upscale.py recognises it.
    'models': {'options', 'degradations', 'losses', 'metrics', 'runtime', 'inference.tiling', 'inference.weights',
               'data.image_io',
               'augmentation', 'discovery', '__version__',  # the version is written beside the weights
               'bridge.claim', 'bridge.register_as'},
    # What a run prints, and the parts of the command line that train.py and test.py share.
    'summary': {'options', 'runtime.bar', 'runtime.measured', 'runtime.tables'},
    'command_line': set(),
    # What prepare.py and downscale.py do.
    'curation': {'options', 'data', 'degradations', 'runtime', 'command_line', '__version__'},
    # What an evaluation found, as a page to look at.
    'reports': {'evaluation.results', 'metrics.catalogue', 'metrics.psnr_ssim', 'data.image_io', 'runtime.atomic'},
    # Subcommands of benchmark.py, which drive whole models.
    'benchmarks': EVERYTHING,
    # What export.py does: it runs networks, benchmarks' clocks and metrics.
    'exporting': EVERYTHING,
    # What evaluate.py does: it runs networks, metrics, and what writes the report.
    'evaluation': EVERYTHING,
    # A whole run, in earnest or as a rehearsal; entry files only users import.
    'pipeline': EVERYTHING,
    'loop': EVERYTHING,
    'preparation': EVERYTHING,
    'rehearsal': EVERYTHING,
    'doubts': {'options', 'data'},
    'places': {'options', 'data', 'degradations'},
    'sheets': {'options', 'data', 'degradations', 'augmentation'},
    # The plain Python way in, for scripts and notebooks.
    'training_utils': EVERYTHING,
    '__init__': EVERYTHING,
    **dict.fromkeys(ENTRY_FILES, EVERYTHING),
}


def room_of(path):
    return path.relative_to(EFFSR).parts[0].removesuffix('.py')


def imported(path):
    """Dotted names below effsr that a file imports, those inside functions included."""
    package = ['effsr', *path.relative_to(EFFSR).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[:len(package) - node.level + 1] if node.level else []
            names = ['.'.join([*base, *filter(None, [node.module]), alias.name]) for alias in node.names]
        else:
            continue
        for name in names:
            if name == 'effsr' or name.startswith('effsr.'):
                yield node.lineno, name.removeprefix('effsr').removeprefix('.')


def allowed(room, name):
    if name.split('.')[0] == room or (not name and room in ENTRY_FILES):
        return True
    return any(not part or name == part or name.startswith(f'{part}.') for part in MAY_IMPORT[room])


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.relative_to(EFFSR).as_posix())
def test_imports_follow_the_table(path):
    room = room_of(path)
    assert room in MAY_IMPORT, f'{path}: say in MAY_IMPORT what {room} may import'
    for line, name in imported(path):
        assert allowed(room, name), f'{path}:{line}: {room} may not import effsr.{name}'
        if room not in ENTRY_FILES:
            assert name.split('.')[0] not in ENTRY_FILES, f'{path}:{line}: imports the entry file effsr.{name}'


def test_the_check_notices(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], 'EFFSR', tmp_path)
    file = tmp_path / 'data' / 'x.py'
    file.parent.mkdir()
    file.write_text('import effsr.models\nfrom ..runtime import log\nfrom . import sampler\n'
                    'def f():\n    from effsr.degradations.draw import draw\n')
    found = dict(imported(file))
    assert found == {1: 'models', 2: 'runtime.log', 3: 'data.sampler', 5: 'degradations.draw.draw'}
    assert [allowed('data', name) for name in found.values()] == [False, False, True, True]


def test_no_module_passes_for_one_of_the_standard_library():
    """effsr/ is first on sys.path under `python effsr/train.py`."""
    names = {path.stem for path in EFFSR.iterdir() if path.suffix == '.py' or (path / '__init__.py').exists()}
    assert names & sys.stdlib_module_names <= {'test'}  # named as BasicSR's; nothing imports Python's own test package


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.relative_to(EFFSR).as_posix())
def test_small_and_plain(path):
    text = path.read_text(encoding='utf-8')
    assert text.count('\n') <= 300, f'{path}: {text.count(chr(10))} lines'
    assert '.cuda()' not in text, f'{path}: .cuda() ties the code to one kind of device'
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < 60, f'{path}:{node.lineno}: {node.name} is longer than 60 lines'
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f'{path}:{node.lineno}: bare except'
        if isinstance(node, ast.Call) and ast.unparse(node).startswith('hasattr(self'):
            raise AssertionError(f'{path}:{node.lineno}: hasattr(self, ...): set it in __init__')
