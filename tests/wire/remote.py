# SPDX-License-Identifier: BSD-3-Clause
"""One gateway with a host behind it, and a wireguard-go peer on the other side."""
from gateway import Gateway, keypair, tunnel
from wggo import WireguardGo

OUTER = {4: ('192.0.2.1', '192.0.2.9', 24), 6: ('2001:db8:9::1', '2001:db8:9::9', 64)}


class Remote:
    """Host — gateway — wireguard-go."""

    def __init__(self, net, family=4, psk=None, worker=1, mtu=1500, we_know=True, they_know=True,
                 tunnel_mtu=None, start=True, memory=192, extra_peers=()):
        self.us, self.them, length = OUTER[family]
        self.net, self.psk = net, psk
        self.lan, self.far, self.ns = net.host('lan'), net.host('far'), net.host('gw')
        net.cable(self.ns, 'wan', self.far, 'eth0', mtu=mtu)
        net.cable(self.ns, 'lan', self.lan, 'eth0', mtu=mtu)
        self.far.address('eth0', f'{self.them}/{length}')
        self.lan.address('eth0', '10.1.0.2/24', 'fd01::2/64')
        self.lan.ip('route', 'add', 'default', 'via', '10.1.0.1')
        self.lan.ip('-6', 'route', 'add', 'default', 'via', 'fd01::1')
        self.private, self.public = keypair()
        self.peer = WireguardGo(net, self.far, mtu=tunnel_mtu or 1420)
        self.they_know = they_know
        theirs = {'PublicKey': self.peer.public, 'AllowedIPs': '10.9.0.0/24, fd09::/64'}
        if psk:
            theirs['PresharedKey'] = psk
        if we_know:
            theirs['Endpoint'] = f'[{self.them}]:51821' if family == 6 else f'{self.them}:51821'
        sections = (f'[port wan0]\ndevice = kernel:wan\naddress = {self.us}/{length}\n'
                    f'mtu = {mtu}\n[port lan0]\ndevice = kernel:lan\naddress = 10.1.0.1/24\n'
                    f'address = fd01::1/64\nmtu = {mtu}\n')
        self.gateway = Gateway(net, self.ns, sections, {
            'wg0': tunnel(self.private, 51820, ['10.9.0.1/32', 'fd09::1/128'],
                          [theirs, *extra_peers], mtu=tunnel_mtu)}, worker=worker, memory=memory)
        if start:
            self.gateway.start()
            self.start_peer()

    def peer_settings(self):
        family6 = ':' in self.us
        ours = {'PublicKey': self.public, 'AllowedIPs': '10.9.0.1/32, 10.1.0.0/24, fd01::/64, '
                                                        'fd09::1/128'}
        if self.psk:
            ours['PresharedKey'] = self.psk
        if self.they_know:
            ours['Endpoint'] = f'[{self.us}]:51820' if family6 else f'{self.us}:51820'
        return ours

    def start_peer(self):
        self.peer.start(51821, ['10.9.0.9/24', 'fd09::9/64'], [self.peer_settings()])
        self.peer.route('10.1.0.0/24', 'fd01::/64')
