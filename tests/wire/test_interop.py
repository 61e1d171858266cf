# SPDX-License-Identifier: BSD-3-Clause
"""Against wireguard-go: both roles, both families inside and out."""
import json
import re
import time
from pathlib import Path

import pytest

from gateway import keypair, psk
from net import wait_for
from remote import Remote
from wggo import packet_socket


def iperf(client, server, address, *args):
    listener = server.popen('iperf3', '-s', '-1', stdout=-3, stderr=-3)
    time.sleep(0.4)
    out = client.run('iperf3', '-c', address, '--json', *args, check=False)
    listener.wait(10)
    report = json.loads(out)
    assert 'error' not in report, report['error']
    return report['end']


@pytest.mark.parametrize('initiator', ['we', 'they'])
@pytest.mark.parametrize('family', [4, 6])
def test_pings_and_streams(net, family, initiator):
    """Only the initiator knows where the other is; the first packet makes the handshake."""
    r = Remote(net, family, we_know=initiator == 'we', they_know=initiator == 'they', psk=psk())
    if initiator == 'we':
        r.lan.reaches('10.9.0.9')
    else:
        r.far.reaches('10.1.0.2')
    assert r.lan.ping('10.9.0.9', count=5) == 5
    assert r.lan.ping('fd09::9', count=5) == 5
    assert r.far.ping('10.1.0.2', count=5) == 5
    assert r.far.ping('fd01::2', count=5) == 5
    # To and from the gateway itself, through the kernel's TUN.
    assert r.far.ping('10.9.0.1', count=3) == 3
    assert r.ns.ping('fd09::9', count=3) == 3
    for address, client, server in (('10.9.0.9', r.lan, r.far), ('fd01::2', r.far, r.lan)):
        end = iperf(client, server, address, '-t', 1)
        assert end['sum_received']['bytes'] > 1_000_000
    for _ in range(3):  # a busy machine's sockets lose some now and then
        end = iperf(r.lan, r.far, '10.9.0.9', '-u', '-b', '20M', '-t', 1)
        if end['sum']['lost_percent'] < 2:
            break
    assert end['sum']['packets'] > 100 and end['sum']['lost_percent'] < 2
    peer = r.gateway.peer('wg0')
    assert peer['state'] == 'up' and peer['latest_handshake_s_ago'] >= 0
    r.gateway.balanced()


def test_counts_agree_with_the_peers(net):
    """Both ends count the same packets, to the byte."""
    r = Remote(net)
    r.lan.reaches('10.9.0.9')
    r.lan.ping('10.9.0.9', count=20, interval=0.02, size=100)
    r.gateway.balanced()
    theirs = [int(n) for n in r.peer.wg('show', r.peer.name, 'transfer').split()[1:]]
    ours = r.gateway.peer('wg0')
    assert [ours['tx_bytes'], ours['rx_bytes']] == theirs


def test_odd_sizes_and_path_mtu(net):
    r = Remote(net)
    r.lan.reaches('10.9.0.9')
    for size in [0, 1, 2, 15, 16, 17, 31, 33, 100, 255, 256, 1391, 1392]:
        assert r.lan.ping('10.9.0.9', count=2, size=size, interval=0.02) == 2, size
        assert r.far.ping('fd01::2', count=2, size=min(size, 1372), interval=0.02) == 2, size
    # Longer than the tunnel's MTU: cut up, or refused with the MTU.
    assert r.lan.ping('10.9.0.9', count=2, size=1460, pmtu='dont') == 2
    # Two fragments from the host. net_af_packet (DPDK 22.11) puts them together before we see
    # them, and has room for 2 kB: longer ones need a real port.
    assert r.lan.ping('10.9.0.9', count=2, size=1900, pmtu='dont') == 2
    out = r.lan.run('ping', '-n', '-c', 1, '-W', 2, '-s', 1460, '-M', 'do', '10.9.0.9', check=False)
    assert re.search(r'mtu ?= ?1420', out), out
    r.lan.ping('fd09::9', count=1, size=1440, check=False)  # learns the path's MTU
    assert r.lan.ping('fd09::9', count=1, size=1440) == 1
    # TTL and unreachable are the kernel's to answer, through the same path.
    out = r.lan.run('ping', '-n', '-c', 1, '-W', 2, '-t', 1, '10.9.0.9', check=False)
    assert 'Time to live exceeded' in out
    r.gateway.balanced()


