"""Lists of pictures to keep: one for each folder, of names that a list can hold."""
import pytest

from effsr.curation.lists import kept_lists, lists_of


def test_a_list_for_each_folder(tmp_path):
    one, two = tmp_path / 'one', tmp_path / 'two'
    chosen = [('a.png', one / 'a.png'), ('sub/b.png', one / 'sub/b.png'), ('c.png', two / 'c.png')]
    for folder in (one, two):
        folder.mkdir()
    assert kept_lists([one], chosen[:2]) == {'kept.txt': {one / 'a.png': 'a.png', one / 'sub/b.png': 'sub/b.png'}}
    lists = kept_lists([one, two], chosen)
    assert lists_of(lists, {one / 'sub/b.png', two / 'c.png'}) == {'kept_1.txt': 'sub/b.png\n', 'kept_2.txt': 'c.png\n'}
    assert kept_lists([one / 'a.png'], chosen[:1]) == {'kept.txt': {one / 'a.png': 'a.png'}}


@pytest.mark.parametrize('name', [' a.png', 'a\nb.png', 'a\u2028b.png'])
def test_names_that_a_list_cannot_hold(tmp_path, name):
    with pytest.raises(ValueError, match='a list cannot hold .*; rename it: no line breaks, no blanks at its ends'):
        kept_lists([tmp_path], [(name, tmp_path / name)])
