# SPDX-License-Identifier: BSD-3-Clause
"""The generator over memif (build/tests/bench/memif_load): the host behind a gateway's LAN port and
the WireGuards beyond its WAN port, for the bench and for tests under load."""
import json
import os
import shutil
import subprocess
from pathlib import Path

from gateway import TOP, keypair, tunnel
from net import scratch

PROGRAM = TOP / 'build/tests/bench/memif_load'
HUGE = Path('/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages')


class Failed(Exception):
    """What a person can act on."""


class Site:
    """Keys, addresses and sockets of both ends."""

    def __init__(self, tunnels):
        self.directory = scratch('over-memif')
        self.ours = [keypair() for _ in range(tunnels)]
        self.theirs = [keypair() for _ in range(tunnels)]
        self.keys = self.directory / 'keys'
        self.keys.touch(0o600)
        self.keys.write_text(''.join(f'{theirs[0]} {ours[1]}\n' for ours, theirs in
                                     zip(self.ours, self.theirs)), encoding='ascii')

    def socket(self, side):
        return self.directory / side

    def ports(self, role, more_args=''):
        """The gateway's sections for its two ports, and its role of memif."""
        return ''.join(
            f'[port {side}0]\n'
            f'device = net_memif{n},role={role},id=0,socket={self.socket(side)},'
            f'socket-abstract=no,rsize=11{more_args}\n'
            f'address = {address}\n{more}'
            for n, (side, address, more) in enumerate((
                ('lan', '10.1.0.1/24', 'address = fd01::1/64\n'), ('wan', '192.0.2.1/24', ''))))

    def tunnel(self, n):
        """The gateway's file of a tunnel."""
        return tunnel(self.ours[n][0], 51820 + n, [f'10.3.{n}.1/32'], [{
            'PublicKey': self.theirs[n][1],
            'AllowedIPs': f'10.2.{n}.0/24, fd02:0:0:{n:x}::/64',
            'Endpoint': f'192.0.2.2:{52820 + n}'}], mtu=1420)

    def close(self):
        shutil.rmtree(self.directory, ignore_errors=True)


class Generator:
    """The process at both far ends; a line to it, an object back."""

    def __init__(self, site, cpu, role, stock):
        huge = [] if int(HUGE.read_text()) >= 48 else ['--no-huge']
        self.cpu = cpu
        self.process = subprocess.Popen(
            [PROGRAM, '--cpu', str(cpu), '--role', role, '--stock', str(stock), '--keys', site.keys,
             '--lan', site.socket('lan'), '--wan', site.socket('wan'), *huge],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
        self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f'memif_load ended with status {self.process.wait()}')
        answer = json.loads(line)
        if 'error' in answer:
            raise Failed(answer['error'])
        return answer

    def say(self, command, **settings):
        words = [command, *(f'{name}={value}' for name, value in settings.items())]
        self.process.stdin.write(' '.join(words) + '\n')
        self.process.stdin.flush()

    def ask(self, command, **settings):
        self.say(command, **settings)
        return self.answer()

    def waited(self):
        return waited(self.process.pid, self.cpu)

    def close(self):
        try:
            self.say('quit')
            self.process.wait(5)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()


def waited(pid, cpu):
    """Seconds the threads of a process that are bound to a CPU had to wait for it."""
    total = 0
    for task in Path(f'/proc/{pid}/task').iterdir():
        try:
            if os.sched_getaffinity(int(task.name)) == {cpu}:
                total += int((task / 'schedstat').read_text().split()[1])
        except (OSError, ProcessLookupError):  # it ended
            continue
    return total / 1e9
