"""What a folder's journal remembers."""
from effsr.inference.journal import Journal


def test_it_knows_only_what_is_as_it_was(tmp_path):
    source, target = tmp_path / 'a.png', tmp_path / 'out' / 'a_out.png'
    target.parent.mkdir()
    source.write_bytes(b'in')
    target.write_bytes(b'out')
    Journal(target.parent).note(source, 'out', target, {'scale': 2})
    with open(target.parent / '.upscale.jsonl', 'ab') as file:
        file.write(b'\n{"half')
    Journal(target.parent).note(tmp_path / 'b.png', 'out', target, {})
    journal = Journal(target.parent)
    assert journal.find(source, 'out').settings == {'scale': 2} and len(journal.entries) == 2
    assert journal.find(source, 'x4') is None and journal.find(tmp_path / 'c.png', 'out') is None
    source.write_bytes(b'other')
    assert journal.find(source, 'out') is None
    source.write_bytes(b'in')
    target.unlink()
    assert Journal(target.parent).find(source, 'out') is None


def test_results_are_known(tmp_path):
    (tmp_path / 'a.png').write_bytes(b'a')
    (tmp_path / 'a_out.png').write_bytes(b'result')
    journal = Journal(tmp_path)
    journal.note(tmp_path / 'a.png', 'out', tmp_path / 'a_out.png', {})
    for one in (journal, Journal(tmp_path)):
        assert one.made(tmp_path / 'a_out.png') and not one.made(tmp_path / 'a.png')
    (tmp_path / 'a_out.png').write_bytes(b'changed since')
    assert not Journal(tmp_path).made(tmp_path / 'a_out.png')
