"""A folder that a command fills, and can be stopped in filling at any moment."""
import errno
import json
import os
from pathlib import Path

import pytest

from effsr.curation import output as output_module
from effsr.curation.errors import OutputError, ends_everything, refuse, unwritable
from effsr.curation.journal import JOURNAL
from effsr.curation.output import Output, write_whole
from effsr.data.image_io import ImageError, list_images
from effsr.runtime import lock

SETTINGS = {'size': 480, 'scales': (0.5, 1 / 3)}


@pytest.fixture
def sources(tmp_path):
    """Three files in IN, as (name, path)."""
    folder = tmp_path / 'IN'
    folder.mkdir()
    for name in ('a.png', 'b.png', 'c.png'):
        (folder / name).write_bytes(name.encode())
    return [(path.name, path) for path in sorted(folder.iterdir())]


def open_output(tmp_path, settings=SETTINGS, command='prepare tiles', **more):
    return Output(tmp_path / 'OUT', command, settings, **more)


def fill(output, name, source, count=2):
    files = [f'{name}_{number}.png' for number in range(count)]
    output.begin(name, files)
    for file in files:
        write_whole(output.folder / file, file.encode())
    output.note(name, source, files, {'flat': count})


def visible(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith('.'))


def test_what_was_noted_is_done_the_next_time(tmp_path, sources):
    with open_output(tmp_path) as output:
        assert output.done == {} and output.pending(sources) == sources
        fill(output, *sources[0])
        assert output.done == {'a.png': {'flat': 2}} and output.files_of('a.png') == ['a.png_0.png', 'a.png_1.png']
    with open_output(tmp_path, json.loads(json.dumps(SETTINGS))) as output:
        assert output.done == {'a.png': {'flat': 2}} and output.pending(sources) == sources[1:]


def test_only_a_committed_folder_is_taken_for_whole(tmp_path, sources):
    with open_output(tmp_path, parts=['gt']) as output:
        fill(output, *sources[0])
        write_whole(output.folder / 'gt' / 'x.png', b'x')
    for folder in (tmp_path / 'OUT', tmp_path / 'OUT' / 'gt'):
        with pytest.raises(ValueError, match='prepare tiles has not finished there; run it again'):
            list_images(folder)
    with open_output(tmp_path, parts=['gt']) as output:
        output.commit()
    assert len(list_images(tmp_path / 'OUT')) == 3 and len(list_images(tmp_path / 'OUT' / 'gt')) == 1


@pytest.mark.parametrize('change', ['bytes', 'time', 'file gone', 'file cut'])
def test_a_changed_source_or_a_damaged_file_is_done_again(tmp_path, sources, change):
    with open_output(tmp_path) as output:
        for source in sources:
            fill(output, *source)
        output.commit()
    path, made = sources[0][1], tmp_path / 'OUT' / 'a.png_0.png'
    if change == 'bytes':
        path.write_bytes(b'longer than before')
    elif change == 'time':
        os.utime(path, ns=(1, 1))
    elif change == 'file gone':
        made.unlink()
    else:
        made.write_bytes(b'')
    with open_output(tmp_path) as output:
        assert output.pending(sources) == sources[:1] and list(output.done) == ['b.png', 'c.png']


def test_files_of_an_earlier_and_larger_source_go(tmp_path, sources):
    with open_output(tmp_path) as output:
        fill(output, *sources[0], count=3)
        output.commit()
    sources[0][1].write_bytes(b'smaller')
    with open_output(tmp_path) as output:
        fill(output, *sources[0], count=1)
        output.commit()
    assert visible(tmp_path / 'OUT') == ['a.png_0.png']


def test_what_was_begun_and_never_finished_goes_at_the_end(tmp_path, sources):
    with open_output(tmp_path) as output:
        fill(output, *sources[0])
        output.begin('b.png', ['b.png_0.png', 'b.png_1.png'])
        write_whole(output.folder / 'b.png_0.png', b'half of it')
    with open_output(tmp_path) as output:
        output.refuse_others(['b.png_0.png', 'b.png_1.png'])
        output.commit()
    assert visible(tmp_path / 'OUT') == ['a.png_0.png', 'a.png_1.png']


