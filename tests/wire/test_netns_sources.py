# SPDX-License-Identifier: BSD-3-Clause
"""Where a WireGuard speaks from: the address it was spoken to, as long as that is its own and the
route agrees."""
from node import INNER, OUTER, PORTS, Pair, at, each_pair, we_and_each


@we_and_each
def test_address_is_removed(net, kinds):
    """While the session lives its source goes; the next packet leaves from another one. (Debian's
    wireguard-go is silent until the next handshake.)"""
    pair = Pair(net, kinds, addresses=False).configure()
    a, b = pair.nodes()
    a.sysctl('net.ipv4.conf.wan0.promote_secondaries=1')
    for family, mine, other in ((4, '192.0.2.1/24', '192.0.2.10/24'),
                                (6, '2001:db8:9::1/64', '2001:db8:9::10/64')):
        a.address('wan0', mine)
        b.address('wan0', f'{OUTER[family][1]}/{24 if family == 4 else 64}')
        a.set('peer', b.public, 'endpoint', at(OUTER[family][1], PORTS[1]))
        a.ping(INNER[4][1])
        a.address('wan0', other)
        a.ip('address', 'del', mine, 'dev', 'wan0')
        a.ping(INNER[4][1])
        assert b.endpoint(a.public) == at(other.split('/')[0], PORTS[0])
        a.ping(INNER[6][1], count=3)


@each_pair
def test_answers_come_from_the_address_spoken_to(net, kinds):
    """Four addresses of the same node: the peer sees it at each that it chose."""
    pair = Pair(net, kinds, addresses=False).configure()
    a, b = pair.nodes()
    a.address('wan0', '192.0.2.1/24', '192.0.2.2/24', '2001:db8:9::1/64', '2001:db8:9::2/64')
    b.address('wan0', '192.0.2.3/24', '2001:db8:9::3/64')
    for address in ('192.0.2.1', '2001:db8:9::1', '192.0.2.2', '2001:db8:9::2'):
        b.set('peer', a.public, 'endpoint', at(address, PORTS[0]))
        b.ping(INNER[4][0])
        assert b.endpoint(a.public) == at(address, PORTS[0])
        # And when it is ours to begin.
        a.ping(INNER[4][1])
        assert b.endpoint(a.public) == at(address, PORTS[0])


@each_pair
def test_address_of_another_interface(net, kinds):
    """Spoken to at an address that belongs elsewhere on the node: from there comes the answer."""
    pair = Pair(net, kinds).configure().meet()
    a, b = pair.nodes()
    a.ip('link', 'add', 'elsewhere', 'type', 'bridge')
    a.address('elsewhere', '203.0.113.1/24')
    a.ip('link', 'set', 'elsewhere', 'up')
    b.ip('route', 'add', '203.0.113.0/24', 'dev', 'wan0')
    b.set('peer', a.public, 'endpoint', at('203.0.113.1', PORTS[0]))
    b.ping(INNER[4][0])
    assert b.endpoint(a.public) == at('203.0.113.1', PORTS[0])


@each_pair
def test_better_route_by_another_port(net, kinds):
    """The route to the endpoint changes to another port; so does the source."""
    pair = Pair(net, kinds, ports=('wan0', 'wan1'), addresses=False).configure()
    a, b = pair.nodes()
    for node in pair.nodes():
        node.sysctl(*(f'net.ipv4.conf.{device}.{setting}' for device in ('all', 'wan0', 'wan1')
                      for setting in ('rp_filter=0', 'arp_ignore=0')))
    a.address('wan0', '192.0.2.1/24')
    b.address('wan0', '192.0.2.2/24')
    a.address('wan1', '192.0.2.3/24')
    for device in ('wan0', 'wan1'):
        a.ip('route', 'flush', 'dev', device)
    a.ip('route', 'add', '192.0.2.0/24', 'dev', 'wan0', 'src', '192.0.2.1', 'metric', 2)
    a.set('peer', b.public, 'endpoint', at('192.0.2.2', PORTS[1]))
    a.ping(INNER[4][1])
    assert b.endpoint(a.public) == at('192.0.2.1', PORTS[0])
    a.ip('route', 'add', '192.0.2.0/24', 'dev', 'wan1', 'src', '192.0.2.3', 'metric', 1)
    a.ping(INNER[4][1])
    assert b.endpoint(a.public) == at('192.0.2.3', PORTS[0])
    a.ping(INNER[4][1], count=3)
