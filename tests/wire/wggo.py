# SPDX-License-Identifier: BSD-3-Clause
"""Debian's wireguard-go as the peer: a WireGuard somebody else wrote."""
import ctypes
import os
import socket
import subprocess
from contextlib import contextmanager

from gateway import keypair
from net import scratch, wait_for


class WireguardGo:
    """One interface of wireguard-go in a host's namespace, told what to do by wg(8)."""
    count = 0

    def __init__(self, net, host, name='wgp', mtu=1420):
        self.host = host
        WireguardGo.count += 1
        self.name = f'{name}{WireguardGo.count}x{os.getpid() % 100000}'[:15]
        self.mtu = mtu
        self.private, self.public = keypair()
        self.process = None
        self.directory = scratch('wireguard-go')
        net.closers.append(self.close)

    def start(self, listen, addresses, peers):
        """`peers`: dicts of the settings of a [Peer]."""
        self.process = self.host.popen(
            'wireguard-go', '-f', self.name, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env={**os.environ, 'LOG_LEVEL': 'error'})
        wait_for((self.host.sockets / f'{self.name}.sock').exists, 10,
                 why='wireguard-go is up')
        self.configure(listen, peers)
        self.host.ip('link', 'set', self.name, 'mtu', self.mtu, 'up')
        self.host.address(self.name, *addresses)
        return self

    def configure(self, listen, peers):
        lines = ['[Interface]', f'PrivateKey = {self.private}', f'ListenPort = {listen}']
        for peer in peers:
            lines.append('[Peer]')
            lines += [f'{key} = {value}' for key, value in peer.items()]
        path = self.directory / 'conf'
        path.write_text('\n'.join(lines) + '\n')
        self.host.run('wg', 'setconf', self.name, path)

    def route(self, *prefixes):
        for prefix in prefixes:
            self.host.ip('route', 'replace', prefix, 'dev', self.name)

    def wg(self, *args):
        return self.host.run('wg', *args)

    def handshake(self):
        """Unix time of the latest handshake with the first peer; 0: none."""
        out = self.wg('show', self.name, 'latest-handshakes').split()
        return int(out[1]) if len(out) > 1 else 0

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            for pid in self.host.run('pgrep', '-x', '-f', f'wireguard-go -f {self.name}',
                                     check=False).split():
                self.host.run('kill', '-9', pid, check=False)
            (self.host.sockets / f'{self.name}.sock').unlink(missing_ok=True)
            self.process = None

    def close(self):
        self.stop()
        for file in self.directory.iterdir():
            file.unlink()
        self.directory.rmdir()


@contextmanager
def inside(host):
    """This thread is in a host's network namespace: sockets made here belong to it."""
    libc = ctypes.CDLL(None, use_errno=True)
    own = os.open('/proc/self/ns/net', os.O_RDONLY)
    other = os.open(f'/var/run/netns/{host.name}', os.O_RDONLY)
    try:
        if libc.setns(other, 0x40000000) != 0:
            raise OSError(ctypes.get_errno(), 'setns')
        yield
    finally:
        libc.setns(own, 0x40000000)
        os.close(own)
        os.close(other)


def packet_socket(host, device):
    """A raw socket on a device of another namespace."""
    with inside(host):
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        raw.bind((device, 0))
    return raw
