# SPDX-License-Identifier: BSD-3-Clause
"""Peers that move, share addresses, change keys, come and go."""
import time

import pytest

from gateway import keypair, psk
from net import wait_for
from node import INNER, LENGTH, OUTER, PORTS, Pair, at, each_pair, hears, udp_socket


@each_pair
def test_roaming(net, kinds):
    """The peer finds us again wherever we speak from, in either family."""
    pair = Pair(net, kinds).configure().meet()
    a, b = pair.nodes()
    a.ping(INNER[6][1])
    assert b.endpoint(a.public) == at(OUTER[4][0], PORTS[0])
    a.ip('address', 'del', f'{OUTER[4][0]}/24', 'dev', 'wan0')
    a.address('wan0', '192.0.2.77/24')
    a.set('listen-port', 9999)
    a.ping(INNER[6][1])
    assert b.endpoint(a.public) == '192.0.2.77:9999'
    a.set('listen-port', 9998)
    a.set('peer', b.public, 'endpoint', at(OUTER[6][1], PORTS[1]))
    a.ping(INNER[4][1])
    assert b.endpoint(a.public) == at(OUTER[6][0], 9998)
    pair.pings()
    assert [node.value('listen-port') for node in pair.nodes()] == ['9998', str(PORTS[1])]


@each_pair
def test_source_filter_and_more_specific_theft(net, kinds):
    """A peer speaks from its allowed IPs only; a more specific one of another peer takes an address
    from it, and gives it back; where it is, we still learn."""
    pair = Pair(net, kinds).configure().meet()
    a, b = pair.nodes()
    a.set('peer', b.public, 'allowed-ips', '10.77.0.0/24')
    b.ping(INNER[4][0])
    listener = udp_socket(a.host, INNER[4][0], 1111, timeout=0.6)
    speaker = udp_socket(b.host)
    speaker.sendto(b'X', (INNER[4][0], 1111))
    assert hears(listener)
    thief = keypair()[1]
    a.set('peer', thief, 'allowed-ips', f'{INNER[4][1]}/32')
    assert a.show('allowed-ips') == {b.public: ['10.77.0.0/24'], thief: [f'{INNER[4][1]}/32']}
    b.set('listen-port', 9997)
    speaker.sendto(b'X', (INNER[4][0], 1111))
    assert not hears(listener)
    assert a.endpoint(b.public) == at(OUTER[4][1], 9997)
    assert a.show('endpoints')[thief] == ['(none)']
    a.set('peer', thief, 'remove')
    speaker.sendto(b'X', (INNER[4][0], 1111))
    assert hears(listener)
    # The very same prefix moves from peer to peer; the last to name it has it.
    a.set('peer', thief, 'allowed-ips', '10.77.0.0/24')
    assert a.show('allowed-ips') == {b.public: ['(none)'], thief: ['10.77.0.0/24']}
    speaker.sendto(b'X', (INNER[4][0], 1111))
    assert not hears(listener)
    a.set('peer', b.public, 'allowed-ips', '10.77.0.0/24')
    assert a.show('allowed-ips') == {b.public: ['10.77.0.0/24'], thief: ['(none)']}
    speaker.sendto(b'X', (INNER[4][0], 1111))
    assert hears(listener)
    b.ping(INNER[4][0])


@each_pair
def test_another_private_key(net, kinds):
    """With the next packet there is a handshake with the new key."""
    pair = Pair(net, kinds).configure().meet()
    a, b = pair.nodes()
    a.ping(INNER[4][1])
    old = a.public
    a.private, a.public = keypair()
    a.set('private-key', a.secret(a.private))
    assert a.value('public-key') == a.public
    b.set('peer', a.public, 'preshared-key', b.secret(pair.psk), 'allowed-ips',
          f'{INNER[4][0]}/32', 'peer', old, 'remove')
    a.ping(INNER[4][1])
    assert list(b.show('peers')) == [a.public]
    assert b.endpoint(a.public) == at(OUTER[4][0], PORTS[0])
    b.ping(INNER[4][0], count=3)


