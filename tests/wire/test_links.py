# SPDX-License-Identifier: BSD-3-Clause
"""Members of a bond that fail: by their cable, and by a partner that falls silent."""
import re
import time

from gateway import Gateway
from net import wait_for
from sites import Sites
from stream import Stream


def mute(ns, device):
    """No LACPDU leaves a device any more."""
    ns.run('nft', '-f', '-', input=f'''
        table netdev mute-{device} {{
            chain out {{
                type filter hook egress device {device} priority 0;
                ether type 0x8809 drop
            }}
        }}''')


def hear(ns, device):
    ns.run('nft', 'delete', 'table', 'netdev', f'mute-{device}')


def test_a_pulled_cable_loses_what_is_under_way(net):
    """With a counted stream over the bond one cable after the other is pulled, and put in again."""
    sites = Sites(net)
    sites.start(3)
    time.sleep(2)
    rate = 3000
    udp = Stream('udp', sites.host_a, sites.host_b, '10.2.0.2', 6000, 48, rate, 12.5, 400)
    for link in range(3):
        time.sleep(1)
        began = time.monotonic()
        sites.ns_a.ip('link', 'set', f'wan{link}', 'down')
        sites.a.distributing(2, seconds=2)
        sites.b.distributing(2, seconds=2)
        print(f'wan{link} is out after {(time.monotonic() - began) * 1000:.0f} ms')
        time.sleep(0.5)
        sites.ns_a.ip('link', 'set', f'wan{link}', 'up')
        sites.a.distributing(3)
        sites.b.distributing(3)
    udp = udp.result()
    print('counted stream:', udp, 'lost', udp.lost)
    # 100 ms of what a third of the members carries, three times.
    assert udp.lost <= 3 * rate / 3 * 0.1
    assert udp.gap < 0.3 and udp.duplicates == 0


def test_a_silent_partner_is_out_in_time(net):
    """Its link is up, but its LACPDUs stop: out within 3.5 s, on both sides, and back."""
    sites = Sites(net)
    sites.start(3)
    time.sleep(2)
    rate = 2000
    udp = Stream('udp', sites.host_a, sites.host_b, '10.2.0.2', 6000, 48, rate, 9.5, 200)
    time.sleep(1)
    mute(sites.ns_b, 'wan1')
    began = time.monotonic()
    sites.a.distributing(2, seconds=5)
    took = time.monotonic() - began
    sites.b.distributing(2, seconds=1)
    print(f'silent partner out after {took:.2f} s')
    assert took <= 3.6
    member = sites.a.members()[1]
    assert not member['distributing'] and 'SYNC' not in member['state'], member
    hear(sites.ns_b, 'wan1')
    began = time.monotonic()
    sites.a.distributing(3, seconds=5)
    sites.b.distributing(3, seconds=2)
    print(f'back after {time.monotonic() - began:.2f} s')
    udp = udp.result()
    print('counted stream:', udp, 'lost', udp.lost)
    assert udp.lost <= rate / 3 * 0.1


def bond(net, ns, n, devices, more=''):
    members = ''.join(f'member = kernel:{d}\n' for d in devices)
    return Gateway(net, ns, f'[bond bond0]\n{members}address = 192.0.2.{n}/24\n{more}',
                   worker=(n - 1) % 2, memory=128)


def test_one_lacpdu_a_second(net):
    """As `lacp-rate = fast` says, in both directions."""
    a, b = net.host('gwa'), net.host('gwb')
    net.cable(a, 'wan0', b, 'wan0')
    gateways = [bond(net, a, 1, ['wan0']).start(), bond(net, b, 2, ['wan0']).start()]
    for gateway in gateways:
        gateway.distributing(1)
    time.sleep(1.5)
    before = [g.members()[0] for g in gateways]
    time.sleep(5)
    for old, gateway in zip(before, gateways):
        new = gateway.members()[0]
        assert 4 <= new['lacpdus_sent'] - old['lacpdus_sent'] <= 6
        assert 4 <= new['lacpdus_received'] - old['lacpdus_received'] <= 6
        assert 'SHORT' in new['state'] and 'SHORT' in new['partner_state']


def test_two_switches_and_min_links(net):
    """Two members lead to one partner and one to another: the greater part carries the traffic; with
    min-links = 2 nothing does once one of the two is gone."""
    a, b, c = net.host('gwa'), net.host('gwb'), net.host('gwc')
    for i in range(2):
        net.cable(a, f'wan{i}', b, f'wan{i}')
    net.cable(a, 'wan2', c, 'wan2')
    gateway = bond(net, a, 1, ['wan0', 'wan1', 'wan2'], 'lacp-select = count\nmin-links = 2\n'
                   'lacp-system-priority = 7\nlacp-port-priority = 8\nlacp-key = 5\n').start()
    others = [bond(net, b, 2, ['wan0', 'wan1']).start(), bond(net, c, 3, ['wan2']).start()]
    gateway.distributing(2)
    others[0].distributing(2)
    others[1].distributing(0)
    wait_for(lambda: [m['standing'] for m in gateway.members()] == ['in', 'in', 'other system'], 5,
             why=gateway.members())
    assert [m['aggregator'] for m in gateway.members()] == [1, 1, 3]
    partner = others[0].members()[0]
    assert partner['partner_system_priority'] == 7 and partner['partner_port_priority'] == 8
    assert partner['partner_key'] >> 6 == 5
    shown = gateway.text('ports')
    assert re.search(r'NOT distributing: other system', shown), shown
    a.ip('link', 'set', 'wan0', 'down')
    gateway.distributing(0)
    others[0].distributing(0)
    assert gateway.members()[1]['standing'] == 'below min-links'
    a.ip('link', 'set', 'wan0', 'up')
    gateway.distributing(2)


def test_loopback_cable(net):
    """Two of our own ports on one cable are no bond, and are told for what they are."""
    a = net.host('gwa')
    net.cable(a, 'wan0', a, 'wan1')
    gateway = bond(net, a, 1, ['wan0', 'wan1']).start()
    wait_for(lambda: all(m['standing'] == 'loopback' for m in gateway.members()), 5,
             why=gateway.members())
    gateway.distributing(0)


def test_last_words(net):
    """A gateway that stops tells its partner, which does not wait for the link to fall silent."""
    a, b = net.host('gwa'), net.host('gwb')
    net.cable(a, 'wan0', b, 'wan0')
    ours, theirs = bond(net, a, 1, ['wan0']).start(), bond(net, b, 2, ['wan0']).start()
    ours.distributing(1)
    theirs.distributing(1)
    mute_after = time.monotonic()
    assert theirs.stop() == 0
    ours.distributing(0, seconds=1)
    print(f'let go {time.monotonic() - mute_after:.2f} s after its end began')