def test_jumbo_frames(net):
    r = Remote(net, mtu=9000, tunnel_mtu=8920, memory=300)
    r.lan.reaches('10.9.0.9')
    assert r.lan.ping('10.9.0.9', count=3, size=8892, pmtu='do') == 3
    assert r.far.ping('fd01::2', count=3, size=8872) == 3


def test_wrong_keys_get_nothing(net):
    r = Remote(net, start=False)
    r.public = keypair()[1]
    r.gateway.start()
    r.start_peer()
    assert r.far.ping('10.9.0.1', count=2, check=False) == 0
    assert r.lan.ping('10.9.0.9', count=2, check=False) == 0
    # An initiation for another key has another mac1; ours is for a key the peer does not have.
    wait_for(lambda: r.gateway.ask('info')['handshake_bad_mac'] > 0, 10)
    assert r.gateway.peer('wg0')['state'] != 'up'
    assert r.peer.handshake() == 0


def test_wrong_preshared_key_gets_nothing(net):
    r = Remote(net, psk=psk(), start=False)
    r.gateway.start()
    r.psk = psk()
    r.start_peer()
    assert r.lan.ping('10.9.0.9', count=2, check=False) == 0
    wait_for(lambda: r.gateway.ask('info')['handshake_invalid'] > 0, 10)
    assert r.peer.handshake() == 0


def test_stranger_is_refused(net):
    """A peer we do not know, with our right key."""
    r = Remote(net, start=False)
    r.gateway.start()
    r.peer.private, r.peer.public = keypair()
    r.start_peer()
    assert r.far.ping('10.9.0.1', count=2, check=False) == 0
    wait_for(lambda: r.gateway.ask('info')['handshake_unknown_peer'] > 0, 10)


def test_roaming(net):
    """The peer moves to another address and port while packets flow; and so do its answers."""
    r = Remote(net)
    r.far.reaches('10.1.0.2')
    before = r.gateway.peer('wg0')['endpoint']
    r.far.address('eth0', '192.0.2.77/24')
    r.far.ip('address', 'del', '192.0.2.9/24', 'dev', 'eth0')
    r.far.address('eth0', '192.0.2.77/24') if '192.0.2.77' not in r.far.ip('address') else None
    r.peer.wg('set', r.peer.name, 'listen-port', '51999')
    r.far.reaches('10.1.0.2', seconds=5)
    assert r.far.ping('10.1.0.2', count=5) == 5
    assert before == '192.0.2.9:51821'
    assert r.gateway.peer('wg0')['endpoint'] == '192.0.2.77:51999'
    assert r.lan.ping('10.9.0.9', count=3) == 3


