# SPDX-License-Identifier: BSD-3-Clause
"""Two gateways, three bonded links, tunnels with the same allowed IPs."""
import socket
import time

import pytest

from gateway import Gateway, keypair, tunnel
from net import wait_for
from sites import Sites

TUNNELS = 3


@pytest.fixture(scope='module')
def sites(module_net):
    # Packets are counted one by one here.
    s = Sites(module_net, more='[paths]\nprobe = off\n')
    s.start(TUNNELS)
    return s


def sent(gateway):
    return [gateway.ask(f'tunnel,wg{i}')['tx_packets'] for i in range(TUNNELS)]


def udp(sites, flows, packets=1, port=7000):
    """UDP flows from host A to host B, by their source ports."""
    sites.host_a.run('/usr/bin/python3', '-c', f'''
import socket
for f in range({flows}):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("10.1.0.2", 20000 + f))
    for _ in range({packets}):
        s.sendto(b"x" * 100, ("10.2.0.2", {port}))
''')


def test_same_allowed_ips_become_one_route(sites):
    route = sites.ns_a.ip('route', 'show', '10.2.0.0/16')
    assert all(f'dev wg{i}' in route for i in range(TUNNELS)), route
    path = sites.a.ask('route,10.2.0.0/16')
    assert sorted(path) == ['wg0', 'wg1', 'wg2']
    buckets = [p['buckets'] for p in path.values()]
    assert max(buckets) - min(buckets) <= 1
    shown = [p for p in sites.a.show('routes') if p['prefix'] == '10.2.0.0/16'][0]
    assert sorted(shown['tunnels']) == ['wg0', 'wg1', 'wg2']


def test_each_tunnel_has_its_member_both_ways(sites):
    for gateway in (sites.a, sites.b):
        members = [gateway.peer(f'wg{i}')['member'] for i in range(TUNNELS)]
        assert len(set(members)) == TUNNELS, members
    sites.b.balanced()
    before = [m['rx_packets'] for m in sites.b.members()]
    tx_before = [m['tx_packets'] for m in sites.a.members()]
    udp(sites, flows=90, packets=10)
    sites.b.balanced()
    gained = [m['rx_packets'] - b for m, b in zip(sites.b.members(), before)]
    left = [m['tx_packets'] - b for m, b in zip(sites.a.members(), tx_before)]
    assert min(gained) > 150 and min(left) > 150, (gained, left)


def test_flows_spread_and_stick(sites):
    sites.a.balanced()
    before = sent(sites.a)
    udp(sites, flows=300)
    sites.a.balanced()
    gained = [a - b for a, b in zip(sent(sites.a), before)]
    assert sum(gained) == 300 and min(gained) > 60, gained
    for _ in range(3):
        before = sent(sites.a)
        udp(sites, flows=1, packets=200)
        sites.a.balanced()
        gained = [a - b for a, b in zip(sent(sites.a), before)]
        assert sorted(gained) == [0, 0, 200], gained
    # IPv6 too.
    before = sent(sites.a)
    assert sites.host_a.ping('fd02::2', count=20, interval=0.01) == 20
    gained = [a - b for a, b in zip(sent(sites.a), before)]
    assert sorted(gained) == [0, 0, 20], gained


def test_every_packet_is_accounted_for(sites):
    """In = out + dropped, to the packet, with bad ones among them."""
    raw = socket_on(sites.host_a, 'eth0')
    mac = bytes.fromhex(sites.a.ask('port,lan0')['mac'].replace(':', ''))
    before = {g: g.balanced() for g in (sites.a, sites.b)}
    drops = sites.a.ask('drops')
    for _ in range(7):
        raw.send(bytes.fromhex('020000000001') + bytes(6) + b'\x08\x00' + bytes(46))  # not ours
    for _ in range(5):
        raw.send(mac + bytes(6) + b'\x08\x00' + b'\x45' + bytes(45))  # a length of 0
    for _ in range(3):
        raw.send(mac + bytes(6) + b'\x86\xdd' + b'\x60\0\0\0\xff\xff' + bytes(40))  # too short
    udp(sites, flows=50, packets=20)
    after = {g: g.balanced() for g in (sites.a, sites.b)}
    gained = {name: count - drops[name] for name, count in sites.a.ask('drops').items()
              if count != drops[name]}
    assert gained['rx_not_ours'] == 7 and gained['bad_ip_header'] == 8, gained
    for gateway in (sites.a, sites.b):
        assert after[gateway]['in'] - before[gateway]['in'] > 500
        assert after[gateway]['in'] == after[gateway]['out'] + after[gateway]['dropped'] + \
            after[gateway]['held']
    shown = sites.a.show('drops')
    assert shown['drops']['rx_not_ours'] >= 7 and 'MAC' in shown['help']['rx_not_ours']


