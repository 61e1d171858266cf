# SPDX-License-Identifier: BSD-3-Clause
"""Flows over three tunnels: none is out of order while its tunnel lives, whatever else changes."""
import json
import signal
import time
from pathlib import Path

import pytest

from net import wait_for
from sites import Sites

TUNNELS = 3
FLOWS = 60
PREFIX = '10.2.0.0/16'
SCRIPT = Path(__file__).with_name('flows.py')


@pytest.fixture(scope='module')
def sites(module_net):
    # Packets are counted one by one here, and flows of a sender that shares its CPU pause by
    # themselves.
    s = Sites(module_net, more='[paths]\nprobe = off\n[ecmp]\nidle = 250ms\n')
    s.start(TUNNELS)
    # What comes before the last hop's neighbour is known goes by the kernel.
    s.host_a.reaches('fd02::2')
    return s


class Flows:
    """Numbered flows from host A to host B, while the body of the `with` runs."""

    def __init__(self, sites, seconds, *rhythm, family=4, flows=FLOWS):
        self.sites, self.flows = sites, flows
        source, to = ('10.1.0.2', '10.2.0.2') if family == 4 else ('fd01::2', 'fd02::2')
        self.receiver = sites.host_b.popen('/usr/bin/python3', SCRIPT, 'receive', to, flows, stdout=-1)
        assert self.receiver.stdout.readline() == 'ready\n'
        self.sender = sites.host_a.popen('/usr/bin/python3', SCRIPT, 'send', source, to, flows,
                                         seconds, *rhythm, stdout=-1)

    def __enter__(self):
        return self

    def __exit__(self, failed, *_):
        if failed:
            return
        self.sent = int(self.sender.communicate(timeout=60)[0])
        self.sites.b.balanced()
        self.receiver.send_signal(signal.SIGTERM)
        self.result = json.loads(self.receiver.communicate(timeout=20)[0])
        print(f'{self.sent} packets sent, {self.result}')
        assert self.result['flows'] == self.flows and self.result['got'] > self.sent / 4


def group_of(gateway, prefix=PREFIX):
    """The group of a prefix that is the first one of its group."""
    return {g['prefix']: g for g in gateway.show('groups')}[prefix]


def route(sites, *tunnels, prefix=PREFIX):
    """Spreads a prefix over these tunnels, as an administrator does; with weights that the gateway's
    own routes have not, so as not to share their groups."""
    hops = [word for n in tunnels for word in ('nexthop', 'dev', f'wg{n}', 'weight', 2)]
    family = '-6' if ':' in prefix else '-4'
    sites.ns_a.ip(family, 'route', 'replace', prefix, *hops)
    wait_for(lambda: len(sites.a.ask(f'route,{prefix}')) == len(tunnels), 5)


def settled(sites, prefix=PREFIX):
    """The group, once nothing waits; all is quiet."""
    return wait_for(lambda: (lambda g: g if g['waiting'] == 0 else None)(group_of(sites.a, prefix)), 5)


def sent_by(sites):
    return [sites.a.ask(f'tunnel,wg{i}')['tx_packets'] for i in range(TUNNELS)]


def tunnel_of_each(sites, flows):
    """The tunnel of each of so many flows, one packet each, counted one by one."""
    script = f'''
import socket, sys
for f in range({flows}):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("10.1.0.2", 30000 + f))
    sys.stdin.readline()
    s.sendto(b"x", ("10.2.0.2", 7300))
'''
    sender = sites.host_a.popen('/usr/bin/python3', '-c', script, stdin=-1)
    tunnels, before = [], sent_by(sites)
    for _ in range(flows):
        sender.stdin.write('\n')
        sender.stdin.flush()

        def one_more():
            gained = [a - b for a, b in zip(sent_by(sites), before)]
            return gained if sum(gained) else None
        gained = wait_for(one_more, 5, every=0.001)
        assert sorted(gained) == [0, 0, 1], gained
        tunnels.append(gained.index(1))
        before = [a + b for a, b in zip(before, gained)]
    sender.wait(5)
    return tunnels


