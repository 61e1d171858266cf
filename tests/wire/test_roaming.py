# SPDX-License-Identifier: BSD-3-Clause
"""Where the gateway takes a peer to be: only what is authentic moves it."""
import base64
import os
import socket

import pytest

from noise import INITIATION, RESPONSE, TRANSPORT, Key, NoisePeer
from speaker import ELSEWHERE, THEIR_PORT, THEM, Speaker

FAMILIES = pytest.mark.parametrize('family', [4, 6])


@FAMILIES
def test_by_initiation(net, family):
    s = Speaker(net, family)
    other = s.socket(ELSEWHERE[family], 4444)
    session = s.connect(udp=other)
    s.at(ELSEWHERE[family], 4444)
    assert s.ping_inside(session, udp=other)
    s.gateway.balanced()


@FAMILIES
def test_by_response(net, family):
    s = Speaker(net, family)
    other = s.socket(ELSEWHERE[family], 4444)
    response, session = s.answer()
    s.send(response, other)
    s.at(ELSEWHERE[family], 4444)
    # The packet that waited is sealed under the new key, to the new place.
    counter, inner = session.open(s.hear(TRANSPORT, udp=other))
    assert counter == 0 and inner == b'' or inner[0] >> 4 == 4
    s.gateway.balanced()


@FAMILIES
def test_by_data(net, family):
    s = Speaker(net, family)
    session = s.connect()
    assert s.ping_inside(session)
    s.at(THEM[family])
    for address, port in ((ELSEWHERE[family], THEIR_PORT), (THEM[family], 4445)):
        other = s.socket(address, port)
        # The first answer may still go to the old place.
        s.ping_inside(session, udp=other)
        s.at(address, port)
        assert s.ping_inside(session, udp=other, number=2)
    s.gateway.balanced()


@FAMILIES
def test_back_from_where_no_way_leads(net, family):
    """A packet shows the peer at a place that we have no route to; the next one shows it at home."""
    s = Speaker(net, family)
    nowhere = {4: '203.0.113.9', 6: '2001:db8:77::9'}[family]
    s.far.address('eth0', f'{nowhere}/{32 if family == 4 else 128}')
    session = s.connect()
    assert s.ping_inside(session)
    s.at(THEM[family])
    s.send(session.seal(), s.socket(nowhere, 4444))
    s.at(nowhere, 4444)
    s.send(session.seal())
    s.at(THEM[family])
    assert s.ping_inside(session, number=2)
    s.gateway.balanced()


def test_not_by_what_is_not_authentic(net):
    """Forged, replayed, cut, from strangers: the peer stays where it is."""
    s = Speaker(net)
    other = s.socket(ELSEWHERE[4], 4444)
    initiation = s.peer.initiation()
    s.send(initiation)
    session = s.peer.finish(s.hear(RESPONSE))
    data = session.seal()
    s.send(data)
    assert s.ping_inside(session)
    stranger = NoisePeer(Key(), s.public)
    forged = bytearray(session.seal(b'x' * 32))
    forged[-1] ^= 1
    reserved = bytearray(session.seal())
    reserved[1] = 1
    for message in (initiation, data, bytes(forged), stranger.initiation(), session.seal()[:-1],
                    bytes(reserved), session.seal(index=12345), os.urandom(148),
                    b'\x01\0\0\0' + os.urandom(144), b'\x02\0\0\0' + os.urandom(88),
                    b'\x04\0\0\0' + os.urandom(60), b''):
        s.send(message, other)
    assert s.ping_inside(session, number=9)
    s.at(THEM[4])
    assert s.hear(udp=other, seconds=0.3) is None
    assert s.drop('wg_replayed') >= 1 and s.drop('wg_auth_failed') >= 1
    assert s.drop('wg_unknown_index') >= 1 and s.drop('wg_bad_message') >= 3
    assert s.info('handshake_replayed') == 1 and s.info('handshake_unknown_peer') == 1
    assert s.info('handshake_bad_mac') == 2
    s.gateway.balanced()


def test_answers_come_from_where_we_were_spoken_to(net):
    """Two addresses of ours: the peer hears from the one it uses."""
    s = Speaker(net)
    s.us.address('wan0', '192.0.2.2/24')
    s.udp.connect(('192.0.2.2', 51820))
    s.udp.send(s.peer.initiation())
    # A connected socket hears this address alone.
    session = s.peer.finish(s.hear(RESPONSE))
    s.udp.send(session.seal())
    from scapy.all import ICMP, IP
    s.udp.send(session.seal(bytes(IP(src='10.2.0.9', dst='10.1.0.1') / ICMP(type=8))))
    assert s.hear(TRANSPORT) is not None
    # And when that address goes, by the other one.
    s.udp.close()
    s.udp = s.socket(THEM[4], THEIR_PORT)
    s.us.ip('address', 'del', '192.0.2.2/24', 'dev', 'wan0')
    assert s.us.ping('10.2.0.9', count=1, check=False) == 0
    assert s.hear(TRANSPORT) is not None


