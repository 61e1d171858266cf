# SPDX-License-Identifier: BSD-3-Clause
"""The bench over memif: that what it says holds, not how fast anything is."""
import json
import subprocess
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from types import SimpleNamespace

import pytest

from gateway import TOP, keypair

# The rings hold 2048 packets: on a busy machine the gateway may be away for longer at a higher rate.
RATE, SECONDS = 5000, 0.3
BENCH = TOP / 'tests' / 'bench' / 'over_memif'
LOAD = TOP / 'build' / 'tests' / 'bench' / 'memif_load'


def bench(path, *args):
    done = subprocess.run([BENCH, '--quick', '--rate', str(RATE), '--json', path, *args],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(len(line) <= 80 for line in done.stdout.splitlines()), done.stdout
    return json.loads(path.read_text())


@pytest.mark.parametrize('args, tunnels', [
    (('--sizes', '64', '--directions', 'out,in,plain'), 1),
    (('--sizes', 'imix', '--directions', 'out,in', '--family', '6', '--tunnels', '3',
      '--gateway-role', 'server'), 3)])
def test_all_that_is_sent_slowly_arrives(tmp_path, args, tunnels):
    """Both ways through a gateway of its own and past its tunnels, in either role of memif: nothing is
    lost, out of order or not what was sent, and latency is told of many packets."""
    document = bench(tmp_path / 'json', *args)
    directions = args[3].split(',')
    assert [name.split()[0] for name in document['results']] == directions
    for result in document['results'].values():
        assert result['sent'] == result['received'] == RATE * SECONDS, result
        assert result['lost'] == result['reordered'] == result['opened_bad'] == 0, result
        assert result['tunnels'] == tunnels
        assert result['sampled'] == result['received'], result
        latency = [result['latency_us'][name] for name in ('p50', 'p99', 'p999', 'max')]
        assert 0 < latency[0] and latency == sorted(latency), latency
    assert document['kept']['of_seconds'] >= 0.99 * SECONDS * len(directions)
    accounts = document['accounts']
    assert accounts['balance'] == 0
    assert accounts['port_tx'] >= len(directions) * RATE * SECONDS
    if 'server' not in args:
        cold = document['cold_start_s']
        assert all(0 < cold[name] < 20 for name in ('links', 'plain', 'sealed')), cold


def test_a_long_run_of_what_was_sealed_before(tmp_path):
    """Nothing that is sealed meanwhile, as a keepalive after 5 s, makes the rest of it too old for the
    gateway's replay window."""
    document = bench(tmp_path / 'json', '--sizes', '64', '--directions', 'in', '--seconds', '7')
    result = document['results']['in          64']
    assert result['sent'] == result['received'] == RATE * 7, result


@pytest.fixture(scope='module')
def over_memif():
    spec = spec_from_loader('over_memif', SourceFileLoader('over_memif', str(BENCH)))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Restless:
    """A machine on which runs longer than `calm` seconds lose packets since others have the CPU, and
    those at more than `limit` packets a second since that is too much; what a bench asks, it answers."""

    def __init__(self, calm, limit):
        self.calm, self.limit, self.pauses = calm, limit, 0

    def ask(self, _, seconds, rate, **__):
        paused = seconds > self.calm
        self.pauses += paused
        return {'lost': 7 if paused or rate > self.limit else 0, 'seconds': seconds, 'slipped_s': 0,
                'offered_pps': 0.97 * rate}

    def kept(self):
        return self.pauses, self.pauses * 0.002

    @staticmethod
    def waited():
        return 0


@pytest.mark.parametrize('calm, limit, seconds, found', [
    (2, 1e6, 1, 1e6), (0.3, 1e6, 0.25, 1e6), (0.3, 5e6, 0.25, 5e6), (0.01, 1e6, 0.125, 0)])
def test_trials_become_shorter(over_memif, monkeypatch, calm, limit, seconds, found):
    """What others' pauses lose is not the gateway's; what is too much for it, is."""
    monkeypatch.setattr(over_memif.time, 'sleep', lambda _: None)
    machine = Restless(calm, limit)
    args = SimpleNamespace(seconds=1, tries=3, resolution=0.01, flows=1, family=4)
    bench = over_memif.Bench(machine, machine, args)
    rate, _ = bench.loss_free('out', '64', 2e6)
    assert 0.98 * found <= rate / 0.97 <= found and bench.seconds == seconds
    assert bench.kept['times'] == machine.pauses


def test_a_line_that_always_loses(over_memif, capsys):
    """Searches that find no rate without loss do not end the bench: the rest is told, and what other
    runs found of the line is their median."""
    lost = {'loss_free_pps': 0, 'full_load_pps': 3e6, 'cost': None, 'loads': {}, 'gbit_s': 0,
            'trial_s': 0}
    latency = {'latency_us': {'p50': 1, 'p99': 2, 'p999': 3, 'max': 4}, 'lost': 0}
    found = lost | {'loss_free_pps': 2e6, 'gbit_s': 1.5, 'trial_s': 1,
                    'loads': {'50': latency | {'lost': 6}}}
    median = over_memif.median_of([lost, found, found | {'loss_free_pps': 1e6}])
    assert median['loss_free_pps'] == 1e6 and median['loads'] == {'50': latency | {'lost': 6}}
    over_memif.report({'results': {'out   64': lost, 'in    64': median},
                       'kept': {'times': 1234, 'seconds': 0.5, 'of_seconds': 40}}, None)
    told = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ['out', '64', '-', '-', '-', '3.000', '-'] in told
    assert ['in', '64', '1.000', '1.50', '1.00', '3.000', '-'] in told
    assert [line[2:4] for line in told[:-2] if 'out' in line or '%' in line] == [
        ['-', '-'], ['50', '%']], told
    assert '1,234 times for over 0.5 ms: 1.25 % of the time measured.'.split() == (
        told[-2][-6:] + told[-1]), told


@pytest.mark.parametrize('command, error', [
    ('run rate=10 direction=up', "direction 'up' is not known, expected in, out or plain"),
    ('run rate=10 direction=plain family=6', 'family 6 has no way without a tunnel, expected 4'),
    ('run rate=10 size=2000', "size '2000' is not valid, expected 44 to 1420"),
    ('run rate=10 size=50 family=6', 'size 50 is too small, expected at least 64'),
    ('run direction=in', 'rate is not there, expected packets a second'),
    ('run rate=10 many', "'many', expected NAME=VALUE"),
    ('walk', "'walk' is not known, expected run, cold, wait, pause or quit"),
    ('wait seconds=0.1', 'no gateway at the lan port within 0 s')])
def test_mistakes_are_told(tmp_path, command, error):
    subprocess.run(['ninja', '-C', TOP / 'build', 'tests/bench/memif_load'], check=True,
                   stdout=subprocess.DEVNULL)
    keys = tmp_path / 'keys'
    keys.write_text(f'{keypair()[0]} {keypair()[1]}\n')
    done = subprocess.run([LOAD, '--lan', tmp_path / 'lan', '--wan', tmp_path / 'wan', '--keys',
                           keys, '--no-huge'], input=f'{command}\nquit\n', check=True,
                          stdout=subprocess.PIPE, text=True)
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {'started': True}, {'error': error}]


def against_vpp(program):
    return subprocess.run([TOP / 'tests' / 'bench' / 'against_vpp', '--quick', '--vpp', program],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)


def test_no_vpp_is_told(tmp_path):
    done = against_vpp(tmp_path / 'vpp')
    assert done.returncode == 1 and done.stdout == ''
    assert done.stderr.startswith(f"against_vpp: '{tmp_path}/vpp' is no program. "), done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_vpp_that_does_not_start_is_told(tmp_path):
    program = tmp_path / 'vpp'
    program.write_text('#!/bin/sh\necho "no such page size"\nexit 3\n')
    program.chmod(0o755)
    done = against_vpp(program)
    assert done.returncode == 1 and done.stdout == ''
    assert done.stderr.splitlines()[-2:] == [
        f'against_vpp: {program} ended with status 3:', 'no such page size'], done.stderr
