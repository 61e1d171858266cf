# SPDX-License-Identifier: BSD-3-Clause
"""One WireGuard of either make behind the same calls, and two of them at the ends of a cable.

What wirebraid needs beforehand (ports, the tunnels' names) is in its files; all the rest is told to
both by wg(8) and ip(8), as an administrator does."""
import base64
import itertools
import json
import os
import socket
import subprocess

import pytest

from gateway import Gateway, keypair, psk, tunnel
from net import scratch, wait_for
from wggo import inside

US, GO = 'us', 'go'
# WIREBRAID_TEST_PAIRS=go-go proves the tests themselves.
PAIRS = os.environ.get('WIREBRAID_TEST_PAIRS', 'us-go go-us us-us').split()
KINDS = [US] if any(US in pair for pair in PAIRS) else [GO]


def pairs(wanted=lambda kinds: True):
    kinds = [kinds for kinds in (tuple(pair.split('-')) for pair in PAIRS) if wanted(kinds)]
    return pytest.mark.parametrize('kinds', kinds, ids=['-'.join(each) for each in kinds])


each_pair = pairs()
# What wireguard-go does not do: node a is ours.
we_and_each = pairs(lambda kinds: kinds[0] == US)
each_kind = pytest.mark.parametrize('kind', KINDS)
only_us = pytest.mark.parametrize('kind', [kind for kind in KINDS if kind == US])

# Addresses of the two ends, inside the tunnel and outside.
INNER = {4: ('10.77.0.1', '10.77.0.2'), 6: ('fd77::1', 'fd77::2')}
OUTER = {4: ('192.0.2.1', '192.0.2.2'), 6: ('2001:db8:9::1', '2001:db8:9::2')}
LENGTH = {4: 24, 6: 64}
PORTS = (51820, 51831)


def at(address, port):
    """An endpoint, as wg(8) writes it."""
    return f'[{address}]:{port}' if ':' in address else f'{address}:{port}'


def hexed(key):
    """A key as the protocol under wg(8) writes it."""
    return base64.b64decode(key).hex()


class Node:
    """A host with a WireGuard on it. Cables end in `port(NAME)`; the interface with the addresses
    is NAME."""
    workers = itertools.cycle((0, 1))

    def __init__(self, net, kind, name, ports=('wan0',), tunnels=('wg0',), mtu=1500,
                 tunnel_mtu=None, memory=192):
        self.net, self.kind, self.ports, self.tunnels = net, kind, ports, tunnels
        self.mtu, self.tunnel_mtu = mtu, tunnel_mtu
        self.memory = max(memory, 300) if mtu > 1500 else memory
        self.host = net.host(name)
        self.name = tunnels[0]
        self.directory = scratch('wireguard')
        net.closers.append(self.close)
        self.processes, self.gateway = {}, None
        self.private, self.public = keypair()

    def port(self, name='wan0'):
        """The end of a cable that becomes the interface of that name."""
        return f'k{name}' if self.kind == US else name

    def start(self):
        if self.kind == US:
            self.start_gateway()
        else:
            for name in self.tunnels:
                self.start_go(name)
        return self

    def start_gateway(self):
        sections = ''.join(f'[port {name}]\ndevice = kernel:{self.port(name)}\nmtu = {self.mtu}\n'
                           for name in self.ports)
        files = {name: tunnel(keypair()[0], mtu=self.tunnel_mtu, extra='Table = off')
                 for name in self.tunnels}
        self.gateway = Gateway(self.net, self.host, sections, files, worker=next(self.workers),
                               memory=self.memory).start()

    def start_go(self, name):
        self.processes[name] = self.host.popen(
            'wireguard-go', '-f', name, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, 'LOG_LEVEL': 'error'})
        wait_for((self.host.sockets / f'{name}.sock').exists, 10, why='wireguard-go is up')
        self.ip('link', 'set', name, 'mtu', self.tunnel_mtu or 1420, 'up')

    def alive(self):
        """Whether nothing has died."""
        if self.gateway:
            return self.gateway.process.poll() is None
        return all(process.poll() is None for process in self.processes.values())

    def close(self):
        for process in self.processes.values():
            process.kill()
            process.wait()
        for file in self.directory.iterdir():
            file.unlink()
        self.directory.rmdir()

    # The administrator's commands.

    def secret(self, key):
        """A file with a key; '' takes the key away."""
        path = self.directory / f'secret{len(list(self.directory.iterdir()))}'
        path.write_text(f'{key}\n' if key else '')
        return path

    def wg(self, *args, check=True):
        return self.host.run('wg', *args, check=check)

    def set(self, *args, name=None):
        return self.wg('set', name or self.name, *args)

    def load(self, how, text, name=None):
        """`wg setconf`, `addconf` or `syncconf`."""
        path = self.directory / 'conf'
        path.write_text(text)
        return self.wg(how, name or self.name, path)

    def talk(self, *lines, name=None):
        """A request in the words under wg(8); gives the lines of the answer."""
        answer = b''
        with socket.socket(socket.AF_UNIX) as wire:
            wire.settimeout(5)
            wire.connect(str(self.host.sockets / f'{name or self.name}.sock'))
            wire.sendall(('\n'.join(lines) + '\n\n').encode())
            while not answer.endswith(b'\n\n'):
                part = wire.recv(65536)
                if not part:
                    break
                answer += part
        return answer.decode().split('\n')[:-2]

    def show(self, what, name=None):
        """`wg show NAME WHAT` as a dict of lists of words, by peer."""
        lines = self.wg('show', name or self.name, what).splitlines()
        return {line.split()[0]: line.split()[1:] for line in lines}

    def value(self, what, name=None):
        """The one line of a property of the interface."""
        return self.wg('show', name or self.name, what).strip()

    def transfer(self, peer, name=None):
        """Bytes received and sent."""
        return tuple(int(n) for n in self.show('transfer', name)[peer])

    def endpoint(self, peer, name=None):
        return self.show('endpoints', name)[peer][0]

    def ip(self, *args, check=True):
        return self.host.ip(*args, check=check)

    def address(self, device, *prefixes):
        self.host.address(device, *prefixes)

    def ping(self, to, count=1, size=56, interval=0.01, **how):
        """Every ping is answered, the first too."""
        answers = self.host.ping(to, count=count, size=size, interval=interval, wait=4, **how)
        assert answers == count, f'{answers} of {count} pings of {to} are answered'

    def silent(self, to, count=1, wait=0.5, **how):
        """No ping is answered."""
        answers = self.host.ping(to, count=count, wait=wait, check=False, **how)
        assert answers == 0, f'{answers} of {count} pings of {to} are answered'

    def sysctl(self, *settings):
        self.host.run('sysctl', '-q', *settings)

    def statistics(self, device):
        """Packets and bytes of an interface."""
        return json.loads(self.ip('-j', '-s', 'link', 'show', 'dev', device))[0]['stats64']