@pytest.mark.parametrize('family', [4, 6])
def test_no_reordering_at_full_rate(sites, family):
    before = sent_by(sites)
    with Flows(sites, 5, family=family) as flows:
        pass
    gained = [a - b for a, b in zip(sent_by(sites), before)]
    assert min(gained) > sum(gained) / 10, gained
    assert flows.result['late'] == flows.result['twice'] == 0, flows.result


def test_added_under_load(sites):
    """A tunnel is added to the route while almost every bucket has flows: those do not move without a
    pause, and with one they do."""
    route(sites, 0, 1)
    buckets = settled(sites)['buckets']
    with Flows(sites, 4, flows=3 * buckets) as flows:
        time.sleep(1.5)
        route(sites, 0, 1, 2)
        time.sleep(0.5)
        early = group_of(sites.a)
        time.sleep(1)
        late = group_of(sites.a)
    assert flows.result['late'] == flows.result['twice'] == 0, flows.result
    # All that had no flow, a few of a hundred, moved at once; the others stay.
    assert late['waiting'] > buckets / 5, (early, late)
    assert sum(p['buckets'] for p in late['paths'] if p['tunnel'] == 'wg2') < buckets / 10

    route(sites, 0, 1)
    settled(sites)
    with Flows(sites, 5, 500, 500, flows=3 * buckets) as flows:
        time.sleep(1.5)
        before = sent_by(sites)
        route(sites, 0, 1, 2)
        time.sleep(2.5)
        paused = group_of(sites.a)
        gained = [a - b for a, b in zip(sent_by(sites), before)]
    assert flows.result['late'] == flows.result['twice'] == 0, flows.result
    assert paused['waiting'] == 0, paused
    assert gained[2] > sum(gained) / 10, gained


def test_only_what_must_moves(sites):
    """A tunnel is taken from the route: its flows move, and no other; it comes back: flows move to
    it alone."""
    route(sites, 0, 1, 2)
    all_three = settled(sites)
    before = tunnel_of_each(sites, FLOWS)
    assert set(before) == {0, 1, 2}
    route(sites, 0, 2)
    without = settled(sites)
    assert without['id'] == all_three['id']
    assert without['moved'] - all_three['moved'] == [
        p['buckets'] for p in all_three['paths'] if p['tunnel'] == 'wg1'][0]
    after = tunnel_of_each(sites, FLOWS)
    time.sleep(0.2)
    assert all(a == b for a, b in zip(after, before) if b != 1) and 1 not in after
    route(sites, 0, 1, 2)
    settled(sites)
    back = tunnel_of_each(sites, FLOWS)
    assert all(b in (a, 1) for a, b in zip(after, back)) and 1 in back


def test_link_down_under_load(sites):
    """A tunnel's link goes down: the kernel drops it from the route, and its buckets alone move."""
    route(sites, 0, 1, 2)
    before = settled(sites)
    with Flows(sites, 4):
        time.sleep(1)
        sites.ns_a.ip('link', 'set', 'wg1', 'down')
        wait_for(lambda: len(sites.a.ask(f'route,{PREFIX}')) == 2, 5)
        down = group_of(sites.a)
    sites.ns_a.ip('link', 'set', 'wg1', 'up')
    assert down['id'] == before['id']
    assert down['moved'] - before['moved'] == [
        p['buckets'] for p in before['paths'] if p['tunnel'] == 'wg1'][0]


def test_routes_share_groups(sites):
    """Routes with the same tunnels have one group; what has no route is forgotten."""
    mine, other, third = '10.0.0.0/15', '10.77.0.0/16', '10.78.0.0/16'
    groups = len(sites.a.show('groups'))
    route(sites, 0, 1, prefix=mine)
    route(sites, 1, 0, prefix=other)
    route(sites, 0, 2, prefix=third)
    shared, alone = group_of(sites.a, mine), group_of(sites.a, third)
    assert shared['routes'] == 2 and alone['routes'] == 1
    assert len(sites.a.show('groups')) == groups + 2
    # One of the two gets other tunnels, and the group there is of them, since nobody sends.
    time.sleep(0.3)
    route(sites, 0, 2, prefix=other)
    assert group_of(sites.a, mine)['id'] == shared['id']
    assert group_of(sites.a, mine)['routes'] == 1
    for prefix in (mine, other, third):
        sites.ns_a.ip('route', 'del', prefix)
    wait_for(lambda: len(sites.a.show('groups')) == groups, 5)
