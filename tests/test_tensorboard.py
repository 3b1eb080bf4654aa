"""The real tensorboard command, on the log of a finished run."""
import effsr

# isort: split
import json
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

import effsr.train


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


@contextmanager
def tensorboard(log_dir):
    """The command as a user starts it, beside this Python; yields its address."""
    command = Path(sys.executable).with_name('tensorboard')
    port = free_port()
    address = f'http://127.0.0.1:{port}'
    output = Path(log_dir).with_name('tensorboard_output.txt')
    with output.open('w') as file:
        server = subprocess.Popen([str(command), '--logdir', str(log_dir), '--port', str(port), '--host', '127.0.0.1',
                                   '--load_fast=false'], stdout=file, stderr=subprocess.STDOUT)
    try:
        yield address
    except AssertionError as error:
        raise AssertionError(f'{error}\n{output.read_text()}') from error
    finally:
        server.kill()
        server.wait(timeout=30)


def ask(address, what, seconds=60):
    """The answer of the HTTP API, as soon as the server is up and has read the log."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with direct.open(f'{address}/data/plugin/{what}', timeout=10) as answer:
                found = json.load(answer)
            if found:
                return found
        except OSError:
            pass
        time.sleep(0.3)
    raise AssertionError(f'{what}: no answer within {seconds} s')


@pytest.mark.slow
def test_tensorboard_shows_a_run(tmp_path, monkeypatch, write_options):
    monkeypatch.chdir(tmp_path)
    options = write_options(tmp_path, {'logger': {'use_tb_logger': True}, 'val': {'val_freq': 3}})
    assert effsr.train.main(['-opt', options]) == 0
    with tensorboard(tmp_path / 'tb_logger') as address:
        scalars = ask(address, 'scalars/tags')['tiny']
        assert {'losses/l_pix', 'learning_rate/group_0', 'metrics/held_out/psnr', 'metrics/held_out/psnr_bicubic',
                'speed/iterations_per_second'} <= set(scalars)
        images = ask(address, 'images/tags')['tiny']
        assert set(images) == {'training set/first samples (gt, degraded)', *(
            f'pictures/held_out/{name} (lq, bicubic, result, gt)' for name in ('00', '01'))}
        values = ask(address, 'scalars/scalars?run=tiny&tag=metrics/held_out/psnr')
        assert [step for _, step, _ in values] == [3, 6]