def test_forged_packets_change_nothing(net):
    """Replayed, corrupted, misdirected and meaningless datagrams are dropped by name."""
    r = Remote(net)
    r.far.reaches('10.1.0.2')
    raw = packet_socket(r.far, 'eth0')
    raw.settimeout(5)
    r.far.popen('ping', '-n', '-q', '-c', '1', '10.1.0.2', stdout=-3)

    def transport():
        while True:
            frame, address = raw.recvfrom(65535)
            # Ours on the way out: IPv4, UDP to 51820, type 4.
            if address[2] == 4 and frame[12:14] == b'\x08\x00' and frame[36:38] == b'\xca\x6c' \
                    and frame[42] == 4:
                return frame

    frame = transport()
    endpoint = r.gateway.peer('wg0')['endpoint']
    before = r.gateway.ask('drops')
    raw.send(frame)
    for position in (50, 60, len(frame) - 1):
        # A counter never seen, else it is a replay before it is anything else.
        bad = bytearray(frame)
        bad[position] ^= 0x40
        raw.send(bytes(bad))
    unknown = bytearray(frame)
    unknown[46] ^= 0xff
    raw.send(bytes(unknown))
    for junk in (b'', b'\x04', b'\x04\0\0\0' + bytes(20), b'\x01\0\0\0' + bytes(100), bytes(200)):
        size = len(junk) + 8
        header = bytearray(frame[:42])
        header[16:18] = (size + 20).to_bytes(2, 'big')
        header[38:40] = size.to_bytes(2, 'big')
        header[40:42] = b'\0\0'
        header[24:26] = b'\0\0'
        total = sum(int.from_bytes(header[i:i + 2], 'big') for i in range(14, 34, 2))
        while total >> 16:
            total = (total & 0xffff) + (total >> 16)
        header[24:26] = (total ^ 0xffff).to_bytes(2, 'big')
        raw.send(bytes(header) + junk)
    broken = bytearray(frame)
    broken[24] ^= 1
    raw.send(bytes(broken))
    r.gateway.balanced()
    after = r.gateway.ask('drops')
    gained = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    gained.pop('no_peer', None)  # the kernel's own multicast on the TUN, whenever it likes
    assert gained == {'wg_replayed': 1, 'wg_auth_failed': 3, 'wg_unknown_index': 1,
                      'wg_bad_message': 5, 'bad_checksum': 1}
    assert r.gateway.peer('wg0')['endpoint'] == endpoint
    assert r.far.ping('10.1.0.2', count=2) == 2


def test_source_filter_and_several_peers(net):
    """Two peers in one tunnel: each reaches us from its own addresses only."""
    second_private, second_public = keypair()
    r = Remote(net, extra_peers=[{'PublicKey': second_public, 'AllowedIPs': '10.8.0.0/24'}])
    r.far.reaches('10.1.0.2')
    from wggo import WireguardGo
    other = net.host('far2')
    # Behind a second address of the same network: a bridge of the first peer's host will do.
    net.cable(r.far, 'tap2', other, 'eth0')
    r.far.ip('link', 'add', 'br0', 'type', 'bridge')
    r.far.ip('address', 'flush', 'dev', 'eth0')
    for device in ('eth0', 'tap2'):
        r.far.ip('link', 'set', device, 'master', 'br0')
    r.far.ip('link', 'set', 'br0', 'up')
    r.far.address('br0', '192.0.2.9/24')
    other.address('eth0', '192.0.2.10/24')
    peer = WireguardGo(net, other, name='wgq')
    peer.private = second_private
    peer.start(51822, ['10.8.0.1/24'], [r.peer_settings()])
    peer.route('10.1.0.0/24')
    other.reaches('10.1.0.2')
    assert r.lan.ping('10.8.0.1', count=3) == 3
    assert r.far.ping('10.1.0.2', count=3) == 3
    # The second peer with an address that is the first one's.
    peer.host.address(peer.name, '10.9.0.66/32')
    before = r.gateway.ask('drops')['wg_source_not_allowed']
    assert other.ping('10.1.0.2', count=3, check=False, source='10.9.0.66') == 0
    assert r.gateway.ask('drops')['wg_source_not_allowed'] == before + 3


def test_peer_that_died_and_came_back(net):
    r = Remote(net)
    r.lan.reaches('10.9.0.9')
    r.peer.stop()
    assert r.lan.ping('10.9.0.9', count=2, check=False) == 0
    r.start_peer()
    # It has no session; its first packet makes one.
    r.far.reaches('10.1.0.2', seconds=20)
    assert r.lan.ping('10.9.0.9', count=3) == 3


