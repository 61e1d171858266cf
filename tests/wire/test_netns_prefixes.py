# SPDX-License-Identifier: BSD-3-Clause
"""Which of many peers a packet goes to: nested, overlapping, stolen and removed allowed IPs."""
import ipaddress
import json
import random
import socket

import pytest

from gateway import keypair
from net import wait_for
from node import KINDS, Node, hexed, nft
from wggo import inside

PEERS = 'stuvwxyz'


class Model:
    """Allowed IPs as the paper has them (section 2): the longest prefix, and its last owner."""

    def __init__(self):
        self.owner = {}

    def insert(self, peer, *prefixes):
        for prefix in prefixes:
            self.owner[ipaddress.ip_network(prefix, strict=False)] = peer

    def remove(self, peer):
        self.owner = {prefix: owner for prefix, owner in self.owner.items() if owner != peer}

    def lookup(self, address):
        address = ipaddress.ip_address(address)
        got = [prefix for prefix in self.owner if address in prefix]
        return self.owner[max(got, key=lambda prefix: prefix.prefixlen)] if got else None

    def of(self, peer):
        return sorted(str(prefix) for prefix, owner in self.owner.items() if owner == peer)


class Star:
    """A node with eight peers, each an interface of one host's, and a model beside it."""

    def __init__(self, net, kind):
        self.node = Node(net, kind, 'a')
        self.far = Node(net, 'go', 'far', tunnels=tuple(f'far{peer}' for peer in PEERS))
        net.cable(self.node.host, self.node.port(), self.far.host, 'wan0')
        for one, address in ((self.node, '192.0.2.1/24'), (self.far, '192.0.2.2/24')):
            one.start().address('wan0', address)
        self.node.address('wg0', '10.77.0.1/32', 'fd77::1/128')
        for family in '46':
            self.node.ip(f'-{family}', 'route', 'add', 'default', 'dev', 'wg0')
        self.model = Model()
        self.keys = {peer: keypair() for peer in PEERS}
        self.node.set('private-key', self.node.secret(self.node.private), 'listen-port', 51820)
        for n, peer in enumerate(PEERS):
            self.far.set('private-key', self.far.secret(self.keys[peer][0]), 'listen-port',
                         7000 + n, 'peer', self.node.public, 'allowed-ips', '0.0.0.0/0,::/0',
                         name=f'far{peer}')
            self.meet(peer)
        nft(self.far.host, 'table inet count {' +
            ''.join(f'counter far{peer} {{ }}; ' for peer in PEERS) +
            'chain c { type filter hook prerouting priority raw;' +
            ''.join(f'iifname far{peer} udp dport 9 counter name far{peer};' for peer in PEERS) +
            '}; }')
        with inside(self.node.host):
            self.senders = {4: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
                            6: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)}

    def meet(self, peer):
        self.node.set('peer', self.keys[peer][1], 'endpoint',
                      f'192.0.2.2:{7000 + PEERS.index(peer)}')

    def insert(self, *pairs):
        """(peer, prefix) one after the other."""
        given = []
        for peer, prefix in pairs:
            self.model.insert(peer, prefix)
            given += [f'public_key={hexed(self.keys[peer][1])}', f'allowed_ip={prefix}']
        assert self.node.talk('set=1', *given) == ['errno=0']

    def remove(self, peer):
        self.model.remove(peer)
        self.node.set('peer', self.keys[peer][1], 'remove')

    def arrived(self):
        """Packets of ours that have come out of each tunnel; the kernel has some of its own."""
        listed = json.loads(self.far.host.run('nft', '-j', 'list', 'counters'))['nftables']
        return {one['counter']['name'][3:]: one['counter']['packets'] for one in listed
                if 'counter' in one}

    def send(self, address):
        family = 6 if ':' in address else 4
        try:
            self.senders[family].sendto(b'x', (address, 9))
        except OSError:  # it was told that nobody has it
            self.senders[family].sendto(b'x', (address, 9))

    def prove(self, addresses):
        """One packet to each address: as many come to each peer as the model says."""
        for chunk in (addresses[i:i + 60] for i in range(0, len(addresses), 60)):
            expected = self.arrived()
            for address in chunk:
                owner = self.model.lookup(address)
                if owner:
                    expected[owner] += 1
                self.send(address)
            wait_for(lambda: self.arrived() == expected, 8,
                     why=f'{chunk}: {expected}, not {self.arrived()}')

    def listed(self):
        got = self.node.show('allowed-ips')
        for peer in PEERS:
            if self.keys[peer][1] in got:
                words = [word for word in got[self.keys[peer][1]] if word != '(none)']
                assert sorted(words) == self.model.of(peer), peer


