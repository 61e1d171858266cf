# SPDX-License-Identifier: BSD-3-Clause
"""Two sites joined by two gateways over bonded links: the scene of the demo and of many tests."""
from gateway import Gateway, keypair, spread_ports, tunnel

WAN_A, WAN_B = '192.0.2.1', '192.0.2.2'


class Sites:
    """Host A — gateway A ═ links ═ gateway B — host B."""

    def __init__(self, net, links=3, mbit=None, workers=(0, 1), names=(None, None),
                 more=''):
        self.net = net
        self.links, self.mbit, self.more = links, mbit, more
        self.host_a, self.host_b = net.host('hosta'), net.host('hostb')
        self.ns_a, self.ns_b = net.host('gwa'), net.host('gwb')
        for i in range(links):
            net.cable(self.ns_a, f'wan{i}', self.ns_b, f'wan{i}')
            if mbit:
                net.shape(self.ns_a, f'wan{i}', mbit)
                net.shape(self.ns_b, f'wan{i}', mbit)
        for n, (host, gw) in enumerate(((self.host_a, self.ns_a), (self.host_b, self.ns_b)), 1):
            net.cable(gw, 'lan', host, 'eth0')
            host.address('eth0', f'10.{n}.0.2/24', f'fd0{n}::2/64')
            host.ip('route', 'add', 'default', 'via', f'10.{n}.0.1')
            host.ip('-6', 'route', 'add', 'default', 'via', f'fd0{n}::1')
        self.keys = [(keypair(), keypair()) for _ in range(16)]
        self.a = Gateway(net, self.ns_a, self.sections(1), worker=workers[0], name=names[0])
        self.b = Gateway(net, self.ns_b, self.sections(2), worker=workers[1], name=names[1])

    def sections(self, n):
        members = ''.join(f'member = kernel:wan{i}\n' for i in range(self.links))
        return (f'[bond bond0]\n{members}hash = layer3+4\naddress = 192.0.2.{n}/24\n'
                f'[port lan0]\ndevice = kernel:lan\naddress = 10.{n}.0.1/24\n'
                f'address = fd0{n}::1/64\n{self.more}')

    def tunnels(self, count):
        """Files of both gateways for so many tunnels with the same allowed IPs."""
        ports = spread_ports(WAN_A, WAN_B, count, self.links)
        files = ({}, {})
        for i in range(count):
            for me, wan in ((0, WAN_B), (1, WAN_A)):
                them = 1 - me
                files[me][f'wg{i}'] = tunnel(
                    self.keys[i][me][0], ports[i][me], [f'10.99.{i}.{me + 1}/32'],
                    [{'PublicKey': self.keys[i][them][1],
                      'AllowedIPs': f'10.{them + 1}.0.0/16, fd0{them + 1}::/64, '
                                    f'10.99.{i}.{them + 1}/32',
                      'Endpoint': f'{wan}:{ports[i][them]}'}])
        return files

    def start(self, tunnels):
        files = self.tunnels(tunnels)
        for gateway, own in ((self.a, files[0]), (self.b, files[1])):
            gateway.write(own)
            gateway.start()
        for gateway in (self.a, self.b):
            gateway.distributing(self.links)
        for i in range(tunnels):
            self.ns_a.reaches(f'10.99.{i}.2')
        self.host_a.reaches('10.2.0.2')

    def stop(self):
        return self.a.stop(), self.b.stop()