def test_a_renamed_source_keeps_the_files_that_it_shares_with_its_old_name(tmp_path, sources):
    with open_output(tmp_path) as output:
        output.begin('old.jpg', ['a.png_0.png', 'a.png_9.png'])
    with open_output(tmp_path) as output:
        fill(output, *sources[0])
        output.commit()
    assert visible(tmp_path / 'OUT') == ['a.png_0.png', 'a.png_1.png']


def test_a_line_cut_by_a_kill_does_not_count(tmp_path, sources):
    with open_output(tmp_path) as output:
        fill(output, *sources[0])
        fill(output, *sources[1])
    journal = tmp_path / 'OUT' / JOURNAL
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-20])
    with open_output(tmp_path) as output:
        assert list(output.done) == ['a.png']
        fill(output, *sources[1])
    assert journal.read_bytes()[-len(whole) // 4:] == whole[-len(whole) // 4:]
    assert all(json.loads(line) for line in journal.read_text().splitlines())


def test_a_line_damaged_by_a_crash_of_the_machine_costs_its_source(tmp_path, sources):
    with open_output(tmp_path) as output:
        for source in sources:
            fill(output, *source)
    journal = tmp_path / 'OUT' / JOURNAL
    lines = journal.read_bytes().split(b'\n')
    lines[2] = b'\0' * 40
    journal.write_bytes(b'\n'.join(lines))
    with open_output(tmp_path) as output:
        assert output.pending(sources) == sources[:1]


@pytest.mark.parametrize('content', ['', '\n', '{"format": "another"}\n', '[1]\n'])
def test_no_journal_of_ours(tmp_path, content):
    (tmp_path / 'OUT').mkdir()
    (tmp_path / 'OUT' / JOURNAL).write_text(content)
    with pytest.raises(ValueError, match=r'OUT.\.prepare\.jsonl: not an account of prepare\.py of version 1; remove'):
        open_output(tmp_path)


def test_other_settings_and_another_command_are_refused(tmp_path, sources):
    with open_output(tmp_path) as output:
        fill(output, *sources[0])
    with pytest.raises(ValueError, match='OUT: was filled with size 480, not 400; give the same size, or another -o'):
        open_output(tmp_path, {**SETTINGS, 'size': 400})
    with pytest.raises(ValueError, match='was filled with flat none, not 2'):
        open_output(tmp_path, {**SETTINGS, 'flat': 2})
    with pytest.raises(ValueError, match='OUT: was filled by prepare tiles, not by prepare pairs; give another -o'):
        open_output(tmp_path, command='prepare pairs')


def test_a_folder_in_which_nothing_was_made_takes_other_settings(tmp_path, sources):
    with open_output(tmp_path) as output:
        output.begin('a.png', ['a.png_0.png'])
    with open_output(tmp_path, {'size': 1}) as output:
        fill(output, *sources[0])
        output.commit()
    with open_output(tmp_path, {'size': 1}) as output:
        assert list(output.done) == ['a.png']


def test_files_of_others_are_refused(tmp_path, sources):
    (tmp_path / 'OUT' / 'sub').mkdir(parents=True)
    (tmp_path / 'OUT' / '.DS_Store').touch()
    with open_output(tmp_path):
        pass
    (tmp_path / 'OUT' / 'sub' / 'mine.txt').touch()
    with pytest.raises(ValueError, match=r'OUT: holds sub.mine\.txt, which prepare tiles did not make; accepted: a'):
        open_output(tmp_path)
    (tmp_path / 'file').touch()
    with pytest.raises(ValueError, match='file: is a file; accepted: a folder, new, empty, or filled by prepare tiles'):
        Output(tmp_path / 'file', 'prepare tiles', {})


def test_a_file_put_there_later_is_never_replaced(tmp_path, sources):
    with open_output(tmp_path) as output:
        fill(output, *sources[0])
        output.commit()
    (tmp_path / 'OUT' / 'b.png_0.png').touch()
    with open_output(tmp_path) as output:
        output.refuse_others(['a.png_0.png', 'b.png_1.png'])
        with pytest.raises(ValueError, match=r'b\.png_0\.png: is there already, and prepare tiles did not make it'):
            output.refuse_others(['a.png_0.png', 'b.png_0.png'])


def test_a_source_of_the_same_name_from_elsewhere(tmp_path, sources):
    with open_output(tmp_path) as output:
        fill(output, *sources[0])
        output.commit()
    other = tmp_path / 'other' / 'a.png'
    other.parent.mkdir()
    other.write_bytes(b'another picture')
    with open_output(tmp_path) as output, pytest.raises(ValueError, match=r'what was made of .*IN.a\.png, which has'):
        output.pending([('a.png', other)])
    sources[0][1].replace(other)  # the folder was moved: the same file at another place
    with open_output(tmp_path) as output:
        assert output.done == {} and output.pending([('a.png', other)]) == [] and list(output.done) == ['a.png']
        assert output.gone([('b.png', other)]) == ['a.png'] and output.gone([('a.png', other)]) == []


def test_a_dry_run_writes_nothing(tmp_path, sources):
    with open_output(tmp_path, dry_run=True) as output:
        assert output.pending(sources) == sources
    assert not (tmp_path / 'OUT').exists()


@pytest.mark.skipif(lock.fcntl is None, reason='no such locks here')
def test_one_process_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, 'PATIENCE', 0.1)
    with open_output(tmp_path), pytest.raises(ValueError, match='is filling this folder; wait for it, or give another'):
        open_output(tmp_path)
    with open_output(tmp_path):
        pass


