# SPDX-License-Identifier: BSD-3-Clause
"""What the protocol asks for, seen on the wire: padding, keepalives, cookies, congestion marks."""
import base64
import hashlib
import os
import threading
import time

import pytest
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt as xseal

from gateway import Gateway, keypair, tunnel
from net import wait_for
from remote import Remote
from wggo import packet_socket


class Sniffer:
    """Collects the UDP payloads of our tunnel port that arrive at a host, with their IP TOS."""

    def __init__(self, host, device='eth0', sport=51820):
        self.raw = packet_socket(host, device)
        self.raw.settimeout(0.1)
        self.sport = sport.to_bytes(2, 'big')
        self.seen, self.going = [], True
        self.thread = threading.Thread(target=self.collect, daemon=True)
        self.thread.start()

    def collect(self):
        while self.going:
            try:
                frame, address = self.raw.recvfrom(65535)
            except TimeoutError:
                continue
            except OSError:  # the scene is being taken down
                return
            if address[2] != 4 and frame[12:14] == b'\x08\x00' and frame[23] == 17 and \
                    frame[34:36] == self.sport:
                length = int.from_bytes(frame[38:40], 'big')
                self.seen.append((frame[15], frame[42:34 + length]))

    def stop(self):
        self.going = False
        self.thread.join()
        self.raw.close()
        return self.seen


def transport(seen):
    return [(tos, payload) for tos, payload in seen if payload[0] == 4]


def datagram(to):
    return ('/usr/bin/python3', '-c', 'import socket\nsocket.socket(socket.AF_INET, '
            f'socket.SOCK_DGRAM).sendto(b"x", ("{to}", 9))')