def socket_on(host, device):
    from wggo import packet_socket
    return packet_socket(host, device)


def test_lcores_tell_what_they_run(sites):
    lcore = sites.a.show('lcores')[0]
    assert lcore['stages'][0]['name'] == 'rx:bond0'
    assert lcore['stages'][-1]['name'] == 'tx:lan0'
    assert all(s['packets'] >= s['bursts'] - 1 for s in lcore['stages'])
    assert len(lcore['stages']) == 2 * 3 + TUNNELS * 3
    assert lcore['packets'] > 0 and lcore['busy_cycles'] < lcore['total_cycles']


def test_rings_are_told(sites):
    rings = sites.a.ask('rings')
    assert any(ring.startswith('seal:wg0 ') for ring in rings) and len(rings) == 13


def test_lacp_states_are_shown(sites):
    for gateway, other in ((sites.a, sites.b), (sites.b, sites.a)):
        port = [p for p in gateway.show('ports') if p['name'] == 'bond0'][0]
        assert port['bond'] == 1 and port['hash'] == 'layer3+4' and len(port['members']) == 3
        for member in port['members']:
            assert member['link'] == 1 and member['distributing'] == 1
            for bit in ('SYNC', 'COLL', 'DIST'):
                assert bit in member['state'].split(',')
                assert bit in member['partner_state'].split(',')
            assert member['partner_system'] == other.ask('port,bond0')['mac']


def test_member_down_and_up_under_traffic(sites):
    """A cable is pulled and put back while many flows run."""
    pings = [sites.host_a.popen('ping', '-n', '-q', '-c', 250, '-i', '0.02', '-W', 1, '-p',
                                f'{n:02x}', '10.2.0.2', stdout=-1) for n in range(6)]
    time.sleep(1)
    sites.ns_b.ip('link', 'set', 'wan0', 'down')
    sites.a.distributing(2, seconds=3)
    sites.b.distributing(2, seconds=3)
    before = sites.a.members()[0]['tx_packets']
    time.sleep(1)
    assert sites.a.members()[0]['tx_packets'] - before < 5
    sites.ns_b.ip('link', 'set', 'wan0', 'up')
    sites.a.distributing(3, seconds=5)
    lost = 0
    for ping in pings:
        out = ping.communicate()[0]
        lost += 250 - int(out.split(' packets transmitted, ')[1].split()[0])
    # Of 1500. What was under way when the cable went; a third of the flows for all of its absence
    # would be 120.
    assert lost < 110, lost
    assert sites.host_a.ping('10.2.0.2', count=10, interval=0.02) == 10


@pytest.mark.parametrize('rate, seconds', [('fast', 4), ('slow', None)])
def test_silent_partner(net, rate, seconds):
    """The partner stops talking though the links stay up: fast LACP gives it up, slow does not yet."""
    s = Sites(net, links=2)
    s.a.sections = s.a.sections.replace('hash = layer3+4', f'hash = layer3+4\nlacp-rate = {rate}')
    s.start(1)
    for member in s.a.members():
        assert ('SHORT' in member['state'].split(',')) == (rate == 'fast')
    pids = s.ns_b.run('pgrep', '-f', f'wirebraid run {s.b.config}').split()
    s.ns_b.run('kill', '-STOP', *pids)
    if seconds:
        s.a.distributing(0, seconds=seconds)
    else:
        time.sleep(4.5)
        assert all(m['distributing'] for m in s.a.members())
    s.ns_b.run('kill', '-CONT', *pids)
    s.a.distributing(2, seconds=10)
    s.host_a.reaches('10.2.0.2')


