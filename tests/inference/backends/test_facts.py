"""What an exported file says of itself."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import json

import pytest

from effsr.inference.backends.facts import Facts, read_facts


def test_what_is_written_is_read():
    facts = Facts(2, 'RRDBNet', {'num_feat': 8}, 2, 18, 'int8', '0.1', 'a.pth', '00', {'method': 'minmax'})
    assert read_facts(facts.to_text(), 'a.onnx') == facts
    told = json.loads(facts.to_text())
    assert (told['range'], told['color_order'], told['layout']) == ([0, 1], 'RGB', 'NCHW')
    assert facts.to_text().isascii()
    assert '\n' not in facts.to_text()


def test_what_a_later_version_adds_is_passed_over():
    assert read_facts(json.dumps({'scale': 4, 'arch': 'X', 'novel': 1}), 'a.onnx') == Facts(4, 'X')


@pytest.mark.parametrize(('text', 'words'), [
    (None, 'no metadata of effsr'), ('{', 'damaged'), ('[]', 'damaged'), ('{"scale": 4}', 'damaged'),
    ('{"arch": "X", "scale": 0}', 'scale 0'), ('{"arch": "X", "scale": true}', 'scale True'),
    ('{"arch": "X", "scale": 2, "multiple": 1.5}', 'multiple 1.5'),
    ('{"arch": "X", "scale": 2, "color_order": "BGR"}', "color_order 'BGR'")])
def test_damage_is_told_in_one_line(text, words):
    with pytest.raises(ValueError, match=words) as caught:
        read_facts(text, 'dir/a.onnx')
    assert str(caught.value).startswith('dir/a.onnx: ')
    assert '\n' not in str(caught.value)