def test_leftovers_of_killed_processes_go_and_nothing_else(tmp_path, sources):
    with open_output(tmp_path) as output:
        fill(output, *sources[0])
    left, kept = tmp_path / 'OUT' / '.a.png.123.tmp', tmp_path / 'OUT' / '.mine.tmp'
    left.touch()
    kept.touch()
    with open_output(tmp_path):
        assert not left.exists() and kept.exists()


def test_a_full_disk_is_one_line_and_no_picture_s_own(tmp_path, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, 'No space left on device')
    monkeypatch.setattr(output_module.os, 'replace', full)
    with pytest.raises(OutputError, match=r'x\.png: cannot be written \(No space left on device\); what was'):
        write_whole(tmp_path / 'new' / 'x.png', b'x')
    assert list((tmp_path / 'new').iterdir()) == []
    with pytest.raises(OutputError, match=r'OUT.*: cannot be written \(No space left on device\)'):
        open_output(tmp_path)


def test_which_errors_end_everything():
    assert ends_everything(unwritable(Path('x'), PermissionError(13, 'Permission denied')))
    assert ends_everything(OSError(errno.EDQUOT, 'Disk quota exceeded'))
    assert not ends_everything(FileNotFoundError(2, 'No such file or directory', 'x'))
    assert not ends_everything(ImageError('x: damaged')) and not ends_everything(None)
    try:
        try:
            raise OSError(errno.ENOSPC, 'No space left on device')
        except OSError as error:
            raise ImageError('x: cannot be written') from error
    except ImageError as error:
        assert ends_everything(error)


def test_many_problems_are_counted():
    with pytest.raises(ValueError) as caught:
        refuse([f'{number}: wrong' for number in range(1200)])
    assert str(caught.value).splitlines() == [*(f'{number}: wrong' for number in range(5)),
                                              '... and 1,195 more like these, 1,200 in all']
    refuse([])


def test_a_source_by_another_way_is_the_same(tmp_path, sources, monkeypatch):
    with open_output(tmp_path) as output:
        fill(output, *sources[0])
    monkeypatch.chdir(tmp_path / 'IN')
    (tmp_path / 'link').symlink_to(tmp_path / 'IN', target_is_directory=True)
    with open_output(tmp_path) as output:
        for path in (Path('a.png'), Path('../IN/a.png'), tmp_path / 'link' / 'a.png'):
            assert output.pending([('a.png', path)]) == []


def test_a_line_cut_short_takes_no_other_along(tmp_path, sources):
    with open_output(tmp_path) as output:
        fill(output, *sources[0])
    with (tmp_path / 'OUT' / JOURNAL).open('ab') as journal:
        journal.write(b'{"name": "b.png", "source": "' + bytes(5000))  # longer than what follows
    with open_output(tmp_path) as output:
        assert list(output.done) == ['a.png']
        fill(output, *sources[1])
    with open_output(tmp_path) as output:
        assert list(output.done) == ['a.png', 'b.png']
    assert all(map(json.loads, (tmp_path / 'OUT' / JOURNAL).read_text().splitlines()))
