# SPDX-License-Identifier: BSD-3-Clause
"""What fits and what does not: MSS, path MTUs, and the ICMP errors that senders get.

    host --- us --- router --- wireguard-go
"""
import os
import re
import shutil
import socket

import pytest

from gateway import PROGRAM, Gateway, keypair, tunnel
from net import scratch, wait_for
from stream import Stream
from wggo import WireguardGo, inside, packet_socket

HOST, SITE, LINK = '10.1.0.2', '10.1.0.0/24', 1400


class Path:
    """A host behind us, and a peer behind a router."""

    def __init__(self, net, outer6=False, mtu=None, link=1500, clamp=True, peer=None,
                 wan='kernel'):
        self.host, self.us = net.host('host'), net.host('us')
        self.router, self.far = net.host('router'), net.host('far')
        net.cable(self.us, 'lan', self.host, 'eth0')
        if wan == 'kernel':
            net.cable(self.us, 'wan', self.router, 'west')
        net.cable(self.router, 'east', self.far, 'eth0', mtu=link)
        self.host.address('eth0', f'{HOST}/24', 'fd01::2/64')
        self.host.ip('route', 'add', 'default', 'via', '10.1.0.1')
        self.host.ip('route', 'add', 'default', 'via', 'fd01::1')
        self.router.address('east', '198.51.100.254/24', '2001:db8:2::254/64')
        self.router.run('sysctl', '-qw', 'net.ipv4.ip_forward=1',
                        'net.ipv6.conf.all.forwarding=1')
        self.far.address('eth0', '198.51.100.1/24', '2001:db8:2::1/64')
        self.far.ip('route', 'add', 'default', 'via', '198.51.100.254')
        self.far.ip('route', 'add', 'default', 'via', '2001:db8:2::254')
        private, public = keypair()
        self.go = WireguardGo(net, self.far).start(
            7000, ['10.2.0.1/24', 'fd02::1/64'],
            [{'PublicKey': public, 'AllowedIPs': '10.1.0.0/16, fd01::/64, 10.9.0.1/32'}])
        self.go.route('10.1.0.0/16', 'fd01::/64', '10.9.0.1/32')
        self.remote = '2001:db8:2::1' if outer6 else '198.51.100.1'
        settings = {'PublicKey': self.go.public, 'AllowedIPs': '10.2.0.0/24, fd02::/64',
                    'Endpoint': f'[{self.remote}]:7000' if outer6 else f'{self.remote}:7000'}
        self.gateway = Gateway(
            net, self.us,
            '[port lan0]\ndevice = kernel:lan\naddress = 10.1.0.1/24\naddress = fd01::1/64\n'
            '[port wan0]\naddress = 192.0.2.1/24\n'
            f'device = {"kernel:wan" if wan == "kernel" else "net_tap0,iface=west"}\n'
            'address = 2001:db8:1::1/64\ngateway = 192.0.2.254\ngateway = 2001:db8:1::254\n',
            {'wg0': tunnel(private, 7000, ['10.9.0.1/32'], [peer or settings], mtu=mtu)},
            gateway='' if clamp else 'mss-clamp = off').start()
        if wan != 'kernel':
            # DPDK's end stays with us, and has the interface's MAC.
            self.us.ip('link', 'set', 'west', 'netns', self.router.name)
            self.router.ip('link', 'set', 'west', 'address', '02:00:00:00:00:01', 'up')
        self.router.address('west', '192.0.2.254/24', '2001:db8:1::254/64')

    def order(self, *words):
        return self.us.run(PROGRAM, *words, '--name', self.gateway.name)

    def segment(self, client, server, to):
        """The MSS each end of a TCP connection may use: (client's, server's)."""
        listen = ('import socket; s = socket.create_server(("::", 5000), '
                  'family=socket.AF_INET6, dualstack_ipv6=True); c = s.accept()[0]; c.recv(1);'
                  'print(c.getsockopt(6, 2)); c.send(b"x"); c.recv(1)')
        connect = (f'import socket; c = socket.create_connection(("{to}", 5000), 10);'
                   'c.send(b"x"); c.recv(1); print(c.getsockopt(6, 2))')
        process = server.popen('python3', '-c', listen, stdout=-1)
        wait_for(lambda: ':5000' in server.run('ss', '-ltn'), why='the server listens')
        mine = int(client.run('python3', '-c', connect))
        return mine, int(process.communicate(timeout=10)[0])


@pytest.mark.parametrize('clamp', [True, False])
def test_mss(net, clamp):
    path = Path(net, mtu=1300, clamp=clamp)
    path.host.reaches('10.2.0.1')
    for to, headers in (('10.2.0.1', 40), ('fd02::1', 60)):
        client, server = path.segment(path.host, path.far, to)
        # The peer's own MTU of 1420 is all that holds it otherwise; timestamps take 12 bytes.
        for got in (client, server):
            assert (got <= 1300 - headers) == clamp, (to, client, server)
    path.gateway.balanced()


