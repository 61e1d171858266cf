# SPDX-License-Identifier: BSD-3-Clause
"""Stages on two workers, moved from one to the other under traffic: nothing is lost, late or twice."""
import itertools
import signal
import subprocess
import threading
import time

import pytest

from gateway import PROGRAM
from net import run, wait_for
from sites import Sites
from stream import Stream
from test_groups import Flows

CPUS = (0, 1)
# Everything of site A that can move.
PARTS = ('wg0 seal', 'wg0 open', 'bond0 rx', 'bond0 tx', 'lan0', 'wg0')


@pytest.fixture(scope='module')
def sites(module_net):
    s = Sites(module_net, links=1, workers=('0-1', 1), more='[paths]\nprobe = off\n')
    # Nothing is to move by itself while other things are looked at.
    s.a.sections = 'balance = off\n' + s.a.sections
    s.start(1)
    s.host_a.reaches('fd02::2')
    return s


def order(gateway, *words):
    return subprocess.run([PROGRAM, *map(str, words), '--name', gateway.name], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)


def move(gateway, what, cpu):
    done = order(gateway, 'move', *what.split(), cpu)
    assert (done.returncode, done.stderr) == (0, ''), done


def where(gateway):
    """The CPU of each stage."""
    return {stage['name']: lcore['cpu'] for lcore in gateway.show('lcores')
            for stage in lcore['stages']}


def planned(gateway):
    """What `check` prints of the plan."""
    lines = run(PROGRAM, 'check', gateway.config).splitlines()
    plan, cpu = {}, None
    start = next(i for i, line in enumerate(lines) if line.startswith('lcores, '))
    for line in itertools.takewhile(lambda line: line.startswith('  '), lines[start + 2:]):
        words = line.split()
        if not line.startswith(' ' * 12):
            cpu, words = int(words[0]), words[2:]
        plan.update(dict.fromkeys(words, cpu))
    return plan


class Moving:
    """Moves one part after the other between the CPUs while the body of the `with` runs."""

    def __init__(self, gateway, parts):
        self.gateway, self.parts = gateway, parts
        self.moves, self.ended = 0, threading.Event()
        self.failure = None
        self.thread = threading.Thread(target=self.work)

    def work(self):
        try:
            for n in itertools.count():
                for part in self.parts:
                    if self.ended.is_set():
                        return
                    move(self.gateway, part, CPUS[n % 2])
                    self.moves += 1
        except BaseException as failure:
            self.failure = failure

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
        if self.failure is not None:
            raise self.failure


def dropped(sites):
    return sum(g.ask('accounts')['dropped'] for g in (sites.a, sites.b))


def test_what_check_prints_is_what_runs(sites):
    assert where(sites.a) == planned(sites.a)
    halves = where(sites.a)
    assert halves['seal:wg0'] == halves['tun:wg0'] != halves['open:wg0']
    tunnel = sites.a.ask('tunnel,wg0')
    assert tunnel['lcore_seal'] != tunnel['lcore_open']


def test_a_move_is_told(sites):
    before = where(sites.a)
    cpu = 1 - before['seal:wg0']
    move(sites.a, 'wg0 seal', cpu)
    after = where(sites.a)
    assert after == {**before, 'seal:wg0': cpu, 'tun:wg0': cpu}
    lcore = next(each for each in sites.a.show('lcores') if each['cpu'] == cpu)
    assert lcore['moves'] >= 1
    last = lcore['last_move']
    assert (last['what'], last['from'], last['to'], last['why']) == \
        ('seal:wg0', 1 - cpu, cpu, 'asked for')
    assert f'lcores: seal:wg0 moved from CPU {1 - cpu} to CPU {cpu}: asked for' in \
        sites.a.log.read_text()
    assert 'seal:wg0' in sites.a.text('lcores')
    # Where it is already is no move.
    move(sites.a, 'wg0 seal', cpu)
    assert next(each for each in sites.a.show('lcores') if each['cpu'] == cpu)['moves'] == \
        lcore['moves']
    sites.host_a.ping('10.2.0.2', count=3)


