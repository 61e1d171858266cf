# SPDX-License-Identifier: BSD-3-Clause
"""VPP as the gateway between the generator's two memif sockets."""
import os
import re
import shutil
import signal
import socket
import subprocess
import time

from net import wait_for

PLUGINS = ('memif', 'wireguard')
# Handshakes use the first, packets the second where VPP has it (since 26.06).
CIPHERS, ENGINE = ('chacha20-poly1305', 'chacha20-poly1305-icv16-aad0'), 'ipsecmb'
# As many as wirebraid's and the generator's rings hold.
RING = 2048

# Telnet's words, as far as VPP wants them: the last of its questions; and a terminal of this name is
# a program, without prompt, echo and pages.
QUESTION = b'\xff\xfa\x1f\x01\xff\xf0'
TERMINAL = b'\xff\xfa\x18\x00vppctl\xff\xf0'
COLOUR = re.compile(r'\x1b\[[0-9;]*m')


class VppError(Exception):
    """What a person can act on."""


class Cli:
    """A session on VPP's command line socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(20)
        self.socket.connect(str(path))
        self.read_until(QUESTION)
        self.socket.sendall(TERMINAL)

    def read_until(self, end):
        got = b''
        while not got.endswith(end):
            more = self.socket.recv(65536)
            if not more:
                raise VppError('vpp ended the session')
            got += more
        return got

    def ask(self, command):
        """What it prints. A NUL is the end of it."""
        self.socket.sendall(command.encode() + b'\n')
        text = self.read_until(b'\0').replace(b'\0', b'').decode('utf-8', 'replace')
        return COLOUR.sub('', text).replace('\r', '').strip()

    def close(self):
        self.socket.close()


def startup(directory, cpus):
    """What VPP reads as it starts. One worker; its main thread, which sleeps while nobody asks, is on
    the generator's CPU, as is wirebraid's control thread. Few buffers stay in the caches, and what
    need not be in hugepages leaves them to the buffers."""
    return f'''unix {{ nodaemon nosyslog nobanner runtime-dir {directory} cli-listen {directory}/cli
 log {directory}/vpp.log }}
api-segment {{ prefix {directory.parent.name} }}
socksvr {{ socket-name {directory}/api }}
statseg {{ socket-name {directory}/stats size 64M page-size 4k }}
memory {{ main-heap-size 512M main-heap-page-size 4k }}
cpu {{ main-core {cpus[1]} corelist-workers {cpus[0]} }}
buffers {{ buffers-per-numa 16384 page-size default-hugepage }}
'''


def commands(site, copies):
    """The gateway of over_memif's picture in VPP's words, each with what it answers if it is well.
    As memif's client VPP lends its own buffers to the other end, unless it is told not to."""
    lend = ' no-zero-copy' if copies else ''
    private, public = site.ours[0][0], site.theirs[0][1]
    for n, (side, address) in enumerate((('lan', '10.1.0.1/24'), ('wan', '192.0.2.1/24')), 1):
        port = f'memif{n}/0'
        yield f'create memif socket id {n} filename {site.socket(side)}', ''
        yield f'create interface memif id 0 socket-id {n} slave ring-size {RING}{lend}', ''
        yield f'set interface rx-mode {port} polling', ''
        yield f'set interface state {port} up', ''
        yield f'set interface ip address {port} {address}', ''
    yield f'wireguard create listen-port 51820 private-key {private} src 192.0.2.1', 'wg0'
    yield 'set interface state wg0 up', ''
    yield 'set interface ip address wg0 10.3.0.1/32', ''
    yield 'set interface mtu packet 1420 wg0', ''
    yield (f'wireguard peer add wg0 public-key {public} endpoint 192.0.2.2 dst-port 52820 '
           f'allowed-ip 10.2.0.0/24'), ''
    yield 'ip route add 10.2.0.0/24 via 10.2.0.1 wg0', ''


