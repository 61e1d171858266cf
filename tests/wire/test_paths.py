# SPDX-License-Identifier: BSD-3-Clause
"""Paths that fail, as seen by those who use them, and by those who look at them."""
import time

import pytest

from hop import Hop
from net import wait_for
from stream import Stream

# What a packet of the counted stream is on the wire: 200 bytes of data, 28 of UDP and IP, padded to
# 16, 32 of WireGuard, 8 of UDP.
COUNTED_LENGTH = 240 + 32 + 8


def buckets(gateway):
    """How many buckets each tunnel of the group has."""
    return {p['tunnel']: p['buckets'] for p in gateway.show('groups')[0]['paths']}


def tcp_streams(hop, seconds, n=8):
    return [Stream('tcp', hop.host_a, hop.host_b, '10.2.0.2', 7000 + i, 500000, seconds)
            for i in range(n)]


def counted(hop, seconds, rate=2000, flows=64):
    return Stream('udp', hop.host_a, hop.host_b, '10.2.0.2', 6000, flows, rate, seconds, 200)


def unbroken(results):
    assert not any(t.reset for t in results) and all(t.sent == t.bytes for t in results), results


def test_a_dead_path_stalls_nobody(net):
    """With TCP and counted streams over three paths, one after the other is cut: no connection is
    lost, none stalls for more than half a second, no flow is out of order, and nothing is lost but
    what the dead path was given."""
    hop, killed = Hop(net).start(), 0
    streams, udp = tcp_streams(hop, 14.5), counted(hop, 14.5)
    for path in range(3):
        time.sleep(1.5)
        began = time.monotonic()
        hop.count(path, 'ab', COUNTED_LENGTH)
        hop.kill(path)
        hop.a.becomes(f'wg{path}', 'down', 3)
        print(f'wg{path} is known to be dead after {(time.monotonic() - began) * 1000:.0f} ms')
        assert buckets(hop.a)[f'wg{path}'] == 0
        time.sleep(1)
        killed += hop.counted()
        hop.heal(path)
        hop.a.becomes(f'wg{path}', 'up')
    tcp, udp = [s.result() for s in streams], udp.result()
    print('longest stall of each connection, ms:', sorted(round(t.gap * 1000) for t in tcp))
    print('counted stream:', udp, 'lost', udp.lost, 'on dead paths', killed)
    unbroken(tcp)
    assert max(t.gap for t in tcp) <= 0.5
    assert udp.out_of_order == 0 and udp.duplicates == 0
    assert udp.lost <= killed
    # A third of the stream, for the three intervals until it is known, three times.
    assert udp.lost <= 3 * 2000 / 3 * 0.35


def test_handshakes_pass_and_data_does_not(net):
    hop = Hop(net).start()
    streams = tcp_streams(hop, 5)
    time.sleep(1)
    hop.starve(0)
    hop.a.becomes('wg0', 'down', 1)
    hop.b.becomes('wg0', 'down', 1)
    assert hop.a.peer('wg0')['state'] == 'up'
    hop.heal(0)
    hop.a.becomes('wg0', 'up')
    tcp = [s.result() for s in streams]
    print('longest stall, ms:', round(max(t.gap for t in tcp) * 1000))
    unbroken(tcp)
    assert max(t.gap for t in tcp) <= 0.5


@pytest.mark.parametrize('direction', ['ab', 'ba'])
def test_one_way_failure(net, direction):
    """Both ends see that a path is dead that is so in one direction only."""
    hop = Hop(net).start()
    streams = tcp_streams(hop, 5)
    time.sleep(1)
    hop.kill(1, [direction])
    hop.a.becomes('wg1', 'down', 1.5)
    hop.b.becomes('wg1', 'down', 1.5)
    reasons = [g.ask('path_event,wg1:0')['reason'] for g in (hop.a, hop.b)]
    print(reasons)
    hop.heal(1)
    hop.a.becomes('wg1', 'up')
    hop.b.becomes('wg1', 'up')
    tcp = [s.result() for s in streams]
    print('longest stall, ms:', round(max(t.gap for t in tcp) * 1000))
    unbroken(tcp)


def test_flapping(net):
    """A path that comes and goes is left alone for longer each time."""
    hop = Hop(net).start()
    streams = tcp_streams(hop, 12)
    for _ in range(8):
        hop.kill(0)
        time.sleep(0.5)
        hop.heal(0)
        time.sleep(0.7)
    downs = [e for e in hop.a.show('paths')[0]['event_log'] if e['to'] == 'down']
    print('times given up:', len(downs), 'of 8')
    assert 1 <= len(downs) <= 4
    assert hop.a.path('wg0')['state'] == 'down'
    hop.a.becomes('wg0', 'up', 25)
    unbroken([s.result() for s in streams])


def test_all_paths_dead_and_back(net):
    """All bad: all stay. What is sent is lost, and nothing else."""
    hop = Hop(net).start()
    before = buckets(hop.a)
    streams = tcp_streams(hop, 7)
    time.sleep(1)
    for path in range(3):
        hop.kill(path)
    for path in range(3):
        hop.a.becomes(f'wg{path}', 'down', 2)
    assert sum(buckets(hop.a).values()) == sum(before.values())
    assert all(buckets(hop.a).values())
    time.sleep(1)
    hop.heal(0, 1, 2)
    for path in range(3):
        hop.a.becomes(f'wg{path}', 'up')
    tcp = [s.result() for s in streams]
    print('longest stall, ms:', round(max(t.gap for t in tcp) * 1000))
    unbroken(tcp)