def test_table_off_makes_no_route(net):
    host = net.host('gw')
    far = net.host('far')
    net.cable(host, 'wan', far, 'eth0')
    private, _ = keypair()
    peer = {'PublicKey': keypair()[1], 'AllowedIPs': '10.77.0.0/16'}
    other = {'PublicKey': keypair()[1], 'AllowedIPs': '10.78.0.0/16'}
    Gateway(net, host, '[port wan0]\ndevice = kernel:wan\naddress = 192.0.2.1/24\n', {
        'wg0': tunnel(private, 51820, peers=[peer], extra='Table = off'),
        'wg1': tunnel(private, 51821, peers=[other], extra='Table = 123')}).start()
    assert host.ip('route', 'show', '10.77.0.0/16') == ''
    assert host.ip('route', 'show', '10.78.0.0/16') == ''
    assert 'wg1' in host.ip('route', 'show', 'table', '123')


def test_one_armed(net):
    """LAN and WAN on one port, as a small site has it."""
    switch, gw, lan, far_gw, far = (net.host(n) for n in ('switch', 'gw', 'lan', 'fgw', 'far'))
    switch.ip('link', 'add', 'br0', 'type', 'bridge')
    switch.ip('link', 'set', 'br0', 'up')
    for n, (host, device) in enumerate(((gw, 'p0'), (lan, 'eth0'), (far_gw, 'p0'))):
        net.cable(switch, f's{n}', host, device)
        switch.ip('link', 'set', f's{n}', 'master', 'br0')
    net.cable(far_gw, 'lan', far, 'eth0')
    lan.address('eth0', '10.1.0.2/24')
    lan.ip('route', 'add', 'default', 'via', '10.1.0.1')
    far.address('eth0', '10.2.0.2/24')
    far.ip('route', 'add', 'default', 'via', '10.2.0.1')
    ka, kb = keypair(), keypair()
    a = Gateway(net, gw, '[port one0]\ndevice = kernel:p0\naddress = 192.0.2.1/24\n'
                         'address = 10.1.0.1/24\n',
                {'wg0': tunnel(ka[0], 51820, peers=[
                    {'PublicKey': kb[1], 'AllowedIPs': '10.2.0.0/16',
                     'Endpoint': '192.0.2.2:51820'}])}, worker=0).start()
    Gateway(net, far_gw, '[port wan0]\ndevice = kernel:p0\naddress = 192.0.2.2/24\n'
                         '[port lan0]\ndevice = kernel:lan\naddress = 10.2.0.1/24\n',
            {'wg0': tunnel(kb[0], 51820, peers=[
                {'PublicKey': ka[1], 'AllowedIPs': '10.1.0.0/16'}])}, worker=1).start()
    lan.reaches('10.2.0.2')
    assert lan.ping('10.2.0.2', count=10, interval=0.02) == 10
    assert far.ping('10.1.0.2', count=10, interval=0.02) == 10
    a.balanced()


def test_default_route_through_a_tunnel(net):
    """AllowedIPs 0.0.0.0/0: everything but the endpoint itself goes into the tunnel."""
    s = Sites(net, links=1)
    files = s.tunnels(1)
    files[0]['wg0'] = files[0]['wg0'].replace('10.2.0.0/16,', '0.0.0.0/0,')
    files[1]['wg0'] = files[1]['wg0'].replace('10.1.0.0/16,', '10.1.0.0/16,')
    for gateway, own in ((s.a, files[0]), (s.b, files[1])):
        gateway.write(own)
        gateway.start()
    s.host_a.reaches('10.2.0.2')
    assert s.ns_a.ping('192.0.2.2', count=2) == 2
    assert 'lookup 51820' in s.ns_a.ip('rule')
    assert s.a.stop() == 0
    assert 'lookup 51820' not in s.ns_a.ip('rule')


def test_killed_gateway_leaves_the_kernel_usable(net):
    """After SIGKILL nothing of ours drops packets or holds names."""
    host, far = net.host('gw'), net.host('far')
    net.cable(host, 'wan', far, 'eth0')
    far.address('eth0', '192.0.2.9/24')
    gateway = Gateway(net, host, '[port wan0]\ndevice = kernel:wan\naddress = 192.0.2.1/24\n')
    gateway.start()
    far.reaches('192.0.2.1')
    host.run('pkill', '-9', '-f', f'wirebraid run {gateway.config}')
    gateway.process.wait()
    wait_for(lambda: 'wan0' not in host.ip('-br', 'link'), 5)
    assert 'wirebraid' not in host.run('nft', 'list', 'ruleset')
    gateway.process = None
    gateway.log.write_text('')
    gateway.start()
    far.reaches('192.0.2.1')
