"""Components found by their file name: a dropped-in one registers, a broken one is named."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import textwrap

import pytest
from basicsr.utils.registry import ARCH_REGISTRY

from effsr.discovery import import_modules

PLUGIN = """
    from basicsr.utils.registry import ARCH_REGISTRY
    from torch import nn

    @ARCH_REGISTRY.register()
    class {name}(nn.Identity):
        pass
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An empty package of a name of its own, and a way to drop files into it."""
    name = f'plugins_{tmp_path.name}'
    folder = tmp_path / name
    folder.mkdir()
    (folder / '__init__.py').touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(ARCH_REGISTRY, '_obj_map', dict(ARCH_REGISTRY._obj_map))

    def drop(file, text):
        (folder / file).write_text(textwrap.dedent(text), encoding='utf-8')
        return folder / file

    return name, folder, drop


def test_a_dropped_in_file_registers_by_itself(package):
    name, folder, drop = package
    drop('mine_arch.py', PLUGIN.format(name='DroppedInNet'))
    drop('helpers.py', 'raise RuntimeError("not a component")')
    drop('._mine_arch.py', 'not python')
    modules = import_modules(folder, name, '_arch')
    assert [module.__name__ for module in modules] == [f'{name}.mine_arch']
    assert ARCH_REGISTRY.get('DroppedInNet') is modules[0].DroppedInNet


def test_files_come_in_the_order_of_their_names_and_once(package):
    name, folder, drop = package
    for stem in ('b', 'a', 'c'):
        drop(f'{stem}_arch.py', PLUGIN.format(name=f'Net{stem}'))
    modules = import_modules(folder, name, '_arch')
    assert [module.__name__[-6] for module in modules] == ['a', 'b', 'c']
    assert import_modules(folder, name, '_arch') == modules


@pytest.mark.parametrize(('text', 'cause'), [
    ('class Broken(:\n', 'SyntaxError'),
    ('import a_library_that_is_not_there\n', "No module named 'a_library_that_is_not_there'"),
    ('1 / 0\n', 'ZeroDivisionError: division by zero'),
    (PLUGIN.format(name='EfficientSRNet'), "'EfficientSRNet' was already registered"),
])
def test_a_broken_file_is_named_with_its_cause(package, text, cause):
    name, folder, drop = package
    path = drop('broken_arch.py', text)
    with pytest.raises(ImportError) as caught:
        import_modules(folder, name, '_arch')
    assert str(caught.value).startswith(f'{path}: ')
    assert cause in str(caught.value)
    assert caught.value.__cause__ is not None


def test_a_name_that_cannot_be_imported(package):
    name, folder, drop = package
    path = drop('net.v2_arch.py', '')
    with pytest.raises(ImportError, match='a dot in the name') as caught:
        import_modules(folder, name, '_arch')
    assert str(path) in str(caught.value)


def test_a_missing_folder(tmp_path):
    with pytest.raises(NotADirectoryError, match='nowhere'):
        import_modules(tmp_path / 'nowhere', 'nowhere', '_arch')


def test_effsr_finds_its_own():
    for name in ('EfficientSRNet', 'SRVGGNetCompact', 'UNetDiscriminatorSN'):
        assert ARCH_REGISTRY.get(name).__module__.startswith('effsr.archs.')
