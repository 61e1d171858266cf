# SPDX-License-Identifier: BSD-3-Clause
"""UDP checksums of sealed packets and handshakes: made by ports that can, which net_tap does in
software as a network card would; else made here over IPv6, and left out over IPv4."""
import pytest

from gateway import Gateway, keypair, tunnel
from net import wait_for
from wggo import WireguardGo, packet_socket


def sealed(raw, until):
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
        if UDP in packet and packet[UDP].sport == 7000:
            right = packet.copy()
            del right[UDP].chksum
            layer = IP if IP in right else IPv6
            right = layer(bytes(right[layer]))
            seen.append((bytes(packet[UDP].payload)[0], packet[UDP].chksum, right[UDP].chksum))
        return until(seen)
    wait_for(take, 15, every=0, why=f'sealed packets: {seen}')
    return seen


@pytest.mark.parametrize('outer', ['IPv4', 'IPv6'])
@pytest.mark.parametrize('device', ['net_tap', 'kernel'])
def test_udp_checksum(net, device, outer):
    us, far = net.host('us'), net.host('far')
    if device == 'kernel':
        net.cable(us, 'wan', far, 'eth0')
    private, public = keypair()
    ours = '[2001:db8:1::1]:7000' if outer == 'IPv6' else '192.0.2.1:7000'
    go = WireguardGo(net, far)
    gateway = Gateway(
        net, us, '[port wan0]\naddress = 192.0.2.1/24\naddress = 2001:db8:1::1/64\n'
        + ('device = kernel:wan\n' if device == 'kernel' else 'device = net_tap0,iface=eth0\n'),
        {'wg0': tunnel(private, 7000, ['10.9.0.1/32'],
                       [{'PublicKey': go.public, 'AllowedIPs': '10.2.0.0/24'}])}).start()
    if device == 'net_tap':
        us.ip('link', 'set', 'eth0', 'netns', far.name)
        far.ip('link', 'set', 'eth0', 'up')
    far.address('eth0', '192.0.2.2/24', '2001:db8:1::2/64')
    raw = packet_socket(far, 'eth0')
    go.start(7001, ['10.2.0.1/24'],
             [{'PublicKey': public, 'AllowedIPs': '10.9.0.1/32', 'Endpoint': ours}])
    go.route('10.9.0.1/32')
    ping = far.popen('ping', '-n', '-i', 0.1, '-s', 1001, '10.9.0.1', stdout=-3)
    seen = sealed(raw, lambda seen: sum(kind == 4 for kind, _, _ in seen) >= 3)
    raw.close()
    ping.terminate()
    ping.wait()
    assert any(kind == 2 for kind, _, _ in seen), seen
    for kind, checksum, right in seen:
        assert checksum == (0 if (device, outer) == ('kernel', 'IPv4') else right), (kind, seen)
    gateway.balanced()
