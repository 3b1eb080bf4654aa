"""TensorBoard's files: late events go, all else stays readable."""
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

from effsr.runtime.events import purge_events, records


@pytest.fixture
def folder(tmp_path):
    writer = SummaryWriter(str(tmp_path / 'run'))
    for step in range(1, 11):
        writer.add_scalar('losses/l_pix', step / 10, step)
    writer.add_image('picture', np.zeros((3, 4, 4), np.uint8), 10)
    writer.add_histogram('drawn', np.arange(5.0), 5)
    writer.close()
    return tmp_path / 'run'


def read(folder):
    accumulator = EventAccumulator(str(folder), size_guidance={'scalars': 0})
    accumulator.Reload()
    return accumulator


def test_later_events_go_and_earlier_stay(folder):
    assert purge_events(folder, 6) == 5
    events = read(folder)
    assert [(event.step, round(event.value, 1)) for event in events.Scalars('losses/l_pix')] == [
        (step, step / 10) for step in range(1, 7)]
    assert events.Tags()['images'] == [] and events.Tags()['histograms'] == ['drawn']
    assert purge_events(folder, 6) == 0


def test_another_writer_goes_on_in_the_same_folder(folder):
    purge_events(folder, 3)
    writer = SummaryWriter(str(folder))
    writer.add_scalar('losses/l_pix', 4.0, 4)
    writer.close()
    assert [event.step for event in read(folder).Scalars('losses/l_pix')] == [1, 2, 3, 4]


def test_a_file_that_was_cut_off_is_read_to_where_it_is_whole(folder):
    path, = folder.glob('events*')
    data = path.read_bytes()
    whole = len(list(records(data)))
    path.write_bytes(data[:-3])
    assert len(list(records(path.read_bytes()))) == whole - 1
    purge_events(folder, 2)
    assert [event.step for event in read(folder).Scalars('losses/l_pix')] == [1, 2]


def test_no_folder_no_events(tmp_path):
    assert purge_events(tmp_path / 'none', 3) == 0


def test_a_damaged_file_is_left_alone(folder):
    path, = folder.glob('events*')
    data = bytearray(path.read_bytes())
    data[60:200] = b'\xff' * 140
    path.write_bytes(data)
    purge_events(folder, 2)
    assert path.read_bytes() == bytes(data)
