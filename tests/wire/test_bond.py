# SPDX-License-Identifier: BSD-3-Clause
"""The bond's hash, told and true; bonds of virtual devices; a partner that restarts."""
import time

import pytest

from gateway import Gateway, keypair, tunnel
from net import wait_for

WAN = {4: ('192.0.2.1', '192.0.2.2', 24), 6: ('2001:db8:9::1', '2001:db8:9::2', 64)}
TUNNELS = 6


class Pair:
    """Two gateways, a bond between them, and pings from one kernel to the other."""

    def __init__(self, net, family, wire, hash_='layer3+4', links=3):
        self.a, self.b = net.host('gwa'), net.host('gwb')
        keys = [(keypair(), keypair()) for _ in range(TUNNELS)]
        bracket = '[{}]:{}' if family == 6 else '{}:{}'
        self.gateways = []
        for me, host in enumerate((self.a, self.b)):
            them = 1 - me
            files = {f'wg{i}': tunnel(key[me][0], 51820 + 100 * me + i * (1 + 2 * me),
                                      [f'10.99.{i}.{me + 1}/32'], [{
                                          'PublicKey': key[them][1],
                                          'AllowedIPs': f'10.99.{i}.{them + 1}/32',
                                          'Endpoint': bracket.format(
                                              WAN[family][them],
                                              51820 + 100 * them + i * (1 + 2 * them))}])
                     for i, key in enumerate(keys)}
            members = ''.join(f'member = {wire(net, self, me, n)}\n' for n in range(links))
            self.gateways.append(Gateway(
                net, host, f'[bond bond0]\n{members}hash = {hash_}\n'
                f'address = {WAN[family][me]}/{WAN[family][2]}\n', files, worker=me))
        for gateway in self.gateways:
            gateway.start()
        for gateway in self.gateways:
            gateway.distributing(links, seconds=15)


def veth(net, pair, me, n):
    if me == 0:
        net.cable(pair.a, f'wan{n}', pair.b, f'wan{n}')
    return f'kernel:wan{n}'


@pytest.mark.parametrize('family', [4, 6])
@pytest.mark.parametrize('hash_', ['layer2', 'layer2+3', 'layer3+4'])
def test_the_member_told_is_the_member_used(net, hash_, family):
    """`show tunnels` predicts by which member a tunnel leaves: look which one counts."""
    pair = Pair(net, family, veth, hash_)
    used = set()
    for i in range(TUNNELS):
        pair.a.reaches(f'10.99.{i}.2')
        told = [g.peer(f'wg{i}')['member'] for g in pair.gateways]
        before = [[m['tx_packets'] for m in g.members()] for g in pair.gateways]
        assert pair.a.ping(f'10.99.{i}.2', count=30, interval=0.005) == 30
        for gateway, member, old in zip(pair.gateways, told, before):
            gained = {m['device']: m['tx_packets'] - o for m, o in zip(gateway.members(), old)}
            assert gained[member] >= 30 and sum(gained.values()) < 45, (i, member, gained)
            used.add(member)
    # One pair of MACs or of addresses: one member. Ports spread.
    assert len(used) > 1 if hash_ == 'layer3+4' else len(used) == 1, used
    for gateway in pair.gateways:
        gateway.balanced()


def test_bond_of_virtual_devices(net):
    """Any DPDK vdev is a device: three net_memif links between the two gateways."""
    directory = None

    def memif(net, pair, me, n):
        nonlocal directory
        if me == 0 and n == 0:
            import shutil
            import tempfile
            directory = tempfile.mkdtemp(prefix='memif-')
            net.closers.append(lambda: shutil.rmtree(directory))
        role = ('server', 'client')[me]
        return f'net_memif{n},role={role},id={n},socket={directory}/m{n},socket-abstract=no'

    pair = Pair(net, 4, memif)
    for i in range(TUNNELS):
        pair.a.reaches(f'10.99.{i}.2')
        assert pair.b.ping(f'10.99.{i}.1', count=20, interval=0.005) == 20
    sent = [m['tx_packets'] for m in pair.gateways[0].members()]
    assert min(sent) > 0, sent
    for gateway in pair.gateways:
        gateway.balanced()


def test_partner_restarts(net):
    """The other gateway ends and comes back: so do the bond and the tunnels."""
    pair = Pair(net, 4, veth)
    pair.a.reaches('10.99.0.2')
    assert pair.gateways[1].stop() == 0
    time.sleep(1)
    assert pair.a.ping('10.99.0.2', count=2, check=False) == 0
    pair.gateways[1].start()
    began = time.monotonic()
    for gateway in pair.gateways:
        gateway.distributing(3, seconds=15)
    pair.a.reaches('10.99.0.2', seconds=25)
    assert time.monotonic() - began < 30
    wait_for(lambda: all(m['partner_system'] == pair.gateways[1].ask('port,bond0')['mac']
                         for m in pair.gateways[0].members()), 10)
    for gateway in pair.gateways:
        gateway.balanced()
