# SPDX-License-Identifier: BSD-3-Clause
"""A wirebraid gateway in a namespace, and its telemetry."""
import json
import os
import signal
import socket
import struct
import subprocess
import time
from pathlib import Path

from net import run, scratch, wait_for

TOP = Path(__file__).resolve().parents[2]
PROGRAM = TOP / 'build' / 'app' / 'wirebraid'


def keypair():
    private = run('wg', 'genkey').strip()
    return private, run('wg', 'pubkey', input=private).strip()


def psk():
    return run('wg', 'genpsk').strip()


def member_of(source, destination, sport, dport, members):
    """The place of the member a UDP packet leaves by under the bonding PMD's layer3+4 hash."""
    family = socket.AF_INET6 if ':' in source else socket.AF_INET
    words = [struct.unpack('=%dI' % (len(b) // 4), b)
             for b in (socket.inet_pton(family, source), socket.inet_pton(family, destination))]
    value = 0
    for a in words[0] + words[1]:
        value ^= a
    value ^= socket.htons(sport) ^ socket.htons(dport)
    value ^= value >> 16
    value ^= value >> 8
    return value % members


def spread_ports(source, destination, tunnels, members, first=51820):
    """Ports of both sites that put tunnel n on member n, both ways, and spread them over one member
    less, too."""
    ports = []
    theirs = first + 100
    for n in range(tunnels):
        mine = first + n
        while any(member_of(source, destination, mine, theirs, m) != n % m
                  for m in (members, max(1, members - 1))):
            theirs += 1
        ports.append((mine, theirs))
        theirs += 1
    return ports


class Gateway:
    """Writes the files, runs the program, asks its telemetry."""
    count = 0
    program = PROGRAM
    preload = None  # a library in front of its own

    def __init__(self, net, host, sections, tunnels=None, worker=0, name=None, gateway='',
                 memory=192):
        Gateway.count += 1
        self.host = host
        self.name = name or f'test-{os.getpid()}-{Gateway.count}'
        self.directory = scratch('wirebraid')
        self.process = None
        self.log = self.directory / 'log'
        self.config = self.directory / 'gateway.conf'
        self.sections = sections
        self.worker = worker
        self.extra = gateway
        self.memory = memory
        self.write(tunnels or {})
        net.closers.append(self.close)

    def write(self, tunnels):
        lines = ['[gateway]', f'name = {self.name}', f'memory = {self.memory}', self.extra]
        for name, text in tunnels.items():
            path = self.directory / f'{name}.conf'
            path.write_text(text)
            path.chmod(0o600)
            lines.append(f'tunnel = {name}.conf')
        lines += ['[lcores]', f'workers = {self.worker}', self.sections]
        self.config.write_text('\n'.join(lines) + '\n')

    def start(self, wait=True):
        log = self.log.open('a')
        before = ('env', f'LD_PRELOAD={self.preload}') if self.preload else ()
        self.process = self.host.popen(*before, self.program, 'run', self.config, stdout=log,
                                       stderr=subprocess.STDOUT)
        log.close()
        if wait:
            wait_for(self.ready, 20, why=f'{self.name} is ready:\n{self.log.read_text()}')
        return self

    def ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f'{self.name} ended:\n{self.log.read_text()}')
        return self.log.read_text().count('wirebraid: ready') > 0

    def signal(self, number):
        for pid in run('pgrep', '-f', f'wirebraid run {self.config}', check=False).split():
            os.kill(int(pid), number)

    def stop(self):
        """Ends it as an administrator does; gives its exit status."""
        if self.process is None:
            return None
        self.signal(signal.SIGTERM)
        try:
            status = self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = None
        self.process = None
        self.log.write_text('')
        return status

    def close(self):
        self.stop()
        run('rm', '-rf', self.directory, f'/var/run/dpdk/{self.name}')

    def ask(self, command):
        """One telemetry command's answer."""
        path = f'/var/run/dpdk/{self.name}/dpdk_telemetry.v2'
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.settimeout(5)
            s.connect(path)
            s.recv(65536)
            s.send(f'/wirebraid/{command}'.encode())
            answer = json.loads(s.recv(65536))
        return next(iter(answer.values()))

    def show(self, subject):
        """What `wirebraid show SUBJECT --json` prints."""
        return json.loads(run(self.program, 'show', subject, '--json', '--name', self.name))

    def text(self, subject):
        """What it prints for people."""
        return run(self.program, 'show', subject, '--name', self.name)

    def path(self, tunnel):
        """How a path is."""
        return self.ask(f'path,{tunnel}')

    def becomes(self, tunnel, state, seconds=10):
        """Waits until a path has a state."""
        wait_for(lambda: (self.path(tunnel) or {}).get('state') == state, seconds, 0.01,
                 why=f'{self.name} {tunnel} {state}')

    def peer(self, tunnel, index=0):
        return self.ask(f'peer,{tunnel}:{index}')

    def members(self, port='bond0'):
        n = self.ask(f'port,{port}')['members']
        return [self.ask(f'member,{port}:{i}') for i in range(n)]

    def distributing(self, n, port='bond0', seconds=10):
        """Waits until exactly so many members distribute."""
        wait_for(lambda: sum(m['distributing'] for m in self.members(port)) == n, seconds,
                 why=f'{n} members of {self.name} distribute: {self.members(port)}')

    def balanced(self):
        """The accounts at rest, once they are."""
        def still():
            first = self.ask('accounts')
            time.sleep(0.15)
            second = self.ask('accounts')
            # Probes of paths come and go; a packet that is lost is missing for good.
            return second if first['balance'] == 0 and second['balance'] == 0 else None
        return wait_for(still, 10, why=f'accounts balance: {self.ask("accounts")}')


def tunnel(private, port=None, addresses=(), peers=(), mtu=None, extra=''):
    """A wg-quick file. Each peer is a dict of its settings."""
    lines = ['[Interface]', f'PrivateKey = {private}']
    if port is not None:
        lines.append(f'ListenPort = {port}')
    if addresses:
        lines.append('Address = ' + ', '.join(addresses))
    if mtu:
        lines.append(f'MTU = {mtu}')
    lines.append(extra)
    for peer in peers:
        lines.append('[Peer]')
        lines += [f'{key} = {value}' for key, value in peer.items()]
    return '\n'.join(lines) + '\n'