@pytest.mark.parametrize('words, message', [
    (('wg7', 'seal', 1), 'wg7 is neither a port nor a tunnel that is up'),
    (('wg0', 'seal', 77), 'CPU 77 is no worker\'s, expected one of 0, 1'),
    (('wg0', 'tx', 1), 'wg0 is a tunnel, expected seal or open of it'),
    (('bond0', 'open', 1), 'bond0 is a port, expected rx, tap or tx of it'),
    (('wg0', 'middle', 1), "'middle' is no part, expected seal or open of a tunnel, or rx, rx0, "
                           'tap or tx of a port'),
    (('wg0', 'one'), "'one' is out of range, expected 0 to 1023"),
])
def test_mistakes_are_told(sites, words, message):
    done = order(sites.a, 'move', *words)
    assert (done.returncode, done.stderr) == (1, f'wirebraid: {message}\n')


def test_moves_lose_and_reorder_nothing(sites):
    """A counted stream each way, while everything moves to and fro."""
    before = dropped(sites)
    there = Stream('udp', sites.host_a, sites.host_b, '10.2.0.2', 7001, 20, 2000, 6.0, 400)
    back = Stream('udp', sites.host_b, sites.host_a, '10.1.0.2', 7002, 20, 2000, 6.0, 400)
    with Moving(sites.a, PARTS) as moving:
        time.sleep(6.5)
    for result in (there.result(), back.result()):
        print(moving.moves, result)
        assert result.flows == 20 and result.sent > 5000
        assert result.out_of_order == result.duplicates == 0, result
        assert result.lost <= dropped(sites) - before, result
    assert moving.moves > 50
    for gateway in (sites.a, sites.b):
        gateway.balanced()


@pytest.mark.parametrize('parts', [('wg0 seal',), PARTS])
def test_no_reordering_at_full_rate(sites, parts):
    """As many packets as there can be: rings are full, and still no packet overtakes another."""
    with Flows(sites, 5) as flows, Moving(sites.a, parts) as moving:
        time.sleep(5)
    print(f'{moving.moves} moves')
    assert moving.moves > 20
    assert flows.result['late'] == flows.result['twice'] == 0, flows.result
    for gateway in (sites.a, sites.b):
        gateway.balanced()
    drops = {k: v for k, v in sites.a.ask('drops').items() if v}
    print(drops)


def test_a_tunnel_goes_while_it_moves(sites):
    """A tunnel that is taken down and brought up while its stages are on their way."""
    files = sites.tunnels(2)
    for gateway, own in ((sites.a, files[0]), (sites.b, files[1])):
        gateway.write(own)
        assert order(gateway, 'reload').returncode == 0
    sites.ns_a.reaches('10.99.1.2')
    ended = threading.Event()
    seen = []

    def mover():
        for n in itertools.count():
            if ended.is_set():
                return
            done = order(sites.a, 'move', 'wg1', CPUS[n % 2])
            seen.append(done.stderr)

    thread = threading.Thread(target=mover)
    thread.start()
    traffic = Stream('udp', sites.host_a, sites.host_b, '10.2.0.2', 7003, 20, 1000, 5.0, 200)
    try:
        for _ in range(6):
            assert order(sites.a, 'down', 'wg1').returncode == 0
            time.sleep(0.2)
            assert order(sites.a, 'up', 'wg1').returncode == 0
            time.sleep(0.2)
    finally:
        ended.set()
        thread.join()
    assert set(seen) <= {'', 'wirebraid: wg1 is neither a port nor a tunnel that is up\n'}, set(seen)
    assert seen.count('') > 10
    traffic.result()
    sites.ns_a.reaches('10.99.1.2')
    for gateway in (sites.a, sites.b):
        gateway.balanced()


def test_what_keeps_a_worker_from_work_is_told(sites):
    """Here the whole gateway stands still, as for a hypervisor that has other guests."""
    before = sites.a.show('lcores')
    sites.a.signal(signal.SIGSTOP)
    time.sleep(0.3)
    sites.a.signal(signal.SIGCONT)
    wait_for(lambda: all(now['pauses'] > then['pauses'] for now, then in
                         zip(sites.a.show('lcores'), before)), 5, why='pauses are told')
    for now, then in zip(sites.a.show('lcores'), before):
        assert now['longest_pause_us'] >= 299_000
        assert now['paused_us'] - then['paused_us'] >= 299_000
        assert now['last_pause_ms_ago'] < 60_000
    assert sites.a.text('lcores').count('kept from work') == 2


