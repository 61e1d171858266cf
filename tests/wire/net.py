# SPDX-License-Identifier: BSD-3-Clause
"""Network namespaces and the cables between them, torn down whatever happens."""
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

PREFIX = 'wbt'


def run(*argv, check=True, **kwargs):
    """Runs a command to its end and gives its output. A terminal's Ctrl-C is not for the command: it
    may be one that cleans up."""
    done = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False, start_new_session=True, **kwargs)
    if check and done.returncode != 0:
        raise AssertionError(f'{" ".join(map(str, argv))}: {done.returncode}\n{done.stdout}')
    return done.stdout


def wait_for(what, seconds=10.0, every=0.05, why=''):
    """Calls `what` until it gives something true; gives that."""
    end = time.monotonic() + seconds
    while True:
        got = what()
        if got:
            return got
        if time.monotonic() > end:
            raise AssertionError(f'not within {seconds} s: {why or what}')
        time.sleep(every)


def scratch(kind):
    """A directory that says whose it is."""
    return Path(tempfile.mkdtemp(prefix=f'{kind}-{os.getpid()}-'))


def end_on_signals(end):
    """The first signal calls `end` with its number, which raises something, so that what is up is
    taken down; a second one does not disturb that."""
    got = []

    def once(number, _):
        got.append(number)
        if len(got) == 1:
            end(number)
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, once)


def sweep():
    """Takes away what runs that were killed have left behind."""
    for kind in ('wirebraid', 'wireguard-go', 'wireguard'):
        for directory in Path(tempfile.gettempdir()).glob(f'{kind}-*-*'):
            owner = directory.name[len(kind) + 1:].split('-')[0]
            if owner.isdigit() and not os.path.exists(f'/proc/{owner}'):
                shutil.rmtree(directory, ignore_errors=True)
    for line in run('ip', 'netns', 'list', check=False).splitlines():
        name = line.split()[0] if line.split() else ''
        owner = name[len(PREFIX):].split('-')[0]
        if name.startswith(PREFIX) and owner.isdigit() and not os.path.exists(f'/proc/{owner}'):
            for pid in run('ip', 'netns', 'pids', name, check=False).split():
                os.kill(int(pid), signal.SIGKILL)
            run('ip', 'netns', 'delete', name, check=False)


# Each host has a /var/run/wireguard of its own, or tunnels of the same name would meet there.
ENTER = 'mount --bind "$0" /var/run/wireguard && exec "$@"'


class Namespace:
    """One host."""

    def __init__(self, net, name):
        self.net = net
        self.sockets = scratch('wireguard')
        os.makedirs('/var/run/wireguard', exist_ok=True)
        self.name = f'{PREFIX}{os.getpid()}-{net.number}-{len(net.hosts)}{name}'
        run('ip', 'netns', 'add', self.name)
        self.ip('link', 'set', 'lo', 'up')

    def enter(self, *argv):
        """The command line that runs a command on this host."""
        return ['ip', 'netns', 'exec', self.name, 'sh', '-c', ENTER, str(self.sockets),
                *map(str, argv)]

    def run(self, *argv, check=True, **kwargs):
        return run(*self.enter(*argv), check=check, **kwargs)

    def ip(self, *argv, check=True):
        return run('ip', '-n', self.name, *argv, check=check)

    def popen(self, *argv, **kwargs):
        process = subprocess.Popen(self.enter(*argv), text=True, **kwargs)
        self.net.processes.append(process)
        return process

    def address(self, device, *prefixes):
        for prefix in prefixes:
            nodad = ['nodad'] if ':' in prefix else []
            self.ip('address', 'add', prefix, 'dev', device, *nodad)

    def ping(self, to, count=3, check=True, size=56, interval=0.1, wait=1, **how):
        """Pings; gives the number of answers. `how`: pmtu, tos and what else
        echo.py takes."""
        how |= {'to': to, 'count': count, 'interval': interval, 'wait': wait, 'size': size}
        out = self.run('/usr/bin/python3', '-ISB', Path(__file__).with_name('echo.py'),
                       *[f'{key}={value}' for key, value in how.items()])
        answers = int(out)
        if check and answers == 0:
            raise AssertionError(f'{self.name} gets no answer from {to}')
        return answers

    def reaches(self, to, seconds=15):
        """Waits until a ping is answered."""
        # Of a single request, ping(8) does wait for the answer, and starts faster.
        wait_for(lambda: ' 0% packet loss' in self.run(
            'ping', '-n', '-q', '-c', 1, '-W', 1, to, check=False), seconds,
            why=f'{self.name} -> {to}')


class Net:
    """A set of hosts and cables; a context that cleans up behind itself."""
    count = 0

    def __init__(self):
        Net.count += 1
        self.number = Net.count
        self.hosts = []
        self.processes = []
        self.closers = []

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        failures = []
        for close in reversed(self.closers):
            try:
                close()
            except Exception as failure:  # the rest is taken down all the same
                failures.append(failure)
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        for host in self.hosts:
            for pid in run('ip', 'netns', 'pids', host.name, check=False).split():
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except ProcessLookupError:
                    pass
            run('ip', 'netns', 'delete', host.name, check=False)
            shutil.rmtree(host.sockets, ignore_errors=True)
        if failures and exc[0] is None:
            raise failures[0]

    def host(self, name):
        host = Namespace(self, name)
        self.hosts.append(host)
        return host

    def cable(self, a, a_name, b, b_name, mtu=1500):
        """A veth pair whose ends leave no checksum or segmentation to the other side."""
        run('ip', 'link', 'add', a_name, 'netns', a.name, 'mtu', mtu, 'type', 'veth', 'peer',
            'name', b_name, 'netns', b.name, 'mtu', mtu)
        for host, device in ((a, a_name), (b, b_name)):
            host.run('ethtool', '-K', device, 'tx', 'off', 'tso', 'off', 'gso', 'off', 'gro',
                     'off')
            host.ip('link', 'set', device, 'up')

    @staticmethod
    def shape(host, device, mbit, packets=400):
        """Holds what leaves a device to a rate, behind a queue of so many full packets."""
        host.run('tc', 'qdisc', 'replace', 'dev', device, 'root', 'tbf', 'rate', f'{mbit}mbit',
                 'burst', '16kb', 'limit', packets * 1514)
