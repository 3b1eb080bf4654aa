"""Flags come to the host when they are there, and are waited for only when they are read."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import torch

from effsr.models.nonfinite.arrivals import Here, UnderWay, send

FLAGS = torch.tensor([True, False, True])


def test_on_the_cpu_they_are_there_at_once():
    arrival = send(FLAGS)
    assert isinstance(arrival, Here) and arrival.ready() and arrival.read() == [True, False, True]


def test_an_accelerators_event_is_asked_and_not_waited_for(monkeypatch):
    """A stand-in for the event of an accelerator, behind flags of the CPU."""
    calls = []

    class Event:
        def record(self):
            calls.append('record')

        def query(self):
            calls.append('query')
            return len(calls) > 3

        def synchronize(self):
            calls.append('synchronize')
    monkeypatch.setattr(torch.cpu, 'Event', Event, raising=False)
    arrival = UnderWay(FLAGS)
    assert calls == ['record'] and not arrival.ready() and not arrival.ready() and arrival.ready()
    assert calls == ['record', 'query', 'query', 'query'] and arrival.read() == [True, False, True]
    assert calls[-1] == 'synchronize'
