# SPDX-License-Identifier: BSD-3-Clause
"""Traffic between two WireGuards of either make: counters, streams, MTUs."""
import json

import pytest

from net import wait_for
from node import INNER, PORTS, Pair, each_pair, nft

JUMBO = (9000, 8920)

# A transport message and its padding around a ping of 84 bytes; the messages of a handshake.
PING, KEEPALIVE, INITIATION, RESPONSE = 84 + 12 + 32, 32, 148, 92


def stream(client, server, address, *args):
    """iperf3 from a node to another; gives what it says at the end."""
    listener = server.host.popen('iperf3', '-s', '-1', '-B', address, stdout=-3, stderr=-3)
    wait_for(lambda: 'iperf3' in server.host.run('ss', '-Hltnp', 'sport', '=', '5201'), 10,
             why='iperf3 listens')
    report = json.loads(client.host.run('iperf3', '-c', address, '--json', *args, check=False))
    assert 'error' not in report, report['error']
    listener.wait(10)
    return report['end']


@each_pair
def test_counters_to_the_byte(net, kinds):
    """Ten pings and a handshake: what `wg show transfer` counts, and the interface."""
    pair = Pair(net, kinds).configure().meet()
    a, b = pair.nodes()
    before = b.statistics('wg0')['rx']['bytes']
    for _ in range(10):
        b.ping(INNER[4][0])
    came, went = 10 * PING + RESPONSE, 10 * PING + INITIATION
    assert b.transfer(a.public) in ((came, went), (came, went + KEEPALIVE))
    assert a.transfer(b.public) in ((went, came), (went + KEEPALIVE, came))
    assert a.transfer(b.public) == b.transfer(a.public)[::-1]
    # The interface counts what is inside.
    assert b.statistics('wg0')['rx']['bytes'] - before == 840
    for node, peer in ((a, b), (b, a)):
        assert int(node.show('latest-handshakes')[peer.public][0]) > 0


@each_pair
@pytest.mark.parametrize('mtus', [(1500, None), JUMBO], ids=['plain', 'jumbo'])
@pytest.mark.parametrize('outer', [4, 6])
def test_streams(net, kinds, outer, mtus):
    """Pings, TCP and UDP of both families, inside either family."""
    pair = Pair(net, kinds, mtu=mtus[0], tunnel_mtu=mtus[1]).configure().meet(outer)
    a, b = pair.nodes()
    pair.pings()
    size = (mtus[1] or 1420) - 28
    a.ping(INNER[4][1], size=size, pmtu='do')
    b.ping(INNER[6][0], size=size - 20, pmtu='do')
    for client, server, address in ((a, b, INNER[4][1]), (b, a, INNER[6][0])):
        end = stream(client, server, address, '-n', '10M')
        assert end['sum_received']['bytes'] > 5_000_000
    for client, server, address in ((b, a, INNER[4][0]), (a, b, INNER[6][1])):
        # Faster than either of us, on purpose, for a second (a fixed amount may be over before
        # the reader is given a core); some of it arrives, and all is over afterwards.
        end = stream(client, server, address, '-u', '-b', '0', '-t', '1')
        assert end['sum']['packets'] - end['sum']['lost_packets'] > 100
    a.host.reaches(INNER[4][1])
    pair.pings()


@each_pair
def test_many_streams_at_once(net, kinds):
    pair = Pair(net, kinds).configure().meet()
    for n in (4, 5, 50):
        end = stream(pair.a, pair.b, INNER[4][1], '-P', n, '-n', '20M')
        assert len(end['streams']) == n
        assert end['sum_received']['bytes'] > 1_000_000
    pair.pings()


@each_pair
def test_fragments_inside(net, kinds):
    """What is longer than the tunnel's MTU is fragmented by the sender's kernel, or refused."""
    pair = Pair(net, kinds).configure().meet()
    for size in (1393, 1420, 3000, 9000):
        pair.a.ping(INNER[4][1], count=2, size=size, pmtu='dont')
        pair.b.ping(INNER[6][0], count=2, size=size)
    out = pair.a.host.run('ping', '-c', 1, '-W', 1, '-M', 'do', '-s', 1393, INNER[4][1],
                          check=False)
    assert 'message too long' in out.lower(), out


@each_pair
def test_mtu_changes_while_it_runs(net, kinds):
    """And the padding stops at the new MTU: on a path that has room for no more, it fits."""
    pair = Pair(net, kinds, middle=True)
    a, b = pair.nodes()
    pair.middle.address('near', '192.0.2.254/24')
    pair.middle.address('beyond', '198.51.100.254/24')
    pair.middle.run('sysctl', '-q', 'net.ipv4.ip_forward=1')
    for node, address, router in ((a, '192.0.2.1/24', '192.0.2.254'),
                                  (b, '198.51.100.2/24', '198.51.100.254')):
        node.address('wan0', address)
        node.ip('route', 'add', 'default', 'via', router)
    pair.configure()
    a.set('peer', b.public, 'endpoint', f'198.51.100.2:{PORTS[1]}')
    a.ping(INNER[4][1], size=1392)
    for node in pair.nodes():
        node.ip('link', 'set', 'wg0', 'mtu', '1300')
    # wireguard-go and we hear of it from the kernel, a moment later.
    nft(pair.middle, 'table ip f { chain c { type filter hook forward priority 0;'
        'ip length > 1360 counter drop; }; }')
    wait_for(lambda: a.host.ping(INNER[4][1], count=1, size=1269, check=False), 5,
             why='padding stops at 1300 bytes')
    for size in range(1264, 1273):
        a.ping(INNER[4][1], size=size)
        b.ping(INNER[4][0], size=size)