@pytest.mark.parametrize('told', ['no peer', 'no endpoint'])
def test_unreachable(net, told):
    key = keypair()[1]
    path = Path(net, peer={'PublicKey': key, 'AllowedIPs': '10.2.0.0/24, fd02::/64'}
                if told == 'no endpoint' else None)
    near, far = path.us, ('10.2.0.1', 'fd02::1')
    if told == 'no peer':
        near.ip('route', 'add', '10.3.0.0/24', 'dev', 'wg0')
        near.ip('route', 'add', 'fd03::/64', 'dev', 'wg0')
        far = ('10.3.0.1', 'fd03::1')
    for address, words in zip(far, ('Destination Host Unreachable', 'Address unreachable')):
        for host in (path.host, path.us):
            out = host.run('ping', '-n', '-c', 2, '-i', 0.2, '-W', 1, address, check=False)
            assert words in out, out
    drops = path.gateway.ask('drops')
    assert drops['no_peer' if told == 'no peer' else 'no_endpoint'] >= 8
    assert path.gateway.balanced()['icmp_made'] >= 8


def too_big(host, to, size):
    """What a ping that may not be cut up is told: the MTU that would fit; 0: an answer came."""
    out = host.run('ping', '-n', '-c', 1, '-W', 2, '-M', 'do', '-s', size, to, check=False)
    if ' 0% packet loss' in out:
        return 0
    got = re.search(r'mtu[ =:]+(\d+)', out)
    return int(got.group(1)) if got else None


@pytest.mark.parametrize('outer', ['IPv4', 'IPv6'])
def test_path_mtu(net, outer):
    """A router's word lowers what fits into the path; senders are told, or cut up for."""
    path = Path(net, outer6=outer == 'IPv6', link=LINK)
    path.host.reaches('10.2.0.1')
    fits = LINK - (80 if outer == 'IPv6' else 60)
    if outer == 'IPv4':
        # Sealed packets may be cut up by IPv4 routers, so none complains by itself.
        forge(path, LINK)
    else:
        path.host.run('ping', '-n', '-c', 1, '-W', 1, '-M', 'do', '-s', 1392, '10.2.0.1',
                      check=False)
    wait_for(lambda: too_big(path.host, '10.2.0.1', 1392) == fits, 5, why='the MTU is told')
    assert too_big(path.host, 'fd02::1', 1372) == fits
    assert too_big(path.host, '10.2.0.1', fits - 28) == 0
    assert too_big(path.host, 'fd02::1', fits - 48) == 0
    # What may be cut up is, and nothing is lost of it.
    assert path.host.ping('10.2.0.1', count=5, size=1392, pmtu='dont') == 5
    assert path.host.ping('10.2.0.1', count=5, size=1472, pmtu='dont') == 5
    assert path.gateway.balanced()['cut_up'] >= 5
    # A flow whose every second packet is cut up stays in order.
    stream = Stream('udp', path.host, path.far, '10.2.0.1', 6000, 4, 4000, 3.0, 1450, 60).result()
    assert stream.out_of_order == 0 and stream.lost < stream.sent / 100, stream
    assert path.gateway.balanced()['cut_up'] >= 4000


def carries_tcp(client, server, to, kilobytes=500):
    """A TCP connection moves so much to the server and as much back."""
    listen = ('import socket; s = socket.create_server(("::", 5001), family=socket.AF_INET6, '
              f'dualstack_ipv6=True); c = s.accept()[0]; n = {kilobytes} * 1024\n'
              'while n: n -= len(c.recv(min(n, 65536)))\n'
              f'c.sendall(bytes({kilobytes} * 1024)); c.recv(1)')
    connect = (f'import socket; c = socket.create_connection(("{to}", 5001), 10); c.settimeout(15)'
               f'; n = {kilobytes} * 1024; c.sendall(bytes(n))\n'
               'while n: n -= len(c.recv(min(n, 65536)))\n')
    process = server.popen('python3', '-c', listen)
    wait_for(lambda: ':5001' in server.run('ss', '-ltn'), why='the server listens')
    client.run('python3', '-c', connect)
    process.wait(10)


@pytest.mark.parametrize('clamp', [True, False])
@pytest.mark.parametrize('outer', ['IPv4', 'IPv6'])
def test_tcp_over_narrow_path(net, outer, clamp):
    """Connections get through, whether their ends learn what fits from the MSS or from ICMP."""
    path = Path(net, outer6=outer == 'IPv6', link=LINK, clamp=clamp)
    path.host.reaches('10.2.0.1')
    if outer == 'IPv4':
        forge(path, LINK)
    for to in ('10.2.0.1', 'fd02::1'):
        carries_tcp(path.host, path.far, to)
    path.gateway.balanced()