@pytest.mark.parametrize('kind', KINDS)
def test_longest_prefix_finds_the_peer(net, kind):
    star = Star(net, kind)
    star.insert(('s', '172.20.4.0/24'), ('t', '172.20.4.4/32'), ('u', '172.20.0.0/16'),
                ('v', '198.18.5.64/27'), ('u', '198.18.5.70/27'),  # the same one: u has it now
                ('v', '2001:db8:6b::c05f:543/128'), ('u', '2001:db8:6b::/64'),
                ('w', '0.0.0.0/0'), ('w', '::/0'), ('x', '::/0'),  # stolen from w
                ('y', 'fd24::/32'), ('z', 'fd24:0:4004:800:1:2:3:4/64'),  # host bits go
                ('s', 'fd24:0:4004:800:dead:beef:dead:beef/128'),
                ('y', '100.64.112.0/20'), ('z', '100.64.123.211/25'),
                ('s', '10.0.0.0/25'), ('t', '10.0.0.128/25'), ('s', '10.1.0.0/30'),
                ('t', '10.1.0.4/30'), ('u', '10.1.0.8/29'), ('v', '10.1.0.16/29'))
    addresses = ['172.20.4.20', '172.20.4.1', '172.20.4.4', '172.20.200.182', '198.18.5.68',
                 '198.18.5.96', '2001:db8:6b::c05f:543', '2001:db8:6b::c02e:1ee',
                 '2001:db8:6c::1', 'fd24:0:4004:806::6', 'fd24:0:4004:806:0:1:1234:5678',
                 'fd23:ffff::1', 'fd24:1::1', 'fd24:0:4004:800::1', 'fd24:0:4004:800:1:1:1:1',
                 'fd24:0:4004:800:dead:beef:dead:beef', '100.64.116.26', '100.64.127.3',
                 '100.64.123.1', '100.64.123.128', '100.64.123.129', '10.0.0.52', '10.0.0.220',
                 '10.1.0.2', '10.1.0.6', '10.1.0.10', '10.1.0.20', '9.9.9.9']
    star.prove(addresses)
    star.listed()
    star.insert(*(('s', f'{n}.0.0.1/32') for n in (1, 64, 128, 192)))
    star.prove(['1.0.0.1', '64.0.0.1', '128.0.0.1', '192.0.0.1'])
    # With the peer go all of its prefixes, and what they hid is seen again.
    star.remove('s')
    star.prove(addresses + ['1.0.0.1', '64.0.0.1', '128.0.0.1', '192.0.0.1'])
    star.insert(('s', '172.20.0.0/16'), ('s', '172.20.0.0/24'))
    star.meet('s')
    star.prove(['172.20.0.1', '172.20.4.4'])
    star.remove('s')
    star.remove('w')
    star.prove(['172.20.0.1', '9.9.9.9', '10.1.0.6'])
    star.listed()


@pytest.mark.parametrize('kind', KINDS)
def test_random_prefixes_against_a_list(net, kind):
    """The same seed each time; prefixes are bent versions of a few, so that they nest."""
    dice = random.Random(20260)
    star = Star(net, kind)

    def near(address, bits):
        keep = dice.randrange(bits + 1)
        return address ^ dice.getrandbits(bits - keep) if keep < bits else address
    seeds = {32: [0x0a000000 | dice.getrandbits(24) for _ in range(6)],
             128: [0xfd << 120 | dice.getrandbits(120) for _ in range(6)]}
    make = {32: ipaddress.IPv4Address, 128: ipaddress.IPv6Address}
    head = {32: (0x0a << 24, 0xffffff), 128: (0xfd << 120, (1 << 120) - 1)}

    def address(bits):
        top, rest = head[bits]
        return make[bits](top | near(dice.choice(seeds[bits]), bits) & rest)
    star.insert(*((dice.choice(PEERS), f'{address(bits)}/{dice.randrange(8, bits + 1)}')
                  for bits in (32, 128) for _ in range(250)))
    star.listed()
    asked = [str(address(bits)) for bits in (32, 128) for _ in range(150)]
    for gone in (None, 's', 'v', 'z'):
        if gone:
            star.remove(gone)
        star.prove([one for one in asked if not one.endswith('.255')])
    star.listed()
