# SPDX-License-Identifier: BSD-3-Clause
"""Behind a NAT, behind rules and marks of the kernel's, and towards nobody."""
import time

import pytest

from node import INNER, PORTS, Node, Pair, each_pair, nft, only_us, we_and_each

INSIDE, OUTSIDE = '192.168.7.100', '198.51.100.2'
ROUTER = '198.51.100.1'


class Translated(Pair):
    """Node a — NAT — node b. The NAT forgets what was idle for a while."""

    def __init__(self, net, kinds, idle=2):
        super().__init__(net, kinds, middle=True)
        middle, a, b = self.middle, self.a, self.b
        middle.address('near', '192.168.7.1/24')
        middle.address('beyond', f'{ROUTER}/24')
        nft(middle, 'table ip nat { chain c { type nat hook postrouting priority srcnat;'
            f'ip saddr 192.168.7.0/24 ip daddr 198.51.100.0/24 snat to {ROUTER}; }}; }}')
        middle.run('sysctl', '-q', 'net.ipv4.ip_forward=1',
                   f'net.netfilter.nf_conntrack_udp_timeout={idle}',
                   f'net.netfilter.nf_conntrack_udp_timeout_stream={idle}')
        a.address('wan0', f'{INSIDE}/24')
        a.ip('route', 'add', 'default', 'via', '192.168.7.1')
        b.address('wan0', f'{OUTSIDE}/24')
        self.configure()
        a.set('peer', b.public, 'endpoint', f'{OUTSIDE}:{PORTS[1]}')


@each_pair
def test_keepalives_hold_a_nat_open(net, kinds):
    pair = Translated(net, kinds)
    a, b = pair.nodes()
    a.set('peer', b.public, 'persistent-keepalive', 1)
    a.ping(INNER[4][1])
    b.ping(INNER[4][0])
    assert b.endpoint(a.public) == f'{ROUTER}:{PORTS[0]}'
    time.sleep(3)  # longer than the NAT remembers
    b.ping(INNER[4][0])


@each_pair
def test_nat_that_forgets(net, kinds):
    """Nothing gets in until we speak; then the peer finds us where the NAT has put us now."""
    pair = Translated(net, kinds, idle=1)
    a, b = pair.nodes()
    a.ping(INNER[4][1])
    b.ping(INNER[4][0])
    # From now on the NAT puts us elsewhere.
    nft(pair.middle, 'flush table ip nat; table ip nat { chain c { ip saddr 192.168.7.0/24 '
        f'udp dport {PORTS[1]} snat to {ROUTER}:40000-40009; }}; }}')
    time.sleep(1.6)  # longer than the NAT remembers
    b.silent(INNER[4][0])
    a.ping(INNER[4][1])
    b.ping(INNER[4][0])
    address, port = b.endpoint(a.public).split(':')
    assert address == ROUTER and 40000 <= int(port) <= 40009
    a.ping(INNER[4][1], count=3)


@each_pair
def test_bound_sockets_and_marks(net, kinds):
    """Packets of a socket bound to the tunnel, and of one that is marked on its way out and routed
    once more."""
    pair = Pair(net, kinds).configure().meet()
    a = pair.a
    a.ping(INNER[4][1], device='wg0')
    nft(a.host, 'table inet m { chain c { type route hook output priority mangle;'
        'meta mark set 1; }; }')
    a.ping(INNER[4][1])
    a.ping(INNER[4][1], device='wg0')
    a.ping(INNER[6][1], device='wg0')


@each_pair
def test_default_route_by_mark(net, kinds):
    """As wg-quick(8) does it: all that is not marked goes into the tunnel, a long way too, though
    the port has a default route of its own."""
    pair = Translated(net, kinds)
    a, b = pair.nodes()
    a.address('wan0', 'fc00:7::9/96')
    a.ip('-6', 'route', 'add', 'default', 'via', 'fc00:7::1')
    b.address('wg0', '192.168.99.7/32', 'fdab::1111/128')
    a.set('fwmark', 51820, 'peer', b.public, 'allowed-ips',
          f'{INNER[4][1]}/32,192.168.99.7,fdab::1111')
    assert a.value('fwmark') == '0xca6c'
    for family in ('-6', '-4'):
        a.ip(family, 'route', 'add', 'default', 'dev', 'wg0', 'table', 51820)
        a.ip(family, 'rule', 'add', 'not', 'fwmark', 51820, 'table', 51820)
        a.ip(family, 'rule', 'add', 'table', 'main', 'suppress_prefixlength', 0)
    a.sysctl('net.ipv4.conf.wan0.rp_filter=0')
    # The answers need not come back to where the pings went out.
    for family, address in ((4, '192.168.99.7'), (6, 'fdab::1111')):
        b.ip(f'-{family}', 'route', 'replace', INNER[family][0], 'dev', 'wg0')
        a.ping(address, count=100, interval=0.002, source=INNER[family][0])
    a.set('fwmark', 'off')
    assert a.value('fwmark') == 'off'


@only_us
@pytest.mark.parametrize('family', [4, 6])
def test_nobody_to_send_to_is_told(net, kind, family):
    """A packet for no peer is answered "host unreachable" by an address of ours (the kernel
    takes the port's, we the tunnel's), and so are the gateway's own programs. (wireguard-go drops
    it without a word.)"""
    node, host = Node(net, kind, 'a', ports=('wan0', 'lan0')), net.host('lan')
    net.cable(node.host, node.port('lan0'), host, 'eth0')
    net.cable(node.host, node.port(), net.host('far'), 'eth0')
    node.start()
    us, them, target = {4: ('10.5.0.1', '10.5.0.2', '10.77.0.9'),
                        6: ('fd05::1', 'fd05::2', 'fd77::9')}[family]
    length = 24 if family == 4 else 64
    node.address('lan0', f'{us}/{length}')
    node.address('wg0', f'{INNER[family][0]}/{length}')
    node.sysctl('net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1')
    host.address('eth0', f'{them}/{length}')
    host.ip(f'-{family}', 'route', 'add', 'default', 'via', us)
    host.reaches(us)
    said = 'Destination Host Unreachable' if family == 4 else 'Address unreachable'
    out = host.run('ping', '-n', '-c', 1, '-W', 1, target, check=False)
    assert said in out and any(f'From {one} ' in out for one in (us, INNER[family][0])), out
    out = node.host.run('ping', '-n', '-c', 1, '-W', 1, target, check=False)
    assert said in out, out


@we_and_each
@pytest.mark.parametrize('family', [4, 6])
def test_a_peer_is_told_of_nobody_too(net, kinds, family):
    """The answer goes back into the tunnel that the packet came by: each one, and nothing is lost."""
    pair = Pair(net, kinds).configure().meet()
    a, b = pair.nodes()
    b.set('peer', a.public, 'allowed-ips', '10.77.0.0/24,fd77::/64')
    a.sysctl('net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1')
    b.ping(INNER[family][0])
    out = b.host.run('ping', '-n', '-c', 40, '-i', '0.05', '-W', 1,
                     {4: '10.77.0.9', 6: 'fd77::9'}[family], check=False)
    said = 'Destination Host Unreachable' if family == 4 else 'Address unreachable'
    assert out.count(said) == 40, out
    a.gateway.balanced()
