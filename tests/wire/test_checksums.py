# SPDX-License-Identifier: BSD-3-Clause
"""Checksums, left to ports that can and done here for others. net_tap does in software what a
network card does: it makes UDP checksums of what it sends, and looks at IPv4's of what it receives."""
import shutil
import socket
from pathlib import Path

import pytest

from gateway import Gateway, keypair, spread_ports, tunnel
from net import scratch, wait_for
from wggo import WireguardGo, inside, packet_socket


def sealed(raw, until, ports=(7000,)):
    """What comes from the tunnel's port: (WireGuard's message type, checksum, what it should be)."""
    from scapy.all import IP, UDP, Ether, IPv6
    seen = []
    raw.settimeout(0.2)

    def take():
        try:
            frame = raw.recv(2048)
        except TimeoutError:
            return until(seen)
        packet = Ether(frame)
        if UDP in packet and packet[UDP].sport in ports:
            right = packet.copy()
            del right[UDP].chksum
            layer = IP if IP in right else IPv6
            right = layer(bytes(right[layer]))
            seen.append((bytes(packet[UDP].payload)[0], packet[UDP].chksum, right[UDP].chksum))
        return until(seen)
    wait_for(take, 15, every=0, why=f'sealed packets: {seen}')
    return seen


# What is in the port's section, and whether checksums are left to it.
DEVICES = {
    'net_tap': ('device = net_tap0,iface=eth0\n', True),
    'net_tap-off': ('device = net_tap0,iface=eth0\noffload = off\n', False),
    'kernel': ('device = kernel:wan\n', False),
}
each_device = pytest.mark.parametrize('device', DEVICES)


class Scene:
    """A gateway and wireguard-go on the other end of its port."""

    def __init__(self, net, device, ours='192.0.2.1:7000'):
        us, self.far = net.host('us'), net.host('far')
        section, self.left_to_port = DEVICES[device]
        if device == 'kernel':
            net.cable(us, 'wan', self.far, 'eth0')
        private, public = keypair()
        self.go = WireguardGo(net, self.far)
        self.gateway = Gateway(
            net, us, '[port wan0]\naddress = 192.0.2.1/24\naddress = 2001:db8:1::1/64\n' + section,
            {'wg0': tunnel(private, 7000, ['10.9.0.1/32'],
                           [{'PublicKey': self.go.public, 'AllowedIPs': '10.2.0.0/24'}])}).start()
        if device != 'kernel':
            us.ip('link', 'set', 'eth0', 'netns', self.far.name)
            self.far.ip('link', 'set', 'eth0', 'up')
        self.far.address('eth0', '192.0.2.2/24', '2001:db8:1::2/64')
        self.raw = packet_socket(self.far, 'eth0')
        net.closers.append(self.raw.close)
        self.go.start(7001, ['10.2.0.1/24'],
                      [{'PublicKey': public, 'AllowedIPs': '10.9.0.1/32', 'Endpoint': ours}])
        self.go.route('10.9.0.1/32')

    def udp_errors(self):
        """Datagrams that the far kernel threw away for their checksums."""
        four = [line.split() for line in self.far.run('cat', '/proc/net/snmp').splitlines()
                if line.startswith('Udp:')]
        six = dict(line.split() for line in self.far.run('cat', '/proc/net/snmp6').splitlines())
        return int(dict(zip(*four))['InCsumErrors']) + int(six['Udp6InCsumErrors'])


@pytest.mark.parametrize('outer', ['IPv4', 'IPv6'])
@each_device
def test_udp_checksum(net, device, outer):
    s = Scene(net, device, '[2001:db8:1::1]:7000' if outer == 'IPv6' else '192.0.2.1:7000')
    ping = s.far.popen('ping', '-n', '-i', 0.1, '-s', 1001, '10.9.0.1', stdout=-3)
    seen = sealed(s.raw, lambda seen: sum(kind == 4 for kind, _, _ in seen) >= 3)
    ping.terminate()
    ping.wait()
    assert any(kind == 2 for kind, _, _ in seen), seen
    for kind, checksum, right in seen:
        assert checksum == (right if s.left_to_port or outer == 'IPv6' else 0), (kind, seen)
    # The kernel there has looked at them, too.
    assert s.far.ping('10.9.0.1', count=5, size=1001) == 5
    assert s.udp_errors() == 0
    s.gateway.balanced()


@each_device
def test_wrong_ip_checksum(net, device):
    """Dropped under the same name whoever looks at it; others pass."""
    from scapy.all import IP, UDP, Ether, Raw
    s = Scene(net, device)
    assert s.far.ping('10.9.0.1', count=3, interval=0.2) > 0
    port = s.gateway.ask('port,wan0')
    assert port['rx_ipv4_checksums'] == port['tx_udp_checksums'] == s.left_to_port
    assert ('  offload: IPv4 checksums received, UDP checksums sent\n' if s.left_to_port
            else '  offload: none\n') in s.gateway.text('ports')

    def count(name):
        return s.gateway.ask('drops')[name]
    before = count('bad_checksum'), count('wg_bad_message')
    for chksum in 10 * [0xbeef, None]:
        for options in (b'', b'\x01' * 8):
            s.raw.send(bytes(Ether(dst=port['mac']) / IP(
                src='192.0.2.2', dst='192.0.2.1', chksum=chksum, options=options or []) / UDP(
                    sport=7001, dport=7000) / Raw(b'\x09' * 40)))
    wait_for(lambda: count('bad_checksum') - before[0] == 20, 5,
             why=f'20 of them: {s.gateway.ask("drops")}')
    wait_for(lambda: count('wg_bad_message') - before[1] == 20, 5,
             why=f'20 others: {s.gateway.ask("drops")}')
    s.gateway.balanced()


