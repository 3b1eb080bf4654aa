"""Which files are decoded in a check, and how problems are told."""
import pytest

from effsr.data.image_check import check_image, raise_all, refuse, spread
from effsr.data.image_io import ImageError


def test_header_and_end(tmp_path, write):
    write(tmp_path / 'a.png', 20, 30)
    assert check_image(tmp_path / 'a.png') == (20, 30)
    data = (tmp_path / 'a.png').read_bytes()
    (tmp_path / 'a.png').write_bytes(data[:-20])
    with pytest.raises(ImageError, match=r'a\.png: the file is cut short; copy it again or take it out'):
        check_image(tmp_path / 'a.png')


def test_as_many_files_are_decoded_as_cost_seconds():
    assert spread([10] * 6, 60) == set(range(6))
    assert spread([10] * 6, 59) == {0, 2, 4}
    assert spread([], 1) == set()


def test_the_first_problems_are_told_and_the_rest_counted(caplog):
    with pytest.raises(ImageError, match=r'(?s)^a\nb\nc\nd\ne\n\.\.\. and 2 more files like these$'):
        raise_all('abcdefg')
    raise_all([])
    refuse([], 0, 'fail')
    refuse(['x'], 2, 'skip')
    assert '1 of 2 images cannot be used (on_error: skip):\n  x' in caplog.text
    for policy in ('fail', 'skip'):
        with pytest.raises(ImageError, match='^x$'):
            refuse(['x'], 1, policy)
