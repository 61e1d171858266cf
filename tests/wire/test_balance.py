# SPDX-License-Identifier: BSD-3-Clause
"""Tunnels that all leave by one member are moved, and nobody who uses them notices."""
import time

from gateway import Gateway, keypair, member_of, tunnel
from net import wait_for
from stream import Stream

WAN = ('192.0.2.1', '192.0.2.2')
LINKS = 3


def colliding(n):
    """Ports here that lead to one member, for ports there from 51900 on."""
    pairs, port = [], 51820
    while len(pairs) < n:
        if member_of(*WAN, port, 51900 + len(pairs), LINKS) == 1:
            pairs.append((port, 51900 + len(pairs)))
        port += 1
    return pairs


def test_balance_auto(net):
    hosts = net.host('gwa'), net.host('gwb')
    for i in range(LINKS):
        net.cable(hosts[0], f'wan{i}', hosts[1], f'wan{i}')
    ports = colliding(3)
    keys = [(keypair(), keypair()) for _ in ports]
    gateways = []
    for me, host in enumerate(hosts):
        them = 1 - me
        files = {f'wg{i}': tunnel(
            keys[i][me][0], ports[i][me], [f'10.99.{i}.{me + 1}/24'],
            [{'PublicKey': keys[i][them][1], 'AllowedIPs': f'10.99.{i}.{them + 1}/32',
              'Endpoint': f'{WAN[them]}:{ports[i][them]}'}]) for i in range(3)}
        members = ''.join(f'member = kernel:wan{i}\n' for i in range(LINKS))
        gateways.append(Gateway(
            net, host, f'[bond bond0]\n{members}address = {WAN[me]}/24\n'
            + ('balance = auto\n' if me == 0 else ''), files, worker=me))
    for gateway in gateways:
        gateway.start()
    for gateway in gateways:
        gateway.distributing(LINKS)
    ours, theirs = gateways
    for i in range(3):
        hosts[0].reaches(f'10.99.{i}.2')
    assert len({ours.peer(f'wg{i}')['member'] for i in range(3)}) == 1
    streams = [Stream('udp', hosts[0], hosts[1], f'10.99.{i}.2', 6000 + i, 4, 300, 24.5, 1000)
               for i in range(3)]
    wait_for(lambda: ours.ask('spread,bond0')['uneven'], 10)
    assert 'UNEVEN' in ours.text('ports')
    move = wait_for(lambda: ours.ask('spread_move,0'), 20)
    print(move)
    name = move['tunnel']
    assert move['fullest_percent_before'] == 100 and ours.peer(name)['member'] == move['to']
    assert move['to'] != move['from']
    # The other side follows, and the port the file names still listens.
    wait_for(lambda: theirs.peer(name)['endpoint'] == f'{WAN[0]}:{move["source_port"]}', 2,
             why=theirs.peer(name)['endpoint'])
    assert ours.ask(f'tunnel,{name}')['listen_port'] == move['source_port_before']
    time.sleep(3)
    # One at a time, and never twice within a minute.
    assert ours.ask('spread_move,1') is None
    for stream in streams:
        result = stream.result()
        print(result)
        assert result.lost == 0 and result.out_of_order == 0
    by = ours.ask(f'arrivals,{name}:0')
    assert sum(1 for n in by['sent'] if n > 0) == 2, by
    arrived = theirs.ask(f'arrivals,{name}:0')
    assert sum(1 for n in arrived['received'] if n > 100) == 2, arrived
    assert 'sent by net_af_packet' in ours.text('tunnels')