def test_gateway_restarts(net):
    """After a restart the peer's old session is gone; the next packets make a new one."""
    r = Remote(net)
    r.lan.reaches('10.9.0.9')
    assert r.gateway.stop() == 0
    assert 'wan0' not in r.ns.ip('-br', 'link') and 'wg0' not in r.ns.ip('-br', 'link')
    assert 'wirebraid' not in r.ns.run('nft', 'list', 'ruleset')
    r.gateway.start()
    r.lan.reaches('10.9.0.9', seconds=20)


def free_hugepages():
    """MiB of them."""
    text = Path('/proc/meminfo').read_text()
    pages, size = (int(re.search(rf'{key}: *(\d+)', text)[1])
                   for key in ('HugePages_Free', 'Hugepagesize'))
    return pages * size // 1024


def test_two_workers_and_ordinary_memory(net):
    """Stages split over two lcores, without hugepages: more memory than pages are reserved."""
    r = Remote(net, worker='0-1', memory=max(free_hugepages() + 64, 192))
    assert 'using ordinary memory' in r.gateway.log.read_text()
    r.lan.reaches('10.9.0.9')
    assert {r.gateway.ask('tunnel,wg0')['lcore_seal'],
            r.gateway.ask('tunnel,wg0')['lcore_open']} == {1, 2}
    assert r.lan.ping('10.9.0.9', count=20, interval=0.02) == 20
    end = iperf(r.lan, r.far, '10.9.0.9', '-t', 1)
    assert end['sum_received']['bytes'] > 1_000_000
    r.gateway.balanced()


def test_flood_of_handshakes_is_answered_with_cookies(net):
    """Initiations that pass mac1 and no more: under load a cookie is asked for, and a peer that has
    one gets through."""
    r = Remote(net, we_know=False, start=False)
    r.gateway.start()
    flooder = r.far.popen('/usr/bin/python3', '-c', f'''
import base64, hashlib, os, socket, time
public = base64.b64decode("{r.public}")
key = hashlib.blake2s(b"mac1----" + public).digest()
body = bytes([1, 0, 0, 0]) + os.urandom(112)
message = body + hashlib.blake2s(body, key=key, digest_size=16).digest() + bytes(16)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
end = time.monotonic() + 14
while time.monotonic() < end:
    for _ in range(64):
        s.sendto(message, ("{r.us}", 51820))
    time.sleep(0.0005)
''')
    wait_for(lambda: r.gateway.ask('info')['handshake_cookie_sent'] > 0, 5,
             why='the gateway is under load')
    r.start_peer()
    r.far.reaches('10.1.0.2', seconds=20)
    # Its first initiation is answered with a cookie; the next one, after 5 s, carries mac2.
    assert flooder.poll() is None, 'the handshake was to come through during the flood'
    flooder.wait(20)
    assert r.gateway.ask('info')['handshake_invalid'] > 0
    r.gateway.balanced()


def test_always_polling(net):
    """`poll = always`: a worker never sleeps."""
    r = Remote(net, start=False)
    r.gateway.extra = 'poll = always'
    r.gateway.write({'wg0': (r.gateway.directory / 'wg0.conf').read_text()})
    r.gateway.start()
    r.start_peer()
    r.lan.reaches('10.9.0.9')
    first = r.gateway.ask('lcore,0')['loops']
    time.sleep(0.5)
    # A sleeping worker makes some thousands of rounds a second.
    assert r.gateway.ask('lcore,0')['loops'] - first > 20_000


def test_sealed_packets_longer_than_the_port(net):
    """A tunnel's MTU that its port has no room for: senders are told, and what may be cut up is."""
    r = Remote(net, tunnel_mtu=1500)
    r.lan.reaches('10.9.0.9')
    before = r.gateway.ask('drops')['outer_too_big']
    assert r.lan.ping('10.9.0.9', count=1, size=1472, check=False, pmtu='do') == 0
    assert r.gateway.ask('drops')['outer_too_big'] == before + 1
    assert r.lan.ping('10.9.0.9', count=2, size=1412, pmtu='do') == 2
    assert r.lan.ping('10.9.0.9', count=2, size=1472, pmtu='dont') == 2
    assert r.gateway.balanced()['cut_up'] == 2
