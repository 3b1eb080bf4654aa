"""Tables as text and as Markdown."""
import pytest

from effsr.runtime.tables import Table, as_markdown, as_text

TABLE = Table('Times', ('stage', 'ours', 'theirs'), (('USM', '1.5', '60.0'), ('pool | swap', '10.0', '2')))


def test_text_is_aligned():
    assert as_text(TABLE) == ('Times\n'
                              'stage        ours  theirs\n'
                              '-------------------------\n'
                              'USM           1.5    60.0\n'
                              'pool | swap  10.0       2')


def test_markdown():
    assert as_markdown(TABLE) == ('**Times**\n\n'
                                  '| stage | ours | theirs |\n'
                                  '|---|---:|---:|\n'
                                  '| USM | 1.5 | 60.0 |\n'
                                  '| pool \\| swap | 10.0 | 2 |')


@pytest.mark.parametrize('write', [as_text, as_markdown])
def test_a_row_that_does_not_fit(write):
    with pytest.raises(ValueError, match='Times: a row of 1 cells under 3 headings'):
        write(TABLE._replace(rows=(('USM',),)))