class Pair:
    """Node a — cable — node b, or with a host between them that routes or translates; a may have a
    host `lan` behind its port lan0."""

    def __init__(self, net, kinds, middle=False, mtu=1500, tunnel_mtu=None, tunnels=('wg0',),
                 ports=('wan0',), addresses=True, lan=False):
        self.net = net
        self.a, self.b = (Node(net, kind, name, ports, tunnels, mtu, tunnel_mtu)
                          for kind, name in zip(kinds, 'ab'))
        self.middle = net.host('middle') if middle else None
        if lan:
            self.lan = net.host('lan')
            self.a.ports = (*ports, 'lan0')
            net.cable(self.a.host, self.a.port('lan0'), self.lan, 'eth0', mtu)
        if middle:
            net.cable(self.a.host, self.a.port(), self.middle, 'near', mtu)
            net.cable(self.middle, 'beyond', self.b.host, self.b.port(), mtu)
        else:
            for port in ports:
                net.cable(self.a.host, self.a.port(port), self.b.host, self.b.port(port), mtu)
        for node in self.nodes():
            node.start()
        if addresses and not middle:
            for n, node in enumerate(self.nodes()):
                node.address('wan0', *(f'{OUTER[f][n]}/{LENGTH[f]}' for f in (4, 6)))
        self.psk = psk()

    def nodes(self):
        return self.a, self.b

    def configure(self, name='wg0', ports=PORTS, with_psk=True):
        """Each knows the other's key, but not where it is."""
        for n, (node, other) in enumerate((self.nodes(), self.nodes()[::-1])):
            node.address(name, *(f'{INNER[f][n]}/{LENGTH[f]}' for f in (4, 6)))
            allowed = ','.join(f'{INNER[f][1 - n]}/{32 if f == 4 else 128}' for f in (4, 6))
            shared = ['preshared-key', node.secret(self.psk)] if with_psk else []
            node.set('private-key', node.secret(node.private), 'listen-port', ports[n],
                     'peer', other.public, *shared, 'allowed-ips', allowed, name=name)
        return self

    def meet(self, family=4):
        """Tells each where the other is."""
        self.a.set('peer', self.b.public, 'endpoint', at(OUTER[family][1], PORTS[1]))
        self.b.set('peer', self.a.public, 'endpoint', at(OUTER[family][0], PORTS[0]))
        return self

    def pings(self):
        """Both ways, both families inside."""
        for family in (4, 6):
            self.b.ping(INNER[family][0], count=10)
            self.a.ping(INNER[family][1], count=10)


def udp_socket(host, address='', port=0, timeout=1.0):
    """A UDP socket on another host."""
    with inside(host):
        made = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET,
                             socket.SOCK_DGRAM)
        made.bind((address, port))
    made.settimeout(timeout)
    return made


def hears(listener):
    """Whether a datagram arrives."""
    try:
        return bool(listener.recv(2048))
    except TimeoutError:
        return False


def nft(host, rules):
    """Rules of nftables."""
    host.run('nft', '-f', '-', input=rules)
