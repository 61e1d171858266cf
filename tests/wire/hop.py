# SPDX-License-Identifier: BSD-3-Clause
"""Two sites whose gateways reach each other through a router that treats each path as it is told."""
import json
import re
from pathlib import Path

from gateway import Gateway, keypair, tunnel
from net import wait_for

WAN_A, WAN_B = '192.0.2.1', '198.51.100.1'
RULES = """
flush ruleset
table ip hop {{
    chain divert {{
        type filter hook prerouting priority mangle;
        iifname "relay" return
        {diverted}
    }}
    chain forward {{
        type filter hook forward priority 0;
        {rules}
    }}
}}
"""
# The type of a WireGuard message is the first byte behind the UDP header.
DATA = '@th,64,8 4'


class Hop:
    """Host A — gateway A — router — gateway B — host B, with `paths` tunnels between the gateways."""

    def __init__(self, net, paths=3, sections='', allowed=''):
        self.net, self.paths, self.allowed = net, paths, allowed
        self.host_a, self.host_b = net.host('hosta'), net.host('hostb')
        self.ns_a, self.ns_b, self.router = net.host('gwa'), net.host('gwb'), net.host('hop')
        for ns, name, prefix in ((self.ns_a, 'wana', '192.0.2.254/24'),
                                 (self.ns_b, 'wanb', '198.51.100.254/24')):
            net.cable(ns, 'wan', self.router, name)
            self.router.address(name, prefix)
        self.router.run('sysctl', '-qw', 'net.ipv4.ip_forward=1')
        for n, (host, gw) in enumerate(((self.host_a, self.ns_a), (self.host_b, self.ns_b)), 1):
            net.cable(gw, 'lan', host, 'eth0')
            host.address('eth0', f'10.{n}.0.2/24', f'fd0{n}::2/64')
            host.ip('route', 'add', 'default', 'via', f'10.{n}.0.1')
            host.ip('-6', 'route', 'add', 'default', 'via', f'fd0{n}::1')
        self.keys = [(keypair(), keypair()) for _ in range(paths)]
        self.rules, self.diverted, self.relay = {}, {}, None
        files = self.files()
        self.a = Gateway(net, self.ns_a, self.sections(1, sections), files[0], worker=0)
        self.b = Gateway(net, self.ns_b, self.sections(2, sections), files[1], worker=1)

    @staticmethod
    def sections(n, more):
        own, router = (WAN_A, '192.0.2.254') if n == 1 else (WAN_B, '198.51.100.254')
        return (f'[port wan0]\ndevice = kernel:wan\naddress = {own}/24\ngateway = {router}\n'
                f'[port lan0]\ndevice = kernel:lan\naddress = 10.{n}.0.1/24\n'
                f'address = fd0{n}::1/64\n{more}')

    @staticmethod
    def port(path, side):
        return 51820 + 10 * path + side

    def files(self):
        files = ({}, {})
        for i in range(self.paths):
            for me, wan in ((0, WAN_B), (1, WAN_A)):
                them = 1 - me
                files[me][f'wg{i}'] = tunnel(
                    self.keys[i][me][0], self.port(i, me), [f'10.99.{i}.{me + 1}/32'],
                    [{'PublicKey': self.keys[i][them][1],
                      'AllowedIPs': f'{self.allowed}10.{them + 1}.0.0/16, fd0{them + 1}::/64, '
                                    f'10.99.{i}.{them + 1}/32',
                      'Endpoint': f'{wan}:{self.port(i, them)}'}])
        return files

    def start(self):
        for gateway in (self.a, self.b):
            gateway.start(wait=False)
        for gateway in (self.a, self.b):
            wait_for(gateway.ready, 20)
        for i in range(self.paths):
            self.ns_a.reaches(f'10.99.{i}.2')
        self.host_a.reaches('10.2.0.2')
        for gateway in (self.a, self.b):
            for i in range(self.paths):
                gateway.becomes(f'wg{i}', 'up')
        return self

    # What the router does to a path, in one direction ('ab' or 'ba') or both.

    def match(self, path, direction):
        there, back = self.port(path, 0), self.port(path, 1)
        if direction == 'ba':
            there, back = back, there
        return f'udp sport {there} udp dport {back}'

    def treat(self, path, verdict, directions=('ab', 'ba')):
        """An nftables statement for a path's packets, in the place of what there was."""
        for direction in directions:
            self.rules[path, direction] = f'{self.match(path, direction)} {verdict}'
        self.apply()

    def heal(self, *paths):
        self.rules = {key: rule for key, rule in self.rules.items() if key[0] not in paths}
        self.apply()

    def apply(self):
        self.router.run('nft', '-f', '-',
                        input=RULES.format(rules='\n        '.join(self.rules.values()),
                                           diverted='\n        '.join(self.diverted.values())))

    def kill(self, path, directions=('ab', 'ba')):
        self.treat(path, 'drop', directions)

    def count(self, path, direction, length):
        """Counts a path's packets of that UDP length, from its next treatment to its healing."""
        rule = f'{self.match(path, direction)} udp length {length} counter'
        self.rules = {(path, direction, 'counted'): rule, **self.rules}

    def counted(self):
        rules = self.router.run('nft', 'list', 'chain', 'ip', 'hop', 'forward')
        return sum(map(int, re.findall('counter packets ([0-9]+)', rules)))

    def starve(self, path, directions=('ab', 'ba')):
        """Handshakes pass, data does not."""
        self.treat(path, f'{DATA} drop', directions)

    def lose(self, path, percent, directions=('ab', 'ba')):
        self.treat(path, f'numgen random mod 1000 < {round(percent * 10)} drop', directions)

    def delay(self, path, directions=('ab', 'ba'), **settings):
        """Sends a path's packets through the relay, which has these settings for all its paths."""
        if self.relay is None:
            self.relay_start()
        self.relay.stdin.write(json.dumps(settings) + '\n')
        self.relay.stdin.flush()
        for direction in directions:
            self.diverted[path, direction] = f'{self.match(path, direction)} meta mark set 7'
        self.apply()

    def relay_start(self):
        self.relay = self.router.popen(
            '/usr/bin/python3', Path(__file__).with_name('relay.py'), 'relay', stdin=-1, stdout=-1)
        assert self.relay.stdout.readline() == 'ready\n'
        self.router.run('sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=0',
                        'net.ipv4.conf.relay.rp_filter=0')
        self.router.ip('link', 'set', 'dev', 'relay', 'up')
        self.router.ip('rule', 'add', 'fwmark', '7', 'lookup', '100')
        self.router.ip('route', 'add', 'default', 'dev', 'relay', 'table', '100')
