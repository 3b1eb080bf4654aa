"""prepare.py lmdb, pack and shards: what they write reads as the files themselves, whatever happens in between."""
import io
import json
import os
import shutil
import sys
import tarfile
from pathlib import Path

import cv2
import lmdb
import numpy as np
import pytest
from basicsr.data.data_util import paths_from_lmdb
from basicsr.utils import FileClient
from picture_zoo import fill_zoo
from PIL import Image

import effsr.prepare
from effsr.curation import pack, to_lmdb
from effsr.curation.shards import by_count, by_size
from effsr.data.image_io import read_rgb
from effsr.data.storages.opening import open_storage

SHARED = Path(__file__).parents[3] / 'shared/data'
KINDS = {'lmdb': 'lmdb', 'pack': 'packed', 'shards': 'shards'}
commands = pytest.mark.parametrize('command', KINDS)


def prepare(command, source, out, *flags, jobs=1):
    return effsr.prepare.main([command, '-i', str(source), '-o', str(out), '--jobs', str(jobs), *map(str, flags)])


def contents(folder):
    """Visible files and their bytes."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob('*'))
            if path.is_file() and not path.name.startswith('.')}


def fill(folder, count, size=40):
    drawn = np.random.default_rng(2)
    folder.mkdir(exist_ok=True)
    for number in range(count):
        Image.fromarray(drawn.integers(0, 256, (size, size + number, 3), np.uint8)).save(folder / f'{number:03d}.png')
    return folder


@pytest.fixture
def zoo(tmp_path):
    return tmp_path / 'zoo', fill_zoo(tmp_path / 'zoo')


@commands
@pytest.mark.parametrize('alpha', ['white', 'drop'])
def test_every_picture_reads_as_from_the_folder(zoo, tmp_path, command, alpha, capsys):
    folder, names = zoo
    flags = {'pack': ('--alpha', alpha), 'shards': ('--shard_count', 3)}.get(command, ())
    assert prepare(command, folder, tmp_path / 'out', *flags) == 0
    assert capsys.readouterr().out.startswith(f'{len(names)} pictures -> ')
    storage = open_storage(tmp_path / 'out', alpha=alpha)
    assert storage.kind == KINDS[command] and list(storage.names) == names
    for index, name in enumerate(names):
        rgb = read_rgb(folder / name, alpha)
        np.testing.assert_array_equal(storage.read(index), rgb)
        np.testing.assert_array_equal(storage.window(index, 2, 5, 11, 7), rgb[2:13, 5:12])
        assert storage.size(index) == rgb.shape[:2]
    assert not (tmp_path / 'out' / '.unfinished').exists()


@pytest.mark.skipif(not (SHARED / 'real_lq').is_dir(), reason='../shared/data/real_lq is not there')
@commands
def test_real_pictures(tmp_path, command):
    assert prepare(command, SHARED / 'real_lq', tmp_path / 'out', jobs=2) == 0
    storage, files = open_storage(tmp_path / 'out'), open_storage(SHARED / 'real_lq')
    assert storage.names == files.names
    for index in range(len(files)):
        np.testing.assert_array_equal(storage.read(index), files.read(index))


@commands
def test_the_result_does_not_depend_on_jobs(zoo, tmp_path, command):
    for jobs in (1, 3):
        assert prepare(command, zoo[0], tmp_path / f'out{jobs}', jobs=jobs) == 0
    assert contents(tmp_path / 'out1') == contents(tmp_path / 'out3')


@commands
def test_a_second_run_changes_nothing_and_decodes_nothing(zoo, tmp_path, command, monkeypatch):
    assert prepare(command, zoo[0], tmp_path / 'out') == 0
    before = contents(tmp_path / 'out')
    for module in (pack, effsr.curation.container):
        monkeypatch.setattr(module, 'file_bytes', lambda path: pytest.fail('read again'))
    assert prepare(command, zoo[0], tmp_path / 'out') == 0
    assert contents(tmp_path / 'out') == before


def test_basicsr_reads_the_lmdb(tmp_path):
    fill(fill(tmp_path / 'hr', 1) / 'sub', 2)
    Image.fromarray(read_rgb(tmp_path / 'hr' / '000.png')[..., 0]).save(tmp_path / 'hr' / 'gray.png')
    root = str(tmp_path / 'hr.lmdb')
    assert prepare('lmdb', tmp_path / 'hr', root) == 0
    assert (tmp_path / 'hr.lmdb' / 'meta_info.txt').read_text() == (
        '000.png (40,40,3) 1\ngray.png (40,40,1) 1\nsub/000.png (40,40,3) 1\nsub/001.png (40,41,3) 1\n')
    assert paths_from_lmdb(root) == ['000', 'gray', 'sub/000', 'sub/001']
    client = FileClient('lmdb', db_paths=root, client_keys='gt')
    try:
        for key in paths_from_lmdb(root):
            pixels = cv2.imdecode(np.frombuffer(client.get(key, 'gt'), np.uint8), cv2.IMREAD_COLOR)
            np.testing.assert_array_equal(pixels[..., ::-1], read_rgb(tmp_path / 'hr' / f'{key}.png'))
    finally:
        client.client._client['gt'].close()


def test_what_basicsr_cannot_read_is_told(zoo, tmp_path, capsys):
    assert prepare('lmdb', zoo[0], tmp_path / 'out') == 0
    told = capsys.readouterr().err
    assert 'BasicSR itself cannot read 2 pictures, such as deep.a.tiff' in told and 'end in .lmdb' in told


def test_tar_files_are_plain_and_hold_the_files_unchanged(zoo, tmp_path, capsys):
    folder, names = zoo
    Image.new('L', (9, 9)).save(folder / 'png.jpg')
    assert prepare('shards', folder, tmp_path / 'out', '--shard_count', 4) == 0
    told = capsys.readouterr().err
    assert 'webdataset itself would take deep.a.tiff and deep.png for one sample, and 1 more such' in told
    found = {}
    paths = sorted((tmp_path / 'out').glob('*.tar'))
    assert [path.name for path in paths] == [f'00000{number}.tar' for number in range(4)]
    for path in paths:
        with tarfile.open(path, 'r|') as tar:  # as a stream, which is how webdataset reads
            for member in tar:
                assert member.isreg() and (member.mtime, member.uid, member.uname) == (0, 0, '')
                found[member.name] = tar.extractfile(member).read()
    assert found == {name: (folder / name).read_bytes() for name in [*names, 'png.jpg']}
    sizes = [path.stat().st_size for path in paths]
    index = json.loads((tmp_path / 'out' / 'index.json').read_text())
    assert [shard['bytes'] for shard in index['shards']] == sizes
    (tmp_path / 'out' / 'index.json').unlink()
    assert len(open_storage(tmp_path / 'out')) == len(names) + 1


def test_how_pictures_are_shared_out():
    """A file takes its bytes, rounded up to 512, and 512 more."""
    assert by_size([1, 1, 1, 1, 1], 2048) == [2, 2, 1]
    assert by_size([9000, 1, 9000], 1024) == [1, 1, 1]
    assert by_size([512, 513, 1], 2560) == [2, 1]
    assert by_count([1] * 6, 3) == [2, 2, 2]
    assert by_count([1] * 7, 7) == [1] * 7
    assert by_count([10**6, 1, 1, 1], 3) == [1, 1, 2]
    assert by_count([1, 1, 1, 10**6], 3) == [2, 1, 1]
    assert by_count([5], 1) == [1]
    with pytest.raises(ValueError, match='--shard_count 3: there are 2 pictures'):
        by_count([1, 1], 3)


@commands
def test_a_list_takes_only_some(zoo, tmp_path, command, capsys):
    folder, names = zoo
    (tmp_path / 'list.txt').write_text(f'png.png (23,29,3)\n{names[-1]}\nsub/png_alpha.png\n', encoding='utf-8')
    assert prepare(command, folder, tmp_path / 'out', '--meta_info', tmp_path / 'list.txt') == 0
    assert open_storage(tmp_path / 'out').names == ('png.png', 'sub/png_alpha.png', names[-1])
    (tmp_path / 'list.txt').write_text('png.png\nno.png\nnor.png\n')
    assert prepare(command, folder, tmp_path / 'other', '--meta_info', tmp_path / 'list.txt') == 1
    told = capsys.readouterr().err
    assert 'list.txt: names no.png, which is not in' in told and 'names nor.png' in told
    assert prepare(command, folder, tmp_path / 'other', '--meta_info', tmp_path / 'none.txt') == 1
    assert 'none.txt' in capsys.readouterr().err and not (tmp_path / 'other').exists()


@commands
def test_what_cannot_be_used_is_named_and_left_out_if_asked(zoo, tmp_path, command, capsys):
    folder, names = zoo
    for name in ('deep.png', 'jpeg.JPG'):
        (folder / name).write_bytes((folder / name).read_bytes()[:-60])
    (folder / 'empty.png').touch()
    flags = ('--shard_count', 6) if command == 'shards' else ()
    assert prepare(command, folder, tmp_path / 'out', *flags) == 1
    told = capsys.readouterr().err.splitlines()
    assert [line.partition(':')[0] for line in told[:3]] == [str(folder / name)
                                                             for name in ('deep.png', 'empty.png', 'jpeg.JPG')]
    assert '3 pictures of 17 cannot be used, named above; mend or remove them, or give --on_error skip' in told[3]
    with pytest.raises(ValueError, match=f'prepare {command} has not finished there; run it again to finish'):
        open_storage(tmp_path / 'out')
    assert prepare(command, folder, tmp_path / 'out', *flags, '--on_error', 'skip') == 0
    assert '14 pictures -> ' in (said := capsys.readouterr().out) and '(3 cannot be used)' in said
    storage = open_storage(tmp_path / 'out')
    assert set(storage.names) == set(names) - {'deep.png', 'jpeg.JPG'}
    np.testing.assert_array_equal(storage.read(0), read_rgb(folder / storage.names[0]))


@commands
def test_once_mended_the_rest_is_not_done_again(tmp_path, command, monkeypatch):
    folder = fill(tmp_path / 'hr', 6)
    whole = (folder / '003.png').read_bytes()
    (folder / '003.png').write_bytes(whole[:-20])
    flags = ('--shard_count', 3) if command == 'shards' else ()
    assert prepare(command, folder, tmp_path / 'out', *flags) == 1
    (folder / '003.png').write_bytes(whole)
    read = []
    for module in (pack, effsr.curation.container):
        monkeypatch.setattr(module, 'file_bytes', lambda path: read.append(path.name) or path.read_bytes())
    assert prepare(command, folder, tmp_path / 'out', *flags) == 0
    assert read == (['002.png', '003.png'] if command == 'shards' else ['003.png'])
    storage = open_storage(tmp_path / 'out')
    for index, name in enumerate(storage.names):
        np.testing.assert_array_equal(storage.read(index), read_rgb(folder / name))


@commands
def test_pictures_come_change_and_go(tmp_path, command, capsys):
    folder = fill(tmp_path / 'hr', 5)
    flags = ('--shard_count', 2) if command == 'shards' else ()
    assert prepare(command, folder, tmp_path / 'out', *flags) == 0
    capsys.readouterr()
    Image.new('RGB', (50, 60), 'red').save(folder / '001.png')
    Image.new('RGB', (70, 60), 'blue').save(folder / '000a.png')
    (folder / '002.png').unlink()
    assert prepare(command, folder, tmp_path / 'out', *flags) == 0
    told = capsys.readouterr().err
    assert {'lmdb': 'note: 1 picture of an earlier run removed', 'shards': '',
            'pack': 'keeps 0.0 MB of pictures that have changed'}[command] in told
    for place in ('out', 'fresh'):
        assert place == 'out' or prepare(command, folder, tmp_path / place, *flags) == 0
        storage = open_storage(tmp_path / place)
        assert storage.names == ('000.png', '000a.png', '001.png', '003.png', '004.png')
        for index, name in enumerate(storage.names):
            np.testing.assert_array_equal(storage.read(index), read_rgb(folder / name))
    if command == 'shards':
        assert contents(tmp_path / 'out') == contents(tmp_path / 'fresh')


def test_shards_that_are_no_longer_needed_go(tmp_path):
    folder = fill(tmp_path / 'hr', 4, size=600)
    assert prepare('shards', folder, tmp_path / 'out', '--shard_mb', 1) == 0
    assert len(list((tmp_path / 'out').glob('*.tar'))) == 4
    (folder / '000.png').unlink()
    assert prepare('shards', folder, tmp_path / 'out', '--shard_mb', 1) == 0
    assert len(list((tmp_path / 'out').glob('*.tar'))) == 3 and len(open_storage(tmp_path / 'out')) == 3


@commands
def test_dry_run_writes_nothing(zoo, tmp_path, command, capsys):
    assert prepare(command, zoo[0], tmp_path / 'out', '--dry_run') == 0
    assert not (tmp_path / 'out').exists()
    assert 'dry run: 16 pictures of 16 to do' in capsys.readouterr().out
    assert prepare(command, zoo[0], tmp_path / 'out') == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / 'out').iterdir()}
    assert prepare(command, zoo[0], tmp_path / 'out', '--dry_run') == 0
    assert 'dry run: 0 pictures of 16 to do' in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / 'out').iterdir()} == before


@commands
def test_a_folder_of_something_else_is_refused(tmp_path, command, capsys):
    folder = fill(tmp_path / 'hr', 2)
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / 'index.json').write_text('mine')
    assert prepare(command, folder, tmp_path / 'out') == 1
    assert f'holds index.json, which prepare {command} did not make' in capsys.readouterr().err
    assert contents(tmp_path / 'out') == {'index.json': b'mine'}
    assert prepare(command, folder, folder / 'out') == 1
    assert prepare(command, tmp_path / 'none', tmp_path / 'new') == 1
    assert 'none: no such' in capsys.readouterr().err


def test_other_settings_are_refused(tmp_path, capsys):
    folder = fill(tmp_path / 'hr', 4)
    assert prepare('pack', folder, tmp_path / 'p') == 0 and prepare('shards', folder, tmp_path / 's') == 0
    assert prepare('pack', folder, tmp_path / 'p', '--alpha', 'black') == 1
    assert 'alpha white, not black' in capsys.readouterr().err
    assert prepare('shards', folder, tmp_path / 's', '--shard_mb', 9) == 1
    assert 'shard_mb 256, not 9' in capsys.readouterr().err
    assert prepare('lmdb', folder, tmp_path / 's') == 1
    assert 'was filled by prepare shards, not by prepare lmdb' in capsys.readouterr().err
    assert prepare('shards', folder, tmp_path / 't', '--shard_count', 5) == 1
    assert '--shard_count 5: there are 4 pictures' in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == 'win32', reason='Windows cannot hold these names either')
def test_names_that_an_lmdb_cannot_hold_are_all_named(tmp_path, capsys):
    folder = fill(tmp_path / 'hr', 2)
    for name in ('000.jpg', '001.webp', f'{"d" * 200}/{"e" * 200}/{"f" * 200}.png', 'two\nlines.png'):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new('L', (9, 9)).save(folder / name)
    assert prepare('lmdb', folder, tmp_path / 'out') == 1
    told = capsys.readouterr().err
    for says in ('000.png: has the name of 000.jpg but for the suffix', '001.webp: has the name of 001.png',
                 'takes 602 bytes, an LMDB takes 511', 'has a line break; rename it'):
        assert says in told
    assert not (tmp_path / 'out').exists()
    assert prepare('pack', folder, tmp_path / 'p') == 0 and prepare('shards', folder, tmp_path / 's') == 0
    for place in ('p', 's'):
        assert len(open_storage(tmp_path / place)) == 6


def test_the_map_grows(tmp_path, monkeypatch):
    """From far too small, in several transactions."""
    folder = fill(tmp_path / 'hr', 30)
    monkeypatch.setattr(to_lmdb, 'GROWTH', 2**16)
    monkeypatch.setattr(to_lmdb, 'BATCH', 2**15)
    assert prepare('lmdb', folder, tmp_path / 'out.lmdb') == 0
    with lmdb.open(str(tmp_path / 'out.lmdb'), readonly=True, lock=False) as environment:
        assert environment.info()['last_txnid'] > 4
    assert len(open_storage(tmp_path / 'out.lmdb')) == 30


def test_a_full_map_is_enlarged(tmp_path, monkeypatch):
    folder = fill(tmp_path / 'hr', 3)
    asked = []
    begin = lmdb.Environment.begin

    class Small:
        def __init__(self, environment):
            self.environment = environment

        def __getattr__(self, name):
            return getattr(self.environment, name)

        def begin(self, **flags):
            asked.append(flags)
            if len(asked) == 1:
                raise lmdb.MapFullError('full')
            return begin(self.environment, **flags)

    with lmdb.open(str(tmp_path / 'x'), map_size=2**20, lock=False) as environment:
        values = {b'a': (folder / '000.png').read_bytes()}
        to_lmdb.put(Small(environment), values)
        assert len(asked) == 2 and environment.info()['map_size'] == 2 * to_lmdb.GROWTH
        with environment.begin() as transaction:
            assert transaction.get(b'a') == values[b'a']


@pytest.mark.parametrize(('damage', 'says'), [('cut', 'data.mdb: cut short'), ('junk', 'data.mdb: damaged')])
def test_an_unfinished_lmdb_that_is_damaged_is_named(tmp_path, damage, says, capsys):
    folder = fill(tmp_path / 'hr', 3)
    (folder / 'bad.png').touch()
    assert prepare('lmdb', folder, tmp_path / 'out') == 1
    data = tmp_path / 'out' / 'data.mdb'
    os.truncate(data, 9000) if damage == 'cut' else data.write_bytes(b'x' * 9000)
    capsys.readouterr()
    assert prepare('lmdb', folder, tmp_path / 'out') == 1
    assert says in (told := capsys.readouterr().err) and 'remove' in told


@commands
def test_what_was_lost_from_the_folder_is_made_again(tmp_path, command):
    folder = fill(tmp_path / 'hr', 4)
    assert prepare(command, folder, tmp_path / 'out') == 0
    before = contents(tmp_path / 'out')
    for name in before:
        (tmp_path / 'out' / name).unlink()
        assert prepare(command, folder, tmp_path / 'out') == 0
        assert contents(tmp_path / 'out') == before, name


def test_what_a_killed_run_appended_and_did_not_note_goes(tmp_path):
    folder, out = fill(tmp_path / 'in', 3), tmp_path / 'out'
    assert prepare('pack', folder, out) == 0
    whole = contents(out)
    with (out / 'pixels.bin').open('ab') as file:
        file.write(bytes(100))
    assert prepare('pack', folder, out) == 0
    assert contents(out) == whole


def test_a_shard_that_holds_something_else_is_made_again(tmp_path):
    folder = fill(tmp_path / 'hr', 4)
    assert prepare('shards', folder, tmp_path / 'out', '--shard_count', 2) == 0
    before = contents(tmp_path / 'out')
    shutil.copy(tmp_path / 'out' / '000001.tar', tmp_path / 'out' / '000000.tar')
    assert prepare('shards', folder, tmp_path / 'out', '--shard_count', 2) == 0
    assert contents(tmp_path / 'out') == before


def test_pack_says_whether_transparency_mattered(tmp_path):
    """A picture with an alpha channel that is opaque everywhere is the same by every rule."""
    folder = fill(tmp_path / 'hr', 1)
    Image.fromarray(np.full((9, 9, 4), 255, np.uint8)).save(folder / 'opaque.png')
    assert prepare('pack', folder, tmp_path / 'out') == 0
    open_storage(tmp_path / 'out', alpha='black')
    file = io.BytesIO()
    Image.fromarray(np.full((9, 9, 4), 254, np.uint8)).save(file, 'PNG')
    (folder / 'clear.png').write_bytes(file.getvalue())
    assert prepare('pack', folder, tmp_path / 'out') == 0
    with pytest.raises(ValueError, match='packed with alpha white'):
        open_storage(tmp_path / 'out', alpha='black')
    assert prepare('pack', folder, tmp_path / 'refused', '--alpha', 'refuse') == 1
