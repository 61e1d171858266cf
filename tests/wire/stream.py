# SPDX-License-Identifier: BSD-3-Clause
"""Streams that are counted: what is lost, late, twice or out of order, and how long nothing came.

Run as a program on the hosts of a test; the classes below start it there and read what it says.
"""
import json
import socket
import struct
import sys
import time
from dataclasses import dataclass

HEADER = struct.Struct('!IQ')
# Seconds of silence that end a counted stream.
PATIENCE = 4
# Python has no names for these.
IP_MTU_DISCOVER, PMTUDISC_INTERFACE = 10, 4


def tcp_receive(port):
    """Takes one connection; tells when nothing came for how long."""
    server = socket.create_server(('0.0.0.0', port))
    print('ready', flush=True)
    connection, _ = server.accept()
    last = began = time.monotonic()
    got, gap, gap_at, reset = 0, 0.0, 0.0, False
    while True:
        try:
            data = connection.recv(1 << 16)
        except OSError:
            reset = True
            break
        now = time.monotonic()
        if not data:
            break
        if got and now - last > gap:
            gap, gap_at = now - last, last - began
        got, last = got + len(data), now
    print(json.dumps({'bytes': got, 'gap': gap, 'gap_at': gap_at, 'reset': reset}), flush=True)


def tcp_send(host, port, rate, seconds):
    """Sends at a rate in bytes a second, in writes of 1000."""
    connection = socket.create_connection((host, port), 5)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.settimeout(20)
    began, sent = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        due = int((time.monotonic() - began) * rate)
        while sent < due:
            connection.sendall(b'x' * 1000)
            sent += 1000
        time.sleep(0.001)
    connection.shutdown(socket.SHUT_WR)
    print(json.dumps({'sent': sent}), flush=True)


def udp_receive(port):
    """Counts until nothing has come for a while."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
    server.bind(('0.0.0.0', port))
    print('ready', flush=True)
    flows, gaps = {}, {}
    while True:
        try:
            data = server.recv(2048)
        except TimeoutError:
            break
        server.settimeout(PATIENCE)
        now = time.monotonic()
        flow, sequence = HEADER.unpack_from(data)
        state = flows.get(flow)
        if state is None:
            flows[flow] = state = {'seen': set(), 'top': -1, 'late': 0, 'twice': 0}
        else:
            gaps[flow] = max(gaps.get(flow, 0.0), now - state['at'])
        state['at'] = now
        if sequence in state['seen']:
            state['twice'] += 1
        elif sequence < state['top']:
            state['late'] += 1
        state['seen'].add(sequence)
        state['top'] = max(state['top'], sequence)
    print(json.dumps({
        'flows': len(flows), 'received': sum(len(f['seen']) for f in flows.values()),
        'out_of_order': sum(f['late'] for f in flows.values()),
        'duplicates': sum(f['twice'] for f in flows.values()),
        'gap': max(gaps.values(), default=0.0)}), flush=True)


def udp_send(host, port, flows, rate, seconds, size, *sizes):
    """Sends `rate` datagrams a second in all, by turns of the flows, each from a port of its own. Of
    several sizes, a flow's packets take turns; all go out whole, and may be cut up"""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(flows)]
    for each in sockets:
        each.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, PMTUDISC_INTERFACE)
        each.connect((host, port))
    bodies = [bytes(max(0, each - HEADER.size)) for each in (size, *sizes)]
    began, sent, dropped = time.monotonic(), 0, 0
    while time.monotonic() - began < seconds:
        due = int((time.monotonic() - began) * rate)
        while sent < due:
            flow = sent % flows
            try:
                sequence = sent // flows
                sockets[flow].send(
                    HEADER.pack(flow, sequence) + bodies[sequence % len(bodies)])
            except OSError:
                dropped += 1
            sent += 1
        time.sleep(0.0005)
    print(json.dumps({'sent': sent, 'refused': dropped}), flush=True)


@dataclass
class Tcp:
    """A connection's account. The gap is in seconds."""
    sent: int
    bytes: int
    gap: float
    gap_at: float
    reset: bool


@dataclass
class Udp:
    """The account of a counted stream. The gap is the longest of any flow, in seconds."""
    sent: int
    received: int
    out_of_order: int
    duplicates: int
    flows: int
    gap: float

    @property
    def lost(self):
        return self.sent - self.received


class Stream:
    """A stream from one host to another; `result` waits for its end."""

    def __init__(self, kind, source, sink, to, port, *args):
        self.kind = kind
        self.sink = sink.popen('/usr/bin/python3', __file__, f'{kind}_receive', port, stdout=-1)
        assert self.sink.stdout.readline() == 'ready\n'
        self.source = source.popen(
            '/usr/bin/python3', __file__, f'{kind}_send', to, port, *args, stdout=-1)

    def result(self):
        sent = json.loads(self.source.stdout.readline() or '{"sent": 0, "refused": 0}')
        got = json.loads(self.sink.stdout.readline())
        if self.kind == 'tcp':
            return Tcp(sent['sent'], **got)
        return Udp(sent['sent'] - sent['refused'], **got)


def main():
    kind, *words = sys.argv[1:]
    run = {'tcp_receive': tcp_receive, 'tcp_send': tcp_send, 'udp_receive': udp_receive,
           'udp_send': udp_send}[kind]
    run(*(float(w) if '.' in w and w.count('.') == 1 else int(w) if w.isdigit() else w
          for w in words))


if __name__ == '__main__':
    main()
