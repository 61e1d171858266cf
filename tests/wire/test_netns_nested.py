# SPDX-License-Identifier: BSD-3-Clause
"""Tunnels whose endpoints lie inside of tunnels, and loops of them."""
import time

from gateway import keypair
from node import INNER, OUTER, PORTS, Pair, at, each_pair, we_and_each


def nest(pair):
    """wg1 of both nodes, by way of the addresses inside wg0."""
    keys = keypair(), keypair()
    for n, node in enumerate(pair.nodes()):
        node.address('wg1', f'10.78.0.{n + 1}/24', f'fd78::{n + 1}/64')
        node.ip('link', 'set', 'wg1', 'mtu', '1340', 'up')
        node.set('private-key', node.secret(keys[n][0]), 'listen-port', 5005, 'peer',
                 keys[1 - n][1], 'allowed-ips', f'10.78.0.{2 - n}/32,fd78::{2 - n}/128',
                 'endpoint', at(INNER[6][1 - n], 5005), name='wg1')
    return keys


@each_pair
def test_wireguard_through_wireguard(net, kinds):
    pair = Pair(net, kinds, tunnels=('wg0', 'wg1')).configure().meet()
    a, b = pair.nodes()
    nest(pair)
    a.ping('10.78.0.2', count=10)
    b.ping('fd78::1', count=10)
    a.ping('10.78.0.2', size=1312, pmtu='do')
    # It went inside of the other one.
    assert a.transfer(b.public)[1] > 10 * (84 + 12 + 32 + 48)


@we_and_each
def test_forwarded_into_wireguard_through_wireguard(net, kinds):
    """What a port received has less room in front of it than what the kernel sent: enough for two
    tunnels over IPv6."""
    pair = Pair(net, kinds, tunnels=('wg0', 'wg1'), lan=True).configure().meet(6)
    a, b = pair.nodes()
    keys = nest(pair)
    a.address('lan0', '10.80.0.1/24', 'fd80::1/64')
    b.set('peer', keys[0][1], 'allowed-ips', '10.78.0.1/32,10.80.0.0/24,fd78::1/128,fd80::/64',
          name='wg1')
    pair.lan.address('eth0', '10.80.0.2/24', 'fd80::2/64')
    for family, prefix, router in ((4, '10.80.0.0/24', '10.80.0.1'), (6, 'fd80::/64', 'fd80::1')):
        b.ip(f'-{family}', 'route', 'add', prefix, 'dev', 'wg1')
        pair.lan.ip(f'-{family}', 'route', 'add', 'default', 'via', router)
    for address in ('10.78.0.2', 'fd78::2'):
        pair.lan.reaches(address)
        pair.lan.ping(address, count=10, size=1200)
    drops = a.gateway.ask('drops')
    assert drops['headroom'] == 0, drops


@we_and_each
def test_loop_of_two_tunnels(net, kinds):
    """The outer tunnel's endpoint is put inside of the inner one: each waits for the other, and
    nothing multiplies."""
    pair = Pair(net, kinds, tunnels=('wg0', 'wg1')).configure().meet()
    a, b = pair.nodes()
    keys = nest(pair)
    a.ping('10.78.0.2')
    a.set('peer', b.public, 'endpoint', at('10.78.0.2', 7))
    before = a.transfer(keys[1][1], name='wg1')[1]
    a.silent('10.78.0.2', count=10, interval=0.01)
    assert a.transfer(keys[1][1], name='wg1')[1] - before < 70_000
    assert a.alive()
    a.set('peer', b.public, 'endpoint', at(OUTER[4][1], PORTS[1]))
    a.host.reaches('10.78.0.2')


@we_and_each
def test_endpoint_inside_its_own_tunnel(net, kinds):
    """A peer to be reached through another one of the same tunnel, and then through itself."""
    pair = Pair(net, kinds, tunnels=('wg0', 'wg1')).configure().meet()
    a, b = pair.nodes()
    private, public = keypair()
    a.address('wg0', '10.79.0.1/24')
    a.set('peer', public, 'allowed-ips', '10.79.0.2/32', 'endpoint', at(INNER[4][1], 5005))
    b.address('wg1', '10.79.0.2/24')
    b.set('private-key', b.secret(private), 'listen-port', 5005, 'peer', a.public, 'allowed-ips',
          '10.79.0.1/32', name='wg1')
    a.ping('10.79.0.2')
    a.set('peer', public, 'endpoint', at('10.79.0.2', 5005))
    a.silent('10.79.0.2')
    assert a.alive()
    a.set('peer', public, 'remove')
    a.ping(INNER[4][1])


@we_and_each
def test_endpoint_behind_its_own_tunnel_by_route(net, kinds):
    """A default route into the tunnel without a mark: the packets must not go round in it, and the
    way is found again when the route is put right."""
    pair = Pair(net, kinds).configure()
    a, b = pair.nodes()
    b.ip('address', 'add', '203.0.113.9/32', 'dev', 'lo')
    a.set('peer', b.public, 'endpoint', at('203.0.113.9', PORTS[1]), 'allowed-ips', '0.0.0.0/0')
    a.ip('route', 'add', '203.0.113.0/24', 'dev', 'wg0')
    a.silent(INNER[4][1], count=3)
    sent = a.transfer(b.public)[1]
    time.sleep(0.5)
    assert a.transfer(b.public)[1] - sent <= 148
    a.ip('route', 'add', '203.0.113.9/32', 'via', OUTER[4][1], 'dev', 'wan0')
    a.host.reaches(INNER[4][1])
    assert a.endpoint(b.public) == at('203.0.113.9', PORTS[1])