@pytest.mark.parametrize('wan', ['kernel', 'net_tap'])
@pytest.mark.parametrize('outer', ['IPv4', 'IPv6'])
def test_least_mtu_of_ip6(net, outer, wan):
    """What every link has to take of an IPv6 packet gets through a path that does not take it sealed:
    in fragments there, and put together again here. More than that is refused."""
    path = Path(net, outer6=outer == 'IPv6', link=1280, wan=wan)
    path.host.reaches('10.2.0.1')
    if outer == 'IPv4':
        forge(path, 552)
    else:
        path.host.ping('10.2.0.1', count=1, size=1300, check=False)
    wait_for(lambda: too_big(path.host, 'fd02::1', 1372) == 1280, 5, why='the MTU is told')
    assert path.host.ping('fd02::1', count=5, size=1232) == 5
    assert path.far.ping('10.1.0.2', count=5, size=1392) == 5
    carries_tcp(path.host, path.far, 'fd02::1')
    accounts = path.gateway.balanced()
    assert accounts['cut_up'] >= 5 and accounts['fragments'] >= 2 * accounts['cut_up'], accounts
    # net_af_packet has whole IPv4 packets from the kernel.
    assert (accounts['reassembled'] >= 10) == ((outer, wan) != ('IPv4', 'kernel')), accounts


@pytest.mark.parametrize('family', ['IPv4', 'IPv6'])
def test_long_datagrams_for_the_kernel(net, family):
    """Fragments of a datagram that is none of WireGuard's arrive at a socket of this host as one."""
    path = Path(net, wan='net_tap')
    ours, theirs = (('192.0.2.1', '192.0.2.254') if family == 'IPv4' else
                    ('2001:db8:1::1', '2001:db8:1::254'))
    path.router.reaches(ours)
    with inside(path.us):
        here = socket.socket(socket.AF_INET6 if ':' in ours else socket.AF_INET,
                             socket.SOCK_DGRAM)
        here.bind((ours, 9000))
    with inside(path.router):
        there = socket.socket(here.family, socket.SOCK_DGRAM)
        there.bind((theirs, 9000))
    for length in (1600, 5000, 9000):
        message = os.urandom(length)
        there.sendto(message, (ours, 9000))
        here.settimeout(3)
        assert here.recv(65536) == message, length
        here.sendto(message, (theirs, 9000))
        there.settimeout(3)
        assert there.recv(65536) == message, length
    assert path.gateway.balanced()['reassembled'] >= 1 + 3 + 6
    here.close()
    there.close()


def test_datagram_that_lies(net):
    """Longer than a buffer when put together, and shorter by its own word, for a tunnel's port: no
    tunnel takes it."""
    from scapy.all import IP, UDP, Ether, Raw, fragment
    path = Path(net, wan='net_tap')
    path.router.reaches('192.0.2.1')
    mac = re.search(r'link/ether (\S+)', path.us.ip('link', 'show', 'wan0')).group(1)
    raw = packet_socket(path.router, 'west')
    before = path.gateway.balanced()
    for length in (40, 1000, 1400):
        whole = IP(src='192.0.2.254', dst='192.0.2.1', id=length) / \
            UDP(sport=9, dport=7000, len=length) / Raw(b'\4\0\0\0' + bytes(5000))
        for piece in fragment(whole, 1400):
            raw.send(bytes(Ether(dst=mac, src='02:00:00:00:00:01') / piece))
    raw.close()
    wait_for(lambda: path.gateway.ask('accounts')['reassembled'] == 3 * 3, why='all are whole')
    after = path.gateway.balanced()
    assert after['tap_tx'] >= before['tap_tx'] + 3
    assert path.gateway.ask('drops')['wg_unknown_index'] == 0
    path.host.reaches('10.2.0.1')


def test_mtu_of_route(net):
    """The kernel's route to the endpoint says how much fits; a tunnel that is made after it has the
    MTU that wg-quick(8) would give it."""
    path = Path(net)
    path.host.reaches('10.2.0.1')
    assert 'mtu 1420 ' in path.us.ip('link', 'show', 'wg0')
    path.us.ip('route', 'add', '198.51.100.1', 'via', '192.0.2.254', 'mtu', '1400')
    wait_for(lambda: too_big(path.host, '10.2.0.1', 1392) == 1400 - 60, 5, why='the MTU is told')
    path.order('down', 'wg0')
    path.order('up', 'wg0')
    assert 'mtu 1320 ' in path.us.ip('link', 'show', 'wg0')
    path.host.reaches('10.2.0.1')
    assert path.host.ping('10.2.0.1', count=1, size=1292, pmtu='do') == 1
    assert too_big(path.host, '10.2.0.1', 1293) == 1320
    path.gateway.balanced()