def test_bond(net):
    """A bond whose members make checksums: so it does, by either, and the other side, which is asked
    for none, makes its own."""
    us, far = net.host('us'), net.host('far')
    keys, addresses = [keypair(), keypair()], ['2001:db8:1::1', '2001:db8:1::2']
    ports = spread_ports(*addresses, 2, 2, first=7000)

    def gateway(n, host, members):
        """Gateway number n."""
        return Gateway(
            net, host, '[bond bond0]\n' + ''.join(f'member = {member}\n' for member in members)
            + f'address = {addresses[n]}/64\n[paths]\nprobe = off\n',
            {f'wg{i}': tunnel(keys[n][0], ports[i][n], [f'10.9.{i}.{n + 1}/32'], [
                {'PublicKey': keys[1 - n][1], 'AllowedIPs': f'10.9.{i}.{2 - n}/32',
                 'Endpoint': f'[{addresses[1 - n]}]:{ports[i][1 - n]}'}]) for i in range(2)},
            worker=n).start()
    a = gateway(0, us, ['net_tap0,iface=wan0', 'net_tap1,iface=wan1'])
    for i in range(2):
        # A TAP that moves to another namespace has no link for its driver: it stays, bridged to a
        # cable. A bridge lets LACP through if told to, and keeps what is for an address of its own.
        us.ip('link', 'set', f'wan{i}', 'address', f'02:00:00:00:00:0{i}')
        net.cable(us, f'out{i}', far, f'wan{i}')
        us.ip('link', 'add', f'br{i}', 'up', 'type', 'bridge')
        for end in (f'wan{i}', f'out{i}'):
            us.ip('link', 'set', end, 'up', 'master', f'br{i}')
            us.ip('link', 'set', end, 'type', 'bridge_slave', 'group_fwd_mask', 4)
    b = gateway(1, far, ['kernel:wan0', 'kernel:wan1'])
    for each, left_to_port in ((a, 1), (b, 0)):
        each.distributing(2)
        assert each.ask('port,bond0')['tx_udp_checksums'] == left_to_port
    for i in range(2):
        raw = packet_socket(far, f'wan{i}')
        net.closers.append(raw.close)
        us.reaches(f'10.9.{i}.2')
        ping = us.popen('ping', '-n', '-i', 0.1, '-s', 1001, f'10.9.{i}.2', stdout=-3)
        seen = sealed(raw, lambda seen: sum(kind == 4 for kind, _, _ in seen) >= 6,
                      ports[i])
        ping.terminate()
        ping.wait()
        # Those of both sides: each tunnel takes its member both ways.
        assert all(checksum == right for _, checksum, right in seen), seen
    for each in (a, b):
        each.balanced()


FREE_HUGEPAGES = Path('/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages')


def test_virtio(net):
    """Virtio's two ends, whose drivers want a hand in checksums before they send. Each gateway calls
    at a port of the other's that is no tunnel's: the kernel gets that, and looks at the checksum."""
    directory = scratch('over-memif')
    net.closers.append(lambda: shutil.rmtree(directory))
    # The driver shares all memory with the other end, which takes eight pieces of it: of hugepages
    # there would be more.
    memory = 2 * int(FREE_HUGEPAGES.read_text()) + 192
    if memory > 4096:
        pytest.skip('too many hugepages are free')
    gateways, listeners = [], []
    for n, device in ((1, f'net_vhost0,iface={directory}/socket'),
                      (2, f'net_virtio_user0,path={directory}/socket')):
        host = net.host(f'host{n}')
        gateways.append(Gateway(
            net, host, f'[port wan0]\ndevice = {device}\naddress = 2001:db8:1::{n}/64\n',
            {'wg0': tunnel(keypair()[0], 7000, peers=[
                {'PublicKey': keypair()[1], 'AllowedIPs': '10.2.0.0/24', 'PersistentKeepalive': 1,
                 'Endpoint': f'[2001:db8:1::{3 - n}]:9000'}])},
            memory=192 if n == 1 else memory).start())
        assert gateways[-1].ask('port,wan0')['tx_udp_checksums'] == 1
        with inside(host):
            listeners.append(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
        net.closers.append(listeners[-1].close)
        listeners[-1].bind(('::', 9000))
        listeners[-1].settimeout(15)
    for listener in listeners:
        message, sender = listener.recvfrom(2048)
        assert (len(message), message[0], sender[1]) == (148, 1, 7000)
    for gateway in gateways:
        assert gateway.ask('drops')['tx_refused'] == 0
        gateway.balanced()