@each_pair
def test_another_preshared_key(net, kinds):
    pair = Pair(net, kinds).configure(with_psk=False).meet()
    a, b = pair.nodes()
    pair.pings()
    # It counts from the next handshake on: a peer that is made again has none yet.
    def again(node, other, key):
        allowed = ','.join(node.show('allowed-ips')[other.public])
        node.set('peer', other.public, 'remove')
        node.set('peer', other.public, 'preshared-key', node.secret(key), 'allowed-ips', allowed,
                 'endpoint', at(OUTER[4][other is b], PORTS[other is b]))
    first, second = psk(), psk()
    again(a, b, first)
    again(b, a, second)
    a.silent(INNER[4][1])
    b.silent(INNER[4][0])
    assert a.show('latest-handshakes')[b.public] == ['0']
    assert a.show('preshared-keys')[b.public] == [first]
    again(a, b, second)
    again(b, a, second)
    a.ping(INNER[4][1])
    again(a, b, '')
    again(b, a, '')
    assert a.show('preshared-keys')[b.public] == ['(none)']
    a.ping(INNER[4][1])


@each_pair
def test_another_endpoint(net, kinds):
    """Traffic goes where we are told, at once; an answer from there keeps it so."""
    pair = Pair(net, kinds).configure().meet()
    a, b = pair.nodes()
    pair.pings()
    nowhere = udp_socket(b.host, OUTER[4][1], 4444)
    a.set('peer', b.public, 'endpoint', at(OUTER[4][1], 4444))
    assert a.endpoint(b.public) == at(OUTER[4][1], 4444)
    a.silent(INNER[4][1])
    assert hears(nowhere)
    # Its own packets tell where it is.
    b.ping(INNER[4][0])
    assert a.endpoint(b.public) == at(OUTER[4][1], PORTS[1])
    a.ping(INNER[4][1])
    b.set('listen-port', 4445)
    a.set('peer', b.public, 'endpoint', at(OUTER[6][1], 4445))
    a.ping(INNER[4][1], count=3)


@each_pair
def test_persistent_keepalive_starts_by_itself(net, kinds):
    """No packet was ever sent through the tunnel; keepalives make the session, and keep coming."""
    pair = Pair(net, kinds).configure()
    a, b = pair.nodes()
    a.set('peer', b.public, 'endpoint', at(OUTER[4][1], PORTS[1]), 'persistent-keepalive', 1)
    wait_for(lambda: int(a.show('latest-handshakes')[b.public][0]), 5, why='a handshake')
    assert a.show('persistent-keepalive')[b.public] == ['1']
    first = wait_for(lambda: b.transfer(a.public)[0], 5)
    wait_for(lambda: b.transfer(a.public)[0] >= first + 32, 5, why='keepalives go on')
    assert b.endpoint(a.public) == at(OUTER[4][0], PORTS[0])
    b.ping(INNER[4][0])
    a.set('peer', b.public, 'persistent-keepalive', 'off')
    assert a.show('persistent-keepalive')[b.public] == ['off']
    before = b.transfer(a.public)[0]
    time.sleep(1.5)  # longer than the interval was
    assert b.transfer(a.public)[0] == before


@each_pair
def test_peer_is_removed_and_comes_back(net, kinds):
    """With its session, its counters and its endpoint."""
    pair = Pair(net, kinds).configure().meet()
    a, b = pair.nodes()
    pair.pings()
    assert a.transfer(b.public)[0] > 0
    a.set('peer', b.public, 'remove')
    assert a.show('peers') == {}
    b.silent(INNER[4][0], count=2)
    a.silent(INNER[4][1])
    # Removing what is not there is no mistake; nor is an update of nobody.
    a.set('peer', b.public, 'remove')
    a.set('peer', b.public, 'preshared-key', a.secret(pair.psk), 'allowed-ips',
          f'{INNER[4][1]}/32', 'endpoint', at(OUTER[4][1], PORTS[1]))
    assert a.transfer(b.public) == (0, 0)
    a.ping(INNER[4][1])
    b.ping(INNER[4][0])


