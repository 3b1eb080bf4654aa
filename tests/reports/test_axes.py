import pytest

from effsr.reports.axes import alike, fit_axis


def test_values_lie_within_and_in_proportion():
    axis = fit_axis([10, 20], 0, 100)
    assert not axis.log and axis.place(10) == pytest.approx(100 * 0.8 / 11.6)
    assert axis.place(15) == pytest.approx(50)


def test_wide_ranges_are_logarithmic():
    axis = fit_axis([1, 100], 0, 100)
    assert axis.log and axis.place(10) == pytest.approx(50)
    assert axis.ticks() == [1, 3, 10, 30, 100]
    assert not fit_axis([0, 100], 0, 1).log


def test_one_value_has_an_axis():
    assert fit_axis([5], 0, 100).place(5) == pytest.approx(50)
    assert fit_axis([0], 0, 100).place(0) == pytest.approx(0)
    assert fit_axis([5], 0, 100, log=True).place(5) == pytest.approx(50)


@pytest.mark.parametrize('values', [[], [float('inf')]])
def test_what_has_no_place_is_refused(values):
    with pytest.raises(ValueError, match='accepted: finite values'):
        fit_axis(values, 0, 1)


def test_ticks_are_round_and_printed_alike():
    assert fit_axis([27.9, 29.1], 0, 100, log=False).ticks() == [28, 28.5, 29]
    assert alike([28, 28.5, 29]) == ['28.0', '28.5', '29.0']
    assert alike([-1.0, 0.0]) == ['−1', '0']