@pytest.mark.parametrize('wrong', ['psk', 'key'])
def test_wrong_secrets(net, wrong):
    psk = os.urandom(32)
    s = Speaker(net, psk=psk)
    if wrong == 'psk':
        s.peer.psk = os.urandom(32)
        s.initiate()
        with pytest.raises(Exception, match=''):
            s.peer.finish(s.hear(RESPONSE))
    else:
        s.peer = NoisePeer(Key(), s.public, psk)
        s.initiate()
        assert s.hear(RESPONSE, seconds=0.5) is None
    s.peer = NoisePeer(s.key, s.public, psk)
    assert base64.b64encode(s.key.public)
    assert s.ping_inside(s.connect())


def test_sessions_overlap(net):
    """The last session opens what is still under way; a new one is used once it was confirmed."""
    s = Speaker(net)
    first = s.connect()
    assert s.ping_inside(first)
    s.initiate()
    second = s.peer.finish(s.hear(RESPONSE))
    # Not confirmed: the gateway still sends under the first one.
    assert s.ping_inside(first, number=2)
    s.send(second.seal())
    assert s.ping_inside(second, number=3)
    # The previous one is still opened, and the answer comes under the current one.
    from scapy.all import ICMP, IP
    s.drain()
    s.send(first.seal(bytes(IP(src='10.2.0.9', dst='10.1.0.1') / ICMP(type=8, seq=4))))
    second.open(s.hear(TRANSPORT))
    s.gateway.balanced()


def test_both_begin_at_once(net):
    """Initiations cross; a working session comes of it."""
    s = Speaker(net)
    s.us.popen('ping', '-n', '-q', '-i', '0.2', '-c', '20', '-W', '5', '10.2.0.9', stdout=-3)
    theirs = s.hear(INITIATION)
    s.initiate()
    ours = s.peer.finish(s.hear(RESPONSE))
    response, late = NoisePeer(s.key, s.public).respond(theirs)
    s.send(response)
    s.send(ours.seal())
    assert s.ping_inside(ours)
    assert late.local != ours.local


SEND = """
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for n in range(1200):
    s.sendto(b'x', ('10.2.0.9', 9))
    if n % 32 == 31:
        time.sleep(0.005)
"""


def test_counters_rise(net):
    """Each message of a key has a counter of its own, one more than the last; a new key begins at
    0."""
    s = Speaker(net)
    s.udp.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE
    for _ in range(2):
        session = s.connect()
        s.us.run('/usr/bin/python3', '-c', SEND)
        counters = []
        while (message := s.hear(TRANSPORT, seconds=0.3)) is not None:
            if int.from_bytes(message[4:8], 'little') == session.local:
                counters.append(session.open(message)[0])
        assert len(counters) >= 1000
        assert counters == list(range(counters[0], counters[0] + len(counters)))
        assert counters[0] <= 1
    s.gateway.balanced()


def test_window(net):
    """What is late is taken as long as the window reaches, once."""
    s = Speaker(net)
    session = s.connect()
    before = s.drop('wg_replayed')
    for counter in (20000, 20000 - 8127, 20000 - 8128, 20000 - 8127, 20000, 3):
        s.send(session.seal(counter=counter))
    s.gateway.balanced()
    assert s.drop('wg_replayed') == before + 4
    s.gateway.balanced()


def test_old_timestamps(net):
    """An initiation that is older than the last one is a replay, whoever can still make it."""
    from noise import tai64n
    import time
    s = Speaker(net)
    s.connect()
    s.send(s.peer.initiation(stamp=tai64n(time.time() - 5)))
    assert s.hear(RESPONSE, seconds=0.5) is None
    assert s.info('handshake_replayed') == 1
    assert s.ping_inside(s.connect())


def test_own_key_and_low_order_points(net):
    """Handshakes that would agree on nothing secret are refused."""
    s = Speaker(net)
    message = bytearray(s.peer.initiation())
    message[8:40] = bytes(32)
    s.send(s.peer.macs(bytes(message)))
    assert s.hear(RESPONSE, seconds=0.5) is None
    assert s.info('handshake_invalid') == 1
    private = s.us.run('wg', 'show', 'wg0', 'private-key').strip()
    own = NoisePeer(Key(base64.b64decode(private)), s.public)
    s.send(own.initiation())
    assert s.hear(RESPONSE, seconds=0.5) is None
    assert s.ping_inside(s.connect())