def test_reload_moves_to_written_places(sites):
    """Rules that are new are kept at once, and by tunnels that come later."""
    sections = sites.a.sections
    move(sites.a, 'wg0', 0)
    sites.a.sections = 'place = wg0 1\nplace = bond0 tx 0\nplace = later 0\n' + sections
    sites.a.write(sites.tunnels(1)[0])
    assert order(sites.a, 'reload').returncode == 0
    now = where(sites.a)
    assert now['seal:wg0'] == now['tun:wg0'] == now['open:wg0'] == 1 and now['tx:bond0'] == 0
    assert sites.a.show('lcores')[1]['last_move']['why'] == 'written'
    assert order(sites.a, 'down', 'wg0').returncode == 0
    move(sites.a, 'bond0', 1)
    assert order(sites.a, 'up', 'wg0').returncode == 0
    now = where(sites.a)
    assert now['seal:wg0'] == now['open:wg0'] == 1
    sites.a.sections = 'place = wg0 3\n' + sections
    sites.a.write(sites.tunnels(1)[0])
    done = order(sites.a, 'reload')
    assert done.returncode == 1 and "which is no worker's" in done.stderr
    sites.a.sections = sections


class ManyQueues(Sites):
    """Gateway A receives by two queues of each port, as the kernel's packet sockets share packets
    out when asked to."""

    def sections(self, n):
        if n != 1:
            return super().sections(n)
        return super().sections(n).replace('kernel:wan0', self.device('wan0')).replace(
            'kernel:lan', self.device('lan')).replace('address = 192', 'rx-queues = 2\naddress = 192'
        ).replace('address = 10.1', 'rx-queues = 2\naddress = 10.1')

    @staticmethod
    def device(name):
        return (f'net_af_packet_{name},iface={name},qpairs=2,blocksz=4096,framesz=2048,'
                'framecnt=512,qdisc_bypass=0')


def packets_by_queue(gateway, port):
    stages = {stage['name']: stage['packets'] for lcore in gateway.show('lcores')
              for stage in lcore['stages']}
    return [stages[f'rx{queue}:{port}'] for queue in range(2)]


def test_several_rx_queues(net):
    """Each has a stage of its own, which runs and moves by itself; LACP comes by any of them."""
    s = ManyQueues(net, links=1, workers=('0-1', 1), more='[paths]\nprobe = off\n')
    s.a.sections = 'balance = off\n' + s.a.sections
    # The kernel, which sees all packets too, is not to route them as well.
    s.ns_a.run('sysctl', '-qw', 'net.ipv4.ip_forward=0')
    s.start(1)
    now = where(s.a)
    assert now == planned(s.a)
    assert now['rx0:lan0'] != now['rx1:lan0'] and now['rx0:bond0'] != now['rx1:bond0']
    assert s.a.ask('port,lan0')['rx_queues'] == 2
    before = packets_by_queue(s.a, 'lan0')
    stream = Stream('udp', s.host_a, s.host_b, '10.2.0.2', 7004, 40, 2000, 5.0, 300)
    parts = ('lan0 rx0', 'lan0 rx1', 'bond0 rx', 'wg0')
    with Moving(s.a, parts) as moving:
        result = stream.result()
    assert result.flows == 40 and moving.moves > 20
    assert result.out_of_order == result.duplicates == 0 and result.lost == 0, result
    gained = [a - b for a, b in zip(packets_by_queue(s.a, 'lan0'), before)]
    assert min(gained) > sum(gained) / 10, gained
    move(s.a, 'lan0 rx1', 0)
    move(s.a, 'lan0 rx0', 1)
    assert where(s.a)['rx1:lan0'] == 0 and where(s.a)['rx0:lan0'] == 1
    done = order(s.a, 'move', 'lan0', 'rx2', 0)
    assert done.stderr == \
        'wirebraid: lan0 has no rx queue 2, expected rx0 to rx1 (see rx-queues)\n'
    for gateway in (s.a, s.b):
        gateway.balanced()
