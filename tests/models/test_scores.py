"""Scores: the best so far, metrics.jsonl and taking it back to an iteration."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import json
import math

import pytest

from effsr.models.scores import Score, ScoreBook, describe, means, read_rows

METRICS = {'psnr': {'type': 'calculate_psnr', 'better': 'higher'}, 'lpips': {'type': 'x', 'better': 'lower'}}


def book(path=None, **scores):
    made = ScoreBook(METRICS, path)
    made.scores = scores
    return made


def add(made, iteration, psnr, lpips=0.5, dataset='a'):
    made.add(dataset, iteration, [{'psnr': psnr, 'lpips': lpips}], [{'psnr': 20.0, 'lpips': 0.6}])
    made.write(dataset, iteration)


def test_means_beside_bicubic():
    made = book()
    rows = [{'psnr': 30.0, 'lpips': 0.5}, {'psnr': 33.0, 'lpips': 0.1}]
    assert made.add('a', 5, rows, [{'psnr': 20.0, 'lpips': 1.0}] * 2) == {
        'psnr': Score(31.5, 20.0, 31.5, 5), 'lpips': Score(0.3, 1.0, 0.3, 5)}
    assert means(rows) == {'psnr': 31.5, 'lpips': 0.3}


def test_a_first_score_that_is_no_number_is_not_the_best_for_ever():
    made = book(a={'psnr': Score(math.nan, 1.0, math.nan, 1)})
    add(made, 2, 30.0)
    assert made.scores['a']['psnr'] == Score(30.0, 20.0, 30.0, 2)


def test_rewind_purges_later_rows_and_finds_the_best_of_what_is_left(tmp_path):
    made = book(tmp_path / 'metrics.jsonl')
    for iteration, psnr, lpips in ((10, 30.0, 0.5), (20, 29.0, 0.4), (30, 35.0, 0.1)):
        add(made, iteration, psnr, lpips)
    made.rewind(20)
    assert [row['iter'] for row in read_rows(made.file)] == [10, 10, 20, 20]
    assert made.scores == {'a': {'psnr': Score(29.0, 20.0, 30.0, 10), 'lpips': Score(0.4, 0.6, 0.4, 20)}}


@pytest.mark.parametrize(('validated', 'kept'), [
    (None, [('a', 10), ('a', 20), ('b', 20)]), ({'a': 20, 'b': 10}, [('a', 10), ('a', 20)]),
    ({'a': 10}, [('a', 10)]), ({}, [('a', 10)])])
def test_rows_of_the_very_iteration_stay_where_the_state_knows_of_them(tmp_path, validated, kept):
    made = book(tmp_path / 'metrics.jsonl')
    for dataset, iteration in (('a', 10), ('a', 20), ('b', 20), ('a', 30)):
        add(made, iteration, 30.0, dataset=dataset)
    made.rewind(20, validated)
    assert [(row['dataset'], row['iter']) for row in read_rows(made.file) if row['metric'] == 'psnr'] == kept
    assert set(made.scores) == {dataset for dataset, _ in kept}


def test_a_line_that_a_kill_cut_short_is_dropped_and_another_is_an_error(tmp_path):
    made = book(tmp_path / 'metrics.jsonl')
    add(made, 10, 30.0)
    whole = made.file.read_text()
    made.file.write_text(whole + '{"iter": 20, "da')
    made.rewind(20)
    assert made.file.read_text() == whole
    made.file.write_text('nonsense\n' + whole)
    with pytest.raises(ValueError, match=r'metrics\.jsonl, line 1: no JSON .*; take the line out'):
        made.rewind(20)


def test_nothing_to_rewind(tmp_path):
    kept = {'a': {'psnr': Score(1.0, 2.0, 3.0, 4)}}
    for made in (book(None, **kept), book(tmp_path / 'none.jsonl', **kept)):
        made.rewind(5)
        assert made.scores == kept


def test_all_rows_of_a_validation_are_one_write(tmp_path, monkeypatch):
    made = book(tmp_path / 'metrics.jsonl')
    writes = []

    class File:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            writes.append('close')

        def write(self, text):
            writes.append(text)

        def flush(self):
            writes.append('flush')

    monkeypatch.setattr(type(made.file), 'open', lambda self, *args, **kwargs: File())
    add(made, 10, math.inf)
    text, *rest = writes
    assert rest == ['flush', 'close']
    rows = [json.loads(line) for line in text.splitlines()]
    assert [row['metric'] for row in rows] == ['psnr', 'lpips'] and rows[0]['value'] is None


def test_describe():
    scores = {'psnr': Score(30.0, 28.5, 31.0, 500)}
    assert describe('Set5', 900, scores).splitlines() == [
        'Validation on Set5, iteration 900', '  psnr       30.0000   bicubic  28.5000 (+1.5000)   best  31.0000 at 500']
    assert 'best' not in describe('Set5', 'name', scores)


def test_state_and_restore():
    made, again = book(a={'psnr': Score(1.0, 2.0, 3.0, 4)}), book()
    state = made.state()
    assert state == {'a': {'psnr': [1.0, 2.0, 3.0, 4]}}
    again.restore(json.loads(json.dumps(state)))
    assert again.scores == made.scores