def test_mtu_of_link(net):
    """`ip link set wg0 mtu` on a live tunnel."""
    path = Path(net)
    path.host.reaches('10.2.0.1')
    path.us.ip('link', 'set', 'wg0', 'mtu', '1300')
    wait_for(lambda: too_big(path.host, '10.2.0.1', 1392) == 1300, 5, why='the MTU is told')
    assert too_big(path.host, 'fd02::1', 1372) == 1300
    assert path.segment(path.host, path.far, '10.2.0.1')[1] <= 1300 - 40
    path.gateway.balanced()


def forge(path, mtu, receiver=None, port=7000):
    """An ICMP "fragmentation needed" from the router, that quotes a packet of the tunnel's."""
    from scapy.all import ICMP, IP, UDP, Ether, Raw
    mac = re.search(r'link/ether (\S+)', path.us.ip('link', 'show', 'wan0')).group(1)
    quote = IP(src='192.0.2.1', dst='198.51.100.1') / UDP(sport=port, dport=7000)
    if receiver is not None:
        quote = quote / Raw(b'\x04\0\0\0' + receiver.to_bytes(4, 'little') + bytes(8))
    raw = packet_socket(path.router, 'west')
    raw.send(bytes(Ether(dst=mac, src='02:00:00:00:00:01') /
                   IP(src='192.0.2.254', dst='192.0.2.1') /
                   ICMP(type=3, code=4, nexthopmtu=mtu) / Raw(bytes(quote))))
    raw.close()


def test_forged_path_mtu(net):
    """What quotes no packet that we could have sent changes nothing; and no word goes below the
    least that is believable."""
    path = Path(net)
    path.host.reaches('10.2.0.1')
    forge(path, 600, receiver=12345)
    forge(path, 600, port=7001)
    assert too_big(path.host, '10.2.0.1', 1392) == 0
    forge(path, 100)
    wait_for(lambda: too_big(path.host, '10.2.0.1', 1392) == 552 - 60, 5, why='552 is the least')
    path.gateway.balanced()


@pytest.mark.parametrize('receiver', [None, 12345])
def test_forged_packet_too_big(net, receiver):
    """An IPv6 router quotes as much as fits: who does not show the session's index is none."""
    from scapy.all import ICMPv6PacketTooBig, IPv6, UDP, Ether, Raw
    path = Path(net, outer6=True)
    path.host.reaches('10.2.0.1')
    mac = re.search(r'link/ether (\S+)', path.us.ip('link', 'show', 'wan0')).group(1)
    quote = IPv6(src='2001:db8:1::1', dst='2001:db8:2::1') / UDP(sport=7000, dport=7000)
    if receiver is not None:
        quote = quote / Raw(b'\x04\0\0\0' + receiver.to_bytes(4, 'little') + bytes(8))
    raw = packet_socket(path.router, 'west')
    raw.send(bytes(Ether(dst=mac, src='02:00:00:00:00:01') /
                   IPv6(src='2001:db8:1::254', dst='2001:db8:1::1') /
                   ICMPv6PacketTooBig(mtu=1280) / Raw(bytes(quote))))
    raw.close()
    for _ in range(3):
        assert too_big(path.host, '10.2.0.1', 1392) == 0
    path.gateway.balanced()


@pytest.mark.parametrize('bsize', [1024, 2048])
def test_longest_packets(net, bsize):
    """The longest MTU there is, over memif: a packet is in a chain of the ring's buffers there, and in
    one of ours, where it is sealed and opened in place."""
    directory, keys = scratch('over-memif'), (keypair(), keypair())
    net.closers.append(lambda: shutil.rmtree(directory))
    hosts = [net.host('a'), net.host('b')]
    gateways = [Gateway(
        net, host, f'[port wan0]\nmtu = 9216\ndevice = net_memif0,role={role},id=0,'
        f'socket={directory}/socket,socket-abstract=no,rsize=9,bsize={bsize}\n'
        f'address = 192.0.2.{n}/24\n[paths]\nprobe = off\n',
        {'wg0': tunnel(keys[n - 1][0], 7000, [f'10.9.0.{n}/32'], [
            {'PublicKey': keys[2 - n][1], 'AllowedIPs': f'10.9.0.{3 - n}/32',
             'Endpoint': f'192.0.2.{3 - n}:7000'}])}, worker=n - 1, memory=400).start()
        for n, host, role in ((1, hosts[0], 'server'), (2, hosts[1], 'client'))]
    hosts[0].reaches('10.9.0.2')
    assert 'mtu 9136' in hosts[0].ip('link', 'show', 'wg0')
    for size in (1500, 2048, 4000, 9136):
        assert hosts[0].ping('10.9.0.2', count=5, size=size - 28, pmtu='do') == 5, size
    for gateway in gateways:
        assert gateway.ask('drops')['rx_multiseg'] == 0
        gateway.balanced()