def test_padding_and_counters(net):
    """Payloads are padded to 16 bytes, never beyond the MTU; counters rise by one."""
    r = Remote(net)
    r.lan.reaches('10.9.0.9')
    sniffer = Sniffer(r.far)
    sizes = [0, 1, 3, 4, 5, 20, 100, 1391, 1392]
    for size in sizes:
        assert r.lan.ping('10.9.0.9', count=1, size=size) == 1
    sent = transport(sniffer.stop())
    assert len(sent) == len(sizes)
    for (_, payload), size in zip(sent, sizes):
        inner = min(1420, -(-(size + 28) // 16) * 16)
        assert len(payload) == 16 + inner + 16, (size, len(payload))
    counters = [int.from_bytes(payload[8:16], 'little') for _, payload in sent]
    assert counters == list(range(counters[0], counters[0] + len(sizes)))


def test_marks(net):
    """RFC 6040: ECN goes out and comes back; DSCP stays inside."""
    r = Remote(net)
    r.lan.reaches('10.9.0.9')
    for inside, outside in ((0x00, 0), (0xb8, 0), (0x02, 2), (0xba, 2), (0x01, 1),
                            (0x03, 2)):
        sniffer = Sniffer(r.far)
        assert r.lan.ping('10.9.0.9', count=2, tos=inside) == 2
        assert [tos for tos, _ in transport(sniffer.stop())] == [outside] * 2, hex(inside)
    # Marked on the way to us: told to the host if it understands, dropped if it does not.
    r.far.run('nft', 'add table ip t; add chain ip t out { type filter hook output priority 0; }; '
                     'add rule ip t out udp dport 51820 ip ecn set ce')
    raw = packet_socket(r.lan, 'eth0')
    raw.settimeout(2)
    r.far.ping('10.1.0.2', count=1, size=77, tos='0x02')
    while True:
        frame = raw.recv(2048)
        if frame[12:14] == b'\x08\x00' and len(frame) == 14 + 28 + 77 and frame[34] == 8:
            break
    assert frame[15] == 3
    total = sum(int.from_bytes(frame[i:i + 2], 'big') for i in range(14, 34, 2))
    assert (total & 0xffff) + (total >> 16) == 0xffff
    before = r.gateway.ask('drops')['wg_ecn_invalid']
    assert r.far.ping('10.1.0.2', count=3, check=False, tos='0x00') == 0
    assert r.gateway.ask('drops')['wg_ecn_invalid'] == before + 3
    r.gateway.balanced()


def test_hop_limits(net):
    """A tunnel is a hop: TTL and hop limit fall by one on the way in and by one on the way out."""
    r = Remote(net)
    r.lan.reaches('10.9.0.9')
    r.lan.reaches('fd09::9')
    far, lan = packet_socket(r.far, r.peer.name), packet_socket(r.lan, 'eth0')
    for raw in (far, lan):
        raw.settimeout(2)

    def limit(raw, l2, family, size):
        at, length = (8, 20 + 8 + size) if family == 4 else (7, 40 + 8 + size)
        while True:
            frame, address = raw.recvfrom(2048)
            if address[2] != 4 and frame[l2] >> 4 == family and len(frame) == l2 + length:
                return frame[l2 + at]

    for family, there, back in ((4, '10.9.0.9', '10.1.0.2'), (6, 'fd09::9', 'fd01::2')):
        assert r.lan.ping(there, count=1, size=611, ttl=9) == 1
        assert limit(far, 0, family, 611) == 8
        assert r.far.ping(back, count=1, size=612, ttl=9) == 1
        assert limit(lan, 14, family, 612) == 8
    r.gateway.balanced()


def deaf(host):
    """Nobody there answers datagrams, and it may not say so."""
    host.run('nft', 'add table ip t; add chain ip t in { type filter hook input priority 0; }; '
                    'add rule ip t in udp dport 9 drop')


def test_keepalives(net):
    """Persistent ones every so many seconds, without traffic and from the start; and one passive
    keepalive ten seconds after data that was not answered."""
    r = Remote(net, they_know=False, start=False)
    path = r.gateway.directory / 'wg0.conf'
    quiet = path.read_text()
    path.write_text(quiet + 'PersistentKeepalive = 1\n')
    r.start_peer()
    r.gateway.start()
    wait_for(r.peer.handshake, 8, why='the handshake is made without traffic')
    sniffer = Sniffer(r.far)
    time.sleep(4.5)
    sent = transport(sniffer.stop())
    assert 4 <= len(sent) <= 5 and all(len(p) == 32 for _, p in sent), sent
    assert r.gateway.stop() == 0

    path.write_text(quiet)
    r.gateway.start()
    r.lan.reaches('10.9.0.9', seconds=20)
    # Ours is the last word: nothing is left to be answered.
    assert r.far.ping('10.1.0.2', count=1) == 1
    deaf(r.lan)
    time.sleep(1)
    passive_keepalive(r)
    r.gateway.balanced()


def passive_keepalive(r):
    """One datagram comes from the peer: ten seconds later so does the answer."""
    sniffer = Sniffer(r.far)
    began = time.monotonic()
    r.far.run(*datagram('10.1.0.2'))
    wait_for(lambda: transport(sniffer.seen), 12, why='a passive keepalive')
    assert 9.9 < time.monotonic() - began < 11.5
    sent = transport(sniffer.stop())
    assert [len(p) for _, p in sent] == [32]


def test_timers_after_quiet(net):
    """However quiet it was before: one datagram that nothing answers leads to a handshake in 15 s,
    and one that comes in to a keepalive in 10."""
    heard, silent = Remote(net), Remote(net)
    for r in heard, silent:
        r.lan.reaches('10.9.0.9')
    # Ours is the last word: nothing is left to be answered.
    assert heard.far.ping('10.1.0.2', count=1) == 1
    deaf(heard.lan)
    time.sleep(17)
    silent.peer.stop()
    sniffer = Sniffer(silent.far)
    began = time.monotonic()
    silent.lan.run(*datagram('10.9.0.9'))
    passive_keepalive(heard)
    wait_for(lambda: [p for _, p in sniffer.seen if p[0] == 1], 18, why='an initiation')
    assert 14.9 < time.monotonic() - began < 16.5
    sniffer.stop()
    heard.gateway.balanced()


def test_cookie_is_taken_and_shown(net):
    """A responder under load sends a cookie; the next initiation carries a mac2 made with it."""
    ns, far = net.host('gw'), net.host('far')
    net.cable(ns, 'wan', far, 'eth0')
    far.address('eth0', '192.0.2.9/24')
    private, _ = keypair()
    _, public = keypair()
    gateway = Gateway(net, ns, '[port wan0]\ndevice = kernel:wan\naddress = 192.0.2.1/24\n', {
        'wg0': tunnel(private, 51820, ['10.9.0.1/32'], [{
            'PublicKey': public, 'AllowedIPs': '10.9.0.0/24', 'Endpoint': '192.0.2.9:51821',
            'PersistentKeepalive': 5}])}).start()
    raw = packet_socket(far, 'eth0')
    raw.settimeout(15)
    secret = hashlib.blake2s(b'cookie--' + base64.b64decode(public)).digest()
    cookie = os.urandom(16)

    def initiation():
        while True:
            frame, address = raw.recvfrom(2048)
            if address[2] != 4 and frame[36:38] == (51821).to_bytes(2, 'big') and frame[42] == 1:
                assert len(frame) == 42 + 148
                return frame

    first = initiation()
    assert first[-16:] == bytes(16)
    mac1 = first[-32:-16]
    key = hashlib.blake2s(b'mac1----' + base64.b64decode(public)).digest()
    assert mac1 == hashlib.blake2s(first[42:-32], digest_size=16, key=key).digest()

    def reply(with_mac):
        nonce = os.urandom(24)
        message = b'\x03\0\0\0' + first[46:50] + nonce + xseal(cookie, with_mac, nonce, secret)
        header = bytearray(first[:42])
        header[0:6], header[6:12] = first[6:12], first[0:6]
        header[26:30], header[30:34] = first[30:34], first[26:30]
        header[34:36], header[36:38] = first[36:38], first[34:36]
        header[16:18] = (28 + len(message)).to_bytes(2, 'big')
        header[38:40] = (8 + len(message)).to_bytes(2, 'big')
        header[24:26] = header[40:42] = b'\0\0'
        total = sum(int.from_bytes(header[i:i + 2], 'big') for i in range(14, 34, 2))
        header[24:26] = (((total & 0xffff) + (total >> 16)) ^ 0xffff).to_bytes(2, 'big')
        raw.send(bytes(header) + message)

    # One that is bound to another message is worth nothing.
    reply(os.urandom(16))
    second = initiation()
    assert second[-16:] == bytes(16)
    mac1, first = second[-32:-16], second
    reply(mac1)
    third = initiation()
    assert third[-16:] == hashlib.blake2s(third[42:-16], digest_size=16, key=cookie).digest()
    gateway.balanced()


def test_endpoint_by_name(net):
    """A host name is resolved at start."""
    r = Remote(net, start=False)
    path = r.gateway.directory / 'wg0.conf'
    path.write_text(path.read_text().replace('192.0.2.9:51821', 'localhost:51821'))
    r.gateway.start()
    assert r.gateway.peer('wg0')['endpoint'] in ('127.0.0.1:51821', '[::1]:51821')


def test_first_packets_wait_for_the_handshake(net):
    """A cold start loses nothing: packets are held back until there is a session."""
    r = Remote(net)
    assert r.lan.ping('10.9.0.9', count=30, interval=0.01, wait=5) == 30
    r.gateway.balanced()


def test_silent_peer(net):
    """Nobody at the endpoint: what waits is bounded, given up after a time, and all is counted."""
    r = Remote(net)
    r.peer.stop()
    r.lan.reaches('10.1.0.1')
    before = r.gateway.balanced()
    r.lan.run('/usr/bin/python3', '-c', '''
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for n in range(3000):
    s.sendto(b"x" * 100, ("10.9.0.9", 9))
    if n % 50 == 0:
        time.sleep(0.01)
''')
    after = r.gateway.balanced()
    assert after['in'] - before['in'] >= 3000
    drops = r.gateway.ask('drops')
    assert 0 < after['held'] <= 256 and drops['staged_overflow'] >= 3000 - 256, (after, drops)
    # The gateway forwards as before for others.
    assert r.lan.ping('10.1.0.1', count=3) == 3
    r.start_peer()
    r.lan.reaches('10.9.0.9', seconds=15)
    after = r.gateway.balanced()
    assert after['held'] == 0, after


def test_two_tunnels_one_port_each_key(net):
    """A session of one tunnel is worth nothing on another tunnel's port."""
    r = Remote(net, start=False)
    other, _ = keypair()
    text = (r.gateway.directory / 'wg0.conf').read_text()
    r.gateway.write({'wg0': text, 'wg1': tunnel(other, 51830, ['10.66.0.1/32'])})
    r.gateway.start()
    r.start_peer()
    r.far.reaches('10.1.0.2')
    raw = packet_socket(r.far, 'eth0')
    raw.settimeout(5)
    r.far.popen('ping', '-n', '-q', '-c', '1', '10.1.0.2', stdout=-3)
    while True:
        frame, address = raw.recvfrom(65535)
        if address[2] == 4 and frame[36:38] == b'\xca\x6c' and frame[42] == 4:
            break
    r.gateway.balanced()
    before = r.gateway.ask('drops')
    moved = bytearray(frame)
    moved[36:38] = (51830).to_bytes(2, 'big')
    moved[40:42] = b'\0\0'
    raw.send(bytes(moved))
    r.gateway.balanced()
    after = r.gateway.ask('drops')
    assert after['wg_wrong_tunnel'] == before['wg_wrong_tunnel'] + 1
    assert after['wg_replayed'] == before['wg_replayed']
    assert r.far.ping('10.1.0.2', count=2) == 2


@pytest.mark.parametrize('family', [4, 6])
def test_udp_checksum_of_what_is_sealed(net, family):
    """IPv6 asks for a UDP checksum; the peer's kernel would drop a wrong one, and counts it."""
    r = Remote(net, family)
    r.lan.reaches('10.9.0.9')
    for size in (0, 1, 500, 1391):
        assert r.lan.ping('10.9.0.9', count=2, size=size, interval=0.02) == 2
    table = dict(zip(*[line.split()[1:] for line in r.far.run('cat', '/proc/net/snmp').splitlines()
                       if line.startswith('Udp:')]))
    assert table['InCsumErrors'] == '0'
    six = dict(line.split() for line in r.far.run('cat', '/proc/net/snmp6').splitlines())
    assert six['Udp6InCsumErrors'] == '0'
    proves_udp_checksum(r.far, r.lan, family)


def proves_udp_checksum(far, lan, family):
    """Adds up a sealed packet's UDP checksum; over IPv4 there may be none."""
    raw = packet_socket(far, 'eth0')
    raw.settimeout(5)
    lan.popen('ping', '-n', '-q', '-c', '1', '10.9.0.9', stdout=-3)
    ip = 14 + (20 if family == 4 else 40)
    while True:
        frame, address = raw.recvfrom(65535)
        kind = b'\x08\x00' if family == 4 else b'\x86\xdd'
        if address[2] != 4 and frame[12:14] == kind and frame[ip:ip + 2] == b'\xca\x6c':
            break
    raw.close()
    checksum = int.from_bytes(frame[ip + 6:ip + 8], 'big')
    if family == 6 or checksum:
        addresses = frame[22:54] if family == 6 else frame[26:34]
        udp = frame[ip:ip + int.from_bytes(frame[ip + 4:ip + 6], 'big')]
        data = addresses + len(udp).to_bytes(4, 'big') + b'\0\0\0\x11' + udp + b'\0' * (len(udp) & 1)
        total = sum(int.from_bytes(data[i:i + 2], 'big') for i in range(0, len(data), 2))
        while total >> 16:
            total = (total & 0xffff) + (total >> 16)
        assert total == 0xffff and checksum != 0