@each_pair
def test_no_peers_no_key(net, kinds):
    """Packets into a tunnel that has nobody to send them to, or nothing to seal them with."""
    pair = Pair(net, kinds)
    a, b = pair.nodes()
    for n, node in enumerate(pair.nodes()):
        node.address('wg0', f'{INNER[4][n]}/{LENGTH[4]}')
    b.set('private-key', b.secret(b.private), 'listen-port', PORTS[1], 'peer', a.public,
          'allowed-ips', f'{INNER[4][0]}/32')
    a.set('private-key', '/dev/null', 'listen-port', PORTS[0])
    assert (a.value('private-key'), a.value('public-key')) == ('(none)', '(none)')
    a.silent(INNER[4][1], count=2)
    a.set('peer', b.public, 'allowed-ips', f'{INNER[4][1]}/32', 'endpoint',
          at(OUTER[4][1], PORTS[1]), 'persistent-keepalive', 1)
    a.silent(INNER[4][1], count=2)
    assert a.show('latest-handshakes')[b.public] == ['0']
    assert b.transfer(a.public) == (0, 0)
    # The key makes the peer usable; nothing else has to be said again.
    a.set('private-key', a.secret(a.private))
    a.host.reaches(INNER[4][1], seconds=8)
    # And without it nothing opens or seals any longer.
    a.set('private-key', '/dev/null')
    b.silent(INNER[4][0])
    a.silent(INNER[4][1])


LOW_ORDER = [bytes(32), bytes([1]) + bytes(31),
             bytes.fromhex('e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800'),
             bytes.fromhex('5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157'),
             *(bytes([n]) + b'\xff' * 30 + b'\x7f' for n in (0xec, 0xed, 0xee))]


@each_pair
def test_public_keys_of_low_order(net, kinds):
    """They may be configured; nothing is ever sent to them."""
    from base64 import b64encode
    pair = Pair(net, kinds)
    a, b = pair.nodes()
    listener = udp_socket(b.host, OUTER[4][1], 1111, timeout=1.3)
    a.set('private-key', a.secret(a.private), 'listen-port', PORTS[0])
    a.ip('link', 'set', 'wg0', 'down')
    for point in LOW_ORDER:
        a.set('peer', b64encode(point).decode(), 'persistent-keepalive', 1, 'endpoint',
              at(OUTER[4][1], 1111))
    assert a.show('peers')
    a.ip('link', 'set', 'wg0', 'up')
    assert not hears(listener)
    # One that is not of low order shows that the listener hears.
    a.set('peer', keypair()[1], 'persistent-keepalive', 1, 'endpoint', at(OUTER[4][1], 1111))
    assert hears(listener)
    assert a.alive()


@each_pair
@pytest.mark.parametrize('moves', ['listen-port', 'interface'])
def test_goes_on_after(net, kinds, moves):
    """The session stands a new port, and the interface taken down and up."""
    pair = Pair(net, kinds).configure().meet()
    a, b = pair.nodes()
    pair.pings()
    if moves == 'listen-port':
        for port in range(9000, 9005):
            a.set('listen-port', port)
            a.ping(INNER[4][1])
            assert b.endpoint(a.public) == at(OUTER[4][0], port)
        a.set('listen-port', 0)
        assert int(a.value('listen-port')) > 0
    else:
        a.ip('link', 'set', 'wg0', 'down')
        b.silent(INNER[4][0])
        a.ip('link', 'set', 'wg0', 'up')
        if a.kind == 'us':
            a.address('wg0', f'{INNER[6][0]}/{LENGTH[6]}')
    a.host.reaches(INNER[4][1])
    b.ping(INNER[4][0])
