# SPDX-License-Identifier: BSD-3-Clause
"""[lcores] balance: a tunnel moves away from a worker that has too much to do, by itself, under
traffic, and no packet of it is lost without a name or late.

One worker is kept busy by a port from which frames for somebody else never cease: net_null has as
many as it is asked for. That depends neither on how fast the machine is nor on who else computes on
it, and there is time left for each round's other packets, which a generator sends over memif."""
import os
import subprocess
import time

import pytest

from gateway import PROGRAM, TOP, Gateway
from generator import Generator, Site
from test_lcores import order, where

RATE, SIZE = 80000, 1420
# A tunnel moves after three looks, one a second, at a worker that is 90 % busy.
HOT, PATIENCE = 0.9, 8
PLACES = 'place = flood0 0\nplace = lan0 0\nplace = wan0 0\nplace = wg0 0\n'


class Scene:
    """Everything on CPU 0, which has too much to do; CPU 1 has nothing to do, and wg1 may move."""

    def __init__(self, net):
        subprocess.run(['ninja', '-C', TOP / 'build', 'tests/bench/memif_load'], check=True,
                       stdout=subprocess.DEVNULL)
        self.site = Site(2)
        net.closers.append(self.site.close)
        self.generator = Generator(self.site, 1, 'server', stock=1)
        net.closers.append(self.generator.close)
        # It shares a CPU with the worker that is to relieve the other, and must not hold it up.
        os.setpriority(os.PRIO_PROCESS, self.generator.process.pid, 19)
        self.files = {f'wg{n}': self.site.tunnel(n) for n in range(2)}
        # What was placed does not move by itself: wg1's rule goes again once it is there.
        self.gateway = Gateway(net, net.host('gateway'), self.sections('off', 'place = wg1 0\n'),
                               self.files, worker='0-1').start()
        self.generator.ask('wait', seconds=20)

    def sections(self, balance, place=''):
        return (f'control = 1\nbalance = {balance}\n{PLACES}{place}{self.site.ports("client")}'
                '[port flood0]\ndevice = net_null0\n[paths]\nprobe = off\n')

    def reload(self, balance):
        self.gateway.sections = self.sections(balance)
        self.gateway.write(self.files)
        assert order(self.gateway, 'reload').returncode == 0

    def busy(self, seconds):
        """The share of so many seconds that each worker was busy."""
        before = [self.gateway.ask(f'lcore,{n}') for n in range(2)]
        time.sleep(seconds)
        after = [self.gateway.ask(f'lcore,{n}') for n in range(2)]
        return [(b['busy_cycles'] - a['busy_cycles']) / (b['total_cycles'] - a['total_cycles'])
                for a, b in zip(before, after)]

    def moves(self):
        return [self.gateway.ask(f'lcore,{n}')['moves'] for n in range(2)]

    def dropped(self):
        """Packets of the generator's: full rings, when a worker had to wait for its CPU."""
        drops = self.gateway.ask('drops')
        return sum(n for name, n in drops.items() if name.endswith('_full'))

    def traffic(self, seconds, body):
        """Numbered packets into both tunnels, while `body` runs."""
        before = self.dropped()
        self.generator.say('run', direction='out', size=SIZE, rate=RATE, seconds=seconds,
                           open='all')
        body()
        result = self.generator.answer()
        dropped = self.dropped() - before
        print(result, f'{dropped} dropped')
        # Each one that came was opened and looked at, and each that did not has a name.
        assert result['received'] == result['sampled'] > RATE * seconds / 4
        assert result['reordered'] == result['opened_bad'] == 0
        assert result['sent'] - result['refused'] - result['received'] == dropped
        return result


@pytest.fixture(scope='module')
def scene(module_net):
    return Scene(module_net)


def test_off_moves_nothing(scene):
    scene.reload('off')
    assert where(scene.gateway)['seal:wg1'] == 0

    def body():
        for _ in range(5):
            busy = scene.busy(1)
            assert busy[0] > HOT and busy[1] < 0.1, busy
    scene.traffic(5.5, body)
    assert scene.moves() == [0, 0] and set(where(scene.gateway).values()) == {0}


def test_a_tunnel_moves_by_itself(scene):
    scene.reload('auto')
    before = where(scene.gateway)
    took = []

    def body():
        began = time.monotonic()
        while scene.moves() == [0, 0] and time.monotonic() - began < PATIENCE:
            time.sleep(0.1)
        took.append(time.monotonic() - began)
        # It stays there, and nothing follows it.
        time.sleep(2)
    scene.traffic(PATIENCE + 1, body)
    print(f'moved after {took[0]:.1f} s')
    assert scene.moves() == [0, 1]
    assert where(scene.gateway) == {**before, 'seal:wg1': 1, 'tun:wg1': 1}
    last = scene.gateway.show('lcores')[1]['last_move']
    assert (last['what'], last['from'], last['to']) == ('seal:wg1', 0, 1)
    assert last['why'].startswith('CPU 0 was 9') or last['why'].startswith('CPU 0 was 100 %'), last
    assert f'lcores: seal:wg1 moved from CPU 0 to CPU 1: {last["why"]}' in \
        scene.gateway.log.read_text()
    assert last['why'] in scene.gateway.text('lcores')
    # It has work there, and its share of it is of what it did there.
    line = next(line for line in scene.gateway.text('lcores').splitlines()
                if line.startswith('  seal:wg1 '))
    assert 0 < float(line.split()[-1]) <= 100, line
    assert scene.gateway.ask('lcore,1')['packets'] > RATE / 2
