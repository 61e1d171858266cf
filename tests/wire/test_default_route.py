# SPDX-License-Identifier: BSD-3-Clause
"""A default route into a tunnel, while the tunnel's own packets leave by the default router."""
import pytest

from gateway import Gateway, keypair, tunnel
from net import wait_for


@pytest.mark.parametrize('extra', ['', 'FwMark = 7'])
def test_sealed_packets_do_not_follow_the_tunnels_default_route(net, extra):
    host, router = net.host('gw'), net.host('router')
    net.cable(host, 'wan', router, 'eth0')
    router.ip('addr', 'add', '192.0.2.254/24', 'dev', 'eth0')
    router.ip('addr', 'add', '198.51.100.1/32', 'dev', 'eth0')
    gateway = Gateway(net, host, '[port wan0]\ndevice = kernel:wan\naddress = 192.0.2.1/24\n'
                      'gateway = 192.0.2.254\n', {
        'wg0': tunnel(keypair()[0], 51820, ['10.9.0.1/24'], extra=extra, peers=[{
            'PublicKey': keypair()[1], 'AllowedIPs': '0.0.0.0/0',
            'Endpoint': '198.51.100.1:51820', 'PersistentKeepalive': 1}])}).start()
    # Where nobody listens on the port, the router counts what has come.
    wait_for(lambda: 'UdpNoPorts' in router.run('nstat', '-as', 'UdpNoPorts') and
             int(router.run('nstat', '-as', 'UdpNoPorts').split()[-2]) > 0, 10,
             why=f'initiations reach the router: {gateway.peer("wg0")}')