class Vpp:
    """One that runs, or not."""

    def __init__(self, program, site, cpus, waited, copies=False):
        self.program, self.site, self.cpus, self.copies = program, site, cpus, copies
        self.waited_of = waited
        self.directory = site.directory / 'vpp'
        self.process = self.cli = None
        self.version = ''
        self.totals = {}

    def start(self):
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(mode=0o700)
        config = self.directory / 'startup.conf'
        config.write_text(startup(self.directory, self.cpus), encoding='ascii')
        with (self.directory / 'out').open('w', encoding='ascii') as out:
            # It goes with us, even if it stands still then.
            self.process = subprocess.Popen(
                ['setpriv', '--pdeathsig', 'KILL', self.program, '-c', config], stdout=out,
                stderr=out, stdin=subprocess.DEVNULL, start_new_session=True)
        wait_for(self.listens, 30, why='vpp listens')
        self.version = self.cli.ask('show version').split(' built ')[0]
        self.look_for_parts()
        self.choose_engine()
        for command, expected in commands(self.site, self.copies):
            self.tell(command, expected)
        self.totals = {}
        return self

    def listens(self):
        if self.process.poll() is not None:
            raise VppError(f'{self.program} ended with status {self.process.returncode}:\n'
                           f'{self.said()}')
        try:
            self.cli = Cli(self.directory / 'cli')
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        return True

    def said(self):
        lines = (self.directory / 'out').read_text(errors='replace').splitlines()
        return '\n'.join(lines[-12:])

    def look_for_parts(self):
        plugins = self.cli.ask('show plugins')
        for name in PLUGINS:
            if f'{name}_plugin.so' not in plugins:
                raise VppError(f'{self.program} has no plugin {name}')
        if ENGINE not in self.cli.ask('show crypto engines'):
            raise VppError(f'{self.program} has no crypto engine {ENGINE}: it was built without '
                           f'intel-ipsec-mb')

    def tell(self, command, expected):
        answer = self.cli.ask(command)
        if answer != expected:
            # Not the command: there is a key in one.
            raise VppError(f"'{' '.join(command.split()[:3])} ...': vpp says: {answer}")

    def choose_engine(self):
        """Another one would be the measurement of another cipher's code."""
        known = self.handlers()
        for cipher in CIPHERS:
            if cipher in known:
                self.tell(f'set crypto handler {cipher} {ENGINE}', '')
        chosen = self.handlers()
        for cipher in CIPHERS:
            if f'{ENGINE}*' not in chosen.get(cipher, f'{ENGINE}*'):
                raise VppError(f'{cipher} is not done by {ENGINE}: {chosen[cipher]}')

    def handlers(self):
        """Engines by algorithm, the ones in use with a star."""
        lines = self.cli.ask('show crypto handlers').splitlines()
        return {line.split()[0]: line for line in lines if line.strip()}

    @property
    def pid(self):
        return self.process.pid

    def waited(self):
        return self.waited_of(self.pid, self.cpus[0])

    def kept(self):
        """It does not tell."""
        return 0, 0

    def lcore(self):
        """What the worker did since it started: packets and cycles of each node. VPP rounds to three
        digits, so what is looked at is told anew each time."""
        text = self.cli.ask('show runtime')
        self.cli.ask('clear runtime')
        for line in text.partition('vpp_wk_0')[2].splitlines():
            words = line.split()
            if len(words) < 7 or not words[-5].isdigit() or not words[-4].isdigit():
                continue
            total = self.totals.setdefault(words[0], [0, 0.0])
            calls, packets, clocks = int(words[-5]), int(words[-4]), float(words[-2])
            total[0] += packets
            total[1] += clocks * (packets or calls)
        return {'stages': [{'name': name, 'packets': packets, 'cycles': cycles}
                           for name, (packets, cycles) in self.totals.items()],
                'busy_cycles': sum(cycles for _, cycles in self.totals.values()), 'tsc_hz': 0}

    def stop(self):
        if self.cli is not None:
            self.cli.close()
        self.cli = None
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


def found(program):
    """The program, or what is to be done."""
    path = shutil.which(program)
    if path is None:
        raise VppError(f"'{program}' is no program. tests/bench/README.md tells how to build vpp; "
                       f'--vpp says where it is')
    return os.path.abspath(path)
