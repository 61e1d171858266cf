# SPDX-License-Identifier: BSD-3-Clause
"""What the scripts leave behind when they are stopped: nothing."""
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from gateway import TOP
from net import run, wait_for

HUGEPAGES = Path('/proc/sys/vm/nr_hugepages')


def script(*argv, log):
    """Starts a script as a terminal does: in a process group of its own, with signals as usual."""
    return subprocess.Popen([TOP / 'scripts' / argv[0], *argv[1:]], stdout=log,
                            stderr=subprocess.STDOUT, start_new_session=True,
                            preexec_fn=lambda: [signal.signal(s, signal.SIG_DFL) for s in (
                                signal.SIGINT, signal.SIGTERM, signal.SIGHUP)])


def members(group):
    """Processes of a group that have not ended."""
    lines = run('ps', '-eo', 'pgid=,stat=,args=').splitlines()
    return [line for line in lines if line.split()[0] == str(group) and
            not line.split()[1].startswith('Z')]


@pytest.mark.parametrize('number, to_group, status', [
    (signal.SIGINT, True, 130),     # Ctrl-C
    (signal.SIGTERM, False, 143),   # kill
    (signal.SIGHUP, True, 129),     # the terminal is closed
])
@pytest.mark.parametrize('moment', ['the scene', '1 tunnel: gateways start', '1 tunnel: iperf3'])
def test_stopped_demo_leaves_nothing(tmp_path, number, to_group, status, moment):
    def things():
        return ([f for kind in ('wirebraid', 'wireguard-go') for f in
                 Path(tempfile.gettempdir()).glob(f'{kind}-{demo_pid}-*')] if demo_pid else []) + \
            [n for n in run('ip', 'netns', 'list').splitlines() if n.startswith(f'wbt{demo_pid}-')]
    demo_pid = None
    pages = HUGEPAGES.read_text()
    log = tmp_path / 'log'
    with log.open('w') as out:
        demo = script('demo', '--seconds', '5', log=out)
    wait_for(lambda: f'== {moment}' in log.read_text(), 60, why=f'the demo comes to {moment}')
    demo_pid = next(int(p) for p in run('pgrep', '-g', demo.pid, '-f', 'demo.py').split())
    time.sleep(0.7)
    assert things(), 'there is something to take down'
    began = time.monotonic()
    (os.killpg if to_group else os.kill)(demo.pid, number)
    assert demo.wait(20) == status, log.read_text()
    assert time.monotonic() - began < 15
    assert not things() and not members(demo.pid)
    assert HUGEPAGES.read_text() == pages
    assert not Path('/var/run/dpdk/demo-a').exists()
    assert 'Traceback' not in log.read_text(), log.read_text()


@pytest.mark.parametrize('number, to_group, status', [
    (signal.SIGINT, True, 130), (signal.SIGTERM, False, 143)])
def test_stopped_bench_leaves_nothing(tmp_path, number, to_group, status):
    """No gateway that polls a CPU from then on."""
    pages = HUGEPAGES.read_text()
    log = tmp_path / 'log'
    with log.open('w') as out:
        bench = script('bench', '--only', 'memif', '--quick', log=out)
    wait_for(lambda: 'cold start' in log.read_text(), 180, why='it is built and begins')
    wait_for(lambda: any('wirebraid run' in line for line in members(bench.pid)), 10,
             why='a gateway runs')
    (os.killpg if to_group else os.kill)(bench.pid, number)
    assert bench.wait(20) == status, log.read_text()
    assert not members(bench.pid)
    assert HUGEPAGES.read_text() == pages
    assert 'Traceback' not in log.read_text(), log.read_text()


def test_scripts_tell_how_to_use_them():
    for name in ('demo', 'test'):
        out = run(TOP / 'scripts' / name, '--help')
        assert 'usage: ' in out and 'scripts/' + name in out
    done = subprocess.run([TOP / 'scripts' / 'test', '--slow'], stdout=-1, stderr=-1, check=False)
    assert done.returncode == 2 and b'usage' in done.stderr
    for wrong in (['--slow'], ['--mbit', '0']):
        done = subprocess.run([TOP / 'scripts' / 'demo', *wrong], stdout=-1, stderr=-1, check=False)
        assert done.returncode == 2 and b'usage' in done.stderr
