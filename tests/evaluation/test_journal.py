"""The journal outlives whoever writes it."""
import math

import pytest

from effsr.curation.errors import OutputError
from effsr.evaluation.journal import JOURNAL, Journal, Known, read_journal


def test_what_is_noted_is_known(tmp_path):
    assert read_journal(tmp_path) == Known({}, {})
    with Journal(tmp_path / 'w') as journal:
        journal.note({'a': 'ff'}, {'x': 28.431234567890123, 'y': math.inf})
        journal.note({}, {})
        journal.note({'a': 'ee'}, {})
    assert read_journal(tmp_path / 'w') == Known({'a': 'ee'}, {'x': 28.431234567890123, 'y': math.inf})
    assert len((tmp_path / 'w' / JOURNAL).read_bytes().splitlines()) == 2


@pytest.mark.parametrize('cut', range(1, 40))
def test_cut_at_any_byte(tmp_path, cut):
    with Journal(tmp_path) as journal:
        journal.note({'a': 'ff'}, {'x': 1.5})
    whole = (tmp_path / JOURNAL).read_bytes()
    (tmp_path / JOURNAL).write_bytes(whole + whole[:-cut])
    with Journal(tmp_path) as journal:
        journal.note({'b': 'ee'}, {})
    assert read_journal(tmp_path) == Known({'a': 'ff', 'b': 'ee'}, {'x': 1.5})


def test_no_folder_can_be_made(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(OutputError, match='cannot be written'):
        Journal(tmp_path / 'file/work')
