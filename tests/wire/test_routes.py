# SPDX-License-Identifier: BSD-3-Clause
"""Routers on either side, routes that come and go, next hops that change, several ports."""
import time

import pytest

from gateway import Gateway, keypair, tunnel
from net import wait_for
from wggo import WireguardGo, packet_socket

WAN = {4: ('192.0.2.1', '192.0.2.254', '198.51.100.9', '198.51.100.254', 24),
       6: ('2001:db8:9::1', '2001:db8:9::fe', '2001:db8:5::9', '2001:db8:5::fe', 64)}


class Routed:
    """Host — gateway — router — wireguard-go."""

    def __init__(self, net, family=4):
        us, self.near, them, beyond, length = WAN[family]
        self.us, self.them = us, them
        self.lan, self.ns, self.router, self.far = (net.host(n) for n in
                                                    ('lan', 'gw', 'router', 'far'))
        net.cable(self.ns, 'wan', self.router, 'near')
        net.cable(self.router, 'beyond', self.far, 'eth0')
        net.cable(self.ns, 'lan', self.lan, 'eth0')
        self.router.run('sysctl', '-q', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1')
        self.router.address('near', f'{self.near}/{length}')
        self.router.address('beyond', f'{beyond}/{length}')
        self.far.address('eth0', f'{them}/{length}')
        self.far.ip(f'-{family}', 'route', 'add', 'default', 'via', beyond)
        self.lan.address('eth0', '10.1.0.2/24')
        self.lan.ip('route', 'add', 'default', 'via', '10.1.0.1')
        private, public = keypair()
        self.peer = WireguardGo(net, self.far)
        bracket = '[{}]:{}' if family == 6 else '{}:{}'
        self.gateway = Gateway(
            net, self.ns, f'[port wan0]\ndevice = kernel:wan\naddress = {us}/{length}\n'
            f'gateway = {self.near}\n[port lan0]\ndevice = kernel:lan\naddress = 10.1.0.1/24\n',
            {'wg0': tunnel(private, 51820, ['10.9.0.1/32'], [{
                'PublicKey': self.peer.public, 'AllowedIPs': '10.9.0.0/24, 10.8.0.0/16',
                'Endpoint': bracket.format(them, 51821)}])}).start()
        self.peer.start(51821, ['10.9.0.9/24'], [{
            'PublicKey': public, 'AllowedIPs': '10.9.0.1/32, 10.1.0.0/16',
            'Endpoint': bracket.format(us, 51820)}])
        self.peer.route('10.1.0.0/16')


@pytest.mark.parametrize('family', [4, 6])
def test_endpoint_behind_a_router(net, family):
    r = Routed(net, family)
    # Not one packet is lost while ARP or ND and the handshake are under way.
    assert r.lan.ping('10.9.0.9', count=5, interval=0.02, wait=5) == 5
    assert r.far.ping('10.1.0.2', count=5, interval=0.02) == 5
    r.gateway.balanced()


@pytest.mark.parametrize('tells', [True, False])
def test_router_is_replaced(net, tells):
    """The next hop's MAC changes, announced (as VRRP does) or not; traffic finds the new one."""
    r = Routed(net)
    # A neighbour is asked again after half to one and a half times this, instead of half a minute,
    # every five seconds at the most, and believed dead after some more.
    r.ns.run('sysctl', '-q', 'net.ipv4.neigh.wan0.base_reachable_time_ms=2000',
             'net.ipv4.neigh.wan0.delay_first_probe_time=1')
    r.lan.reaches('10.9.0.9')
    # What is reachable already would be for as long as was said before.
    for state in ('stale', 'reachable'):
        r.ns.ip('neigh', 'change', r.near, 'dev', 'wan0', 'nud', state)
    r.router.run('sysctl', '-q', f'net.ipv4.conf.near.arp_notify={int(tells)}')
    r.router.ip('link', 'set', 'near', 'address', '02:00:00:00:77:01')
    r.lan.reaches('10.9.0.9', seconds=3 if tells else 60)
    assert r.lan.ping('10.9.0.9', count=5, interval=0.02) == 5
    assert '02:00:00:00:77:01' in r.ns.ip('neigh', 'show', r.near)
    r.gateway.balanced()


def test_routes_follow_the_kernel(net):
    """A network behind a router on the LAN, made known to the running gateway by ip(8)."""
    r = Routed(net)
    inner = net.host('inner')
    net.cable(r.lan, 'inner', inner, 'eth0')
    r.lan.run('sysctl', '-q', 'net.ipv4.ip_forward=1')
    r.lan.address('inner', '10.1.50.1/24')
    inner.address('eth0', '10.1.50.5/24')
    inner.ip('route', 'add', 'default', 'via', '10.1.50.1')
    r.far.reaches('10.1.0.2')
    assert r.far.ping('10.1.50.5', count=2, check=False) == 0
    r.ns.ip('route', 'add', '10.1.50.0/24', 'via', '10.1.0.2', 'dev', 'lan0')
    r.far.reaches('10.1.50.5', seconds=3)
    assert r.far.ping('10.1.50.5', count=5, interval=0.02) == 5
    assert inner.ping('10.9.0.9', count=5, interval=0.02) == 5
    # Dropped by a route that says so, and by its name.
    r.ns.ip('route', 'replace', 'blackhole', '10.1.50.0/24')
    time.sleep(0.5)
    before = r.gateway.ask('drops')['blackhole_route']
    assert r.far.ping('10.1.50.5', count=3, check=False) == 0
    assert r.gateway.ask('drops')['blackhole_route'] == before + 3
    # Without the route it goes where the default route points: out of the WAN, not to the LAN.
    r.ns.ip('route', 'del', 'blackhole', '10.1.50.0/24')
    time.sleep(0.5)
    assert r.far.ping('10.1.50.5', count=2, check=False) == 0
    # A route of the administrator into the tunnel.
    r.far.address(r.peer.name, '10.8.1.1/32')
    r.lan.reaches('10.8.1.1', seconds=3)
    r.ns.ip('route', 'del', '10.8.0.0/16')
    time.sleep(0.5)
    assert r.lan.ping('10.8.1.1', count=2, check=False) == 0
    r.ns.ip('route', 'add', '10.8.1.0/24', 'dev', 'wg0')
    r.lan.reaches('10.8.1.1', seconds=3)
    r.gateway.balanced()


def test_unreachable_is_answered(net):
    """What has no route, and a neighbour that does not answer: the kernel says so."""
    host, lan = net.host('gw'), net.host('lan')
    net.cable(host, 'lan', lan, 'eth0')
    lan.address('eth0', '10.1.0.2/24', 'fd01::2/64')
    lan.ip('route', 'add', 'default', 'via', '10.1.0.1')
    lan.ip('-6', 'route', 'add', 'default', 'via', 'fd01::1')
    gateway = Gateway(net, host, '[port lan0]\ndevice = kernel:lan\naddress = 10.1.0.1/24\n'
                      'address = fd01::1/64\n[port dmz0]\ndevice = net_null0,no-rx=1\n'
                      'address = 10.3.0.1/24\n').start()
    lan.reaches('10.1.0.1')
    assert lan.ping('fd01::1', count=2) == 2
    for to, words in (('203.0.113.5', 'Net Unreachable'), ('fd77::5', 'unreachable'),
                      ('10.3.0.77', 'Host Unreachable')):
        out = lan.run('ping', '-n', '-c', 1, '-W', 5, to, check=False)
        assert words.lower() in out.lower(), (to, out)
    gateway.balanced()


def test_several_ports(net):
    """Three ports without a tunnel, forwarded between all of them, IPv4 and IPv6."""
    ns = net.host('gw')
    hosts, sections = [], ''
    for n in (1, 2, 3):
        host = net.host(f'h{n}')
        net.cable(ns, f'p{n}', host, 'eth0')
        host.address('eth0', f'10.{n}.0.2/24', f'fd0{n}::2/64')
        host.ip('route', 'add', 'default', 'via', f'10.{n}.0.1')
        host.ip('-6', 'route', 'add', 'default', 'via', f'fd0{n}::1')
        hosts.append(host)
        sections += (f'[port net{n}]\ndevice = kernel:p{n}\naddress = 10.{n}.0.1/24\n'
                     f'address = fd0{n}::1/64\n')
    gateway = Gateway(net, ns, sections, worker='0-1').start()
    for n, host in enumerate(hosts, 1):
        for m in (1, 2, 3):
            if n != m:
                host.reaches(f'10.{m}.0.2')
                host.reaches(f'fd0{m}::2')
                assert host.ping(f'10.{m}.0.2', count=5, interval=0.02) == 5
                assert host.ping(f'fd0{m}::2', count=5, interval=0.02) == 5
    ports = {p['name']: p for p in gateway.show('ports')}
    assert sorted(ports) == ['net1', 'net2', 'net3']
    assert all(p['rx_packets'] > 30 and p['tx_packets'] > 30 for p in ports.values()), ports
    gateway.balanced()


def test_forwarded_by_the_fast_path(net):
    """TTL, checksum and MACs of a packet that went through; and nothing goes through twice."""
    ns, a, b = net.host('gw'), net.host('a'), net.host('b')
    for n, host in ((1, a), (2, b)):
        net.cable(ns, f'p{n}', host, 'eth0')
        host.address('eth0', f'10.{n}.0.2/24')
        host.ip('route', 'add', 'default', 'via', f'10.{n}.0.1')
    gateway = Gateway(net, ns, '[port net1]\ndevice = kernel:p1\naddress = 10.1.0.1/24\n'
                      '[port net2]\ndevice = kernel:p2\naddress = 10.2.0.1/24\n').start()
    a.reaches('10.2.0.2')
    raw = packet_socket(b, 'eth0')
    raw.settimeout(1)
    assert a.ping('10.2.0.2', count=1, size=333, ttl=9, tos='0xb9') == 1
    gateway.balanced()
    seen = []
    try:
        while True:
            frame, address = raw.recvfrom(2048)
            if address[2] == 0 and frame[12:14] == b'\x08\x00' and len(frame) == 14 + 20 + 8 + 333:
                seen.append(frame)
    except TimeoutError:
        pass
    assert len(seen) == 1  # the kernel forwards nothing beside us
    frame = seen[0]
    assert frame[22] == 8 and frame[15] == 0xb9
    total = sum(int.from_bytes(frame[i:i + 2], 'big') for i in range(14, 34, 2))
    assert (total & 0xffff) + (total >> 16) == 0xffff
    assert frame[6:12].hex(':') == gateway.ask('port,net2')['mac']


def test_tap_carries_what_the_box_sends(net):
    """The gateway's own TCP, both ways, on a port's address and through the tunnel."""
    r = Routed(net)
    r.ns.reaches('10.1.0.2')
    r.ns.reaches('10.9.0.9')
    for client, server, address in ((r.lan, r.ns, '10.1.0.1'), (r.ns, r.lan, '10.1.0.2'),
                                    (r.ns, r.far, '10.9.0.9'), (r.far, r.ns, '10.1.0.1')):
        listener = server.popen('/usr/bin/python3', '-c', '''
import socket
s = socket.create_server(("", 7777))
c = s.accept()[0]
print(sum(iter(lambda: len(c.recv(65536)), 0)))''', stdout=-1)
        wait_for(lambda: ':7777' in server.run('ss', '-ltn'), 5)
        client.run('/usr/bin/python3', '-c', f'''
import socket
c = socket.create_connection(("{address}", 7777), 5)
c.settimeout(10)
c.sendall(bytes(500000))
c.close()''')
        assert listener.communicate(timeout=10)[0].strip() == '500000', address
    r.gateway.balanced()