def test_peer_restarts(net):
    hop = Hop(net).start()
    assert hop.b.stop() == 0
    for path in range(3):
        hop.a.becomes(f'wg{path}', 'down', 2)
    hop.b.start()
    for path in range(3):
        hop.a.becomes(f'wg{path}', 'up', 20)
        hop.b.becomes(f'wg{path}', 'up', 20)
    hop.host_a.reaches('10.2.0.2')
    hop.a.balanced()


def test_loss(net):
    """9.8 % degrades a path and shrinks its share; 1.1 % does not; neither is a dead path."""
    hop = Hop(net).start()
    before = buckets(hop.a)
    hop.lose(0, 9.8, ['ab'])
    hop.lose(1, 1.1, ['ab'])
    hop.a.becomes('wg0', 'degraded', 30)
    time.sleep(15)
    paths = {p['tunnel']: p for p in hop.a.show('paths')}
    loss = {name: p['minute']['loss_per_mille'] / 10 for name, p in paths.items()}
    print('loss seen:', loss, 'shares:', {name: p['share'] for name, p in paths.items()})
    assert 5 <= loss['wg0'] <= 16 and loss['wg1'] < 5 and loss['wg2'] == 0
    assert paths['wg0']['state'] == 'degraded' and 32 <= paths['wg0']['share'] < 256
    assert paths['wg2']['state'] == 'up'
    wait_for(lambda: buckets(hop.a)['wg0'] < before['wg0'] * 0.9, 5, why=buckets(hop.a))
    assert all(e['to'] != 'down' for p in paths.values() for e in p['event_log'])


def test_delay_and_disorder(net):
    """A slower path is told to be slow; jitter, disorder and duplicates are no failures."""
    hop = Hop(net, sections='[path wg0]\ndegraded-rtt = 60ms\n').start()
    # Each way, and less than what looks like death to a path that answered in no time: 80 ms.
    hop.delay(0, delay=0.033, jitter=0.006, duplicate=0.2)
    hop.a.becomes('wg0', 'degraded', 10)
    time.sleep(3)
    hop.delay(0, delay=0, jitter=0, reorder=0.3)
    streams = tcp_streams(hop, 5, 4)
    tcp = [s.result() for s in streams]
    unbroken(tcp)
    path = hop.a.show('paths')[0]
    print(path['minute'])
    assert path['minute']['rtt_max_us'] > 65000
    # The second of two is no news to the replay window.
    assert hop.a.ask('drops')['wg_replayed'] > 0
    assert all(e['to'] != 'down' for e in path['event_log'])


def test_paths_as_configured(net):
    """[path NAME] names whom to ask, or that nobody is; a tunnel alone is probed only when named."""
    hop = Hop(net, sections='[path wg0]\nprobe = 10.2.0.1\nprobe-interval = 50ms\n'
                            '[path wg1]\nprobe = off\n')
    hop.a.start()
    hop.b.start()
    hop.host_a.reaches('10.2.0.2')
    hop.a.becomes('wg0', 'up')
    assert hop.a.path('wg0')['target'] == '10.2.0.1' and hop.a.path('wg0')['interval_ms'] == 50
    wait_for(lambda: hop.a.path('wg2')['probes_answered'] > 10, 5)
    assert 'target' not in hop.a.path('wg1') and hop.a.path('wg1')['probes_sent'] == 0
    sent = hop.a.path('wg0')['probes_sent']
    time.sleep(1)
    assert 12 <= hop.a.path('wg0')['probes_sent'] - sent <= 28


def test_silence_without_probes(net):
    """Nobody asks along the path: that data is not answered tells, for as long as it is not, though
    handshakes pass every 15 seconds."""
    hop = Hop(net, sections='[path wg0]\nprobe = off\n')
    hop.a.start()
    hop.b.start()
    hop.host_a.reaches('10.2.0.2')
    stream = counted(hop, 45, rate=200)
    time.sleep(2)
    hop.starve(0)
    hop.a.becomes('wg0', 'degraded', 20)
    assert hop.a.ask('path_event,wg0:0')['reason'].startswith('nothing heard for')
    end = time.monotonic() + 17
    while time.monotonic() < end:
        assert hop.a.path('wg0')['state'] == 'degraded'
        time.sleep(0.3)
    hop.heal(0)
    hop.a.becomes('wg0', 'up', 20)
    assert stream.result().out_of_order == 0


def test_an_address_that_never_answers(net):
    """The first allowed IP of one host is not the peer's own, but of somebody behind it who is not
    there: the path is judged by what is heard."""
    hop = Hop(net, paths=2, allowed='10.77.0.9/32, ')
    hop.a.start()
    hop.b.start()
    hop.host_a.reaches('10.2.0.2')
    wait_for(lambda: hop.a.path('wg0')['probes_sent'] > 5, 5)
    end = time.monotonic() + 6
    while time.monotonic() < end:
        hop.host_a.ping('10.2.0.2', count=5, interval=0.05)
        assert hop.a.path('wg0')['state'] != 'down', hop.a.ask('path_event,wg0:0')
    assert 'target' not in hop.a.path('wg0')
    assert 'no address to probe is known' in hop.a.text('paths')
