# SPDX-License-Identifier: BSD-3-Clause
"""Many UDP flows whose packets are numbered, at full rate, and what became of their order.

    flows.py send FROM TO FLOWS SECONDS [BURST-MS PAUSE-MS]
    flows.py receive ADDRESS FLOWS

A flow is a source port; its packets have the sizes of SIZES in turn and bear flow and number. With a
burst and a pause all flows fall silent together from time to time. The sender prints how many
packets it sent; the receiver, asked to end by SIGTERM, prints as JSON how many came, how many late
(behind a later one of their flow), how many twice, and the first late ones: flow, number, and the
number before."""
import json
import resource
import signal
import socket
import struct
import sys
import time

PORT = 7200
FIRST = 20000
SIZES = (64, 1300, 200, 700, 90, 1000, 16)
HEADER = struct.Struct('!II')
# A socket's own queue must not lose what a gateway delivers; Python has no name for the option.
SO_RCVBUFFORCE = 33
BUFFER = 64 << 20


def send(source, to, flows, seconds, burst_ms=0, pause_ms=0):
    family = socket.AF_INET6 if ':' in to else socket.AF_INET
    sockets = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (flows + 100, flows + 100))
    for flow in range(flows):
        one = socket.socket(family, socket.SOCK_DGRAM)
        one.bind((source, FIRST + flow))
        one.connect((to, PORT))
        sockets.append(one)
    padding = [bytes(size - HEADER.size) for size in SIZES]
    number = sent = 0
    began = time.monotonic()
    end, burst_end = began + seconds, began + burst_ms / 1000
    while time.monotonic() < end:
        if burst_ms and time.monotonic() > burst_end:
            time.sleep(pause_ms / 1000)
            burst_end = time.monotonic() + burst_ms / 1000
        tail = padding[number % len(SIZES)]
        for flow, one in enumerate(sockets):
            try:
                one.send(HEADER.pack(flow, number) + tail)
                sent += 1
            except OSError:
                pass  # the device's queue is full
        number += 1
    print(sent)


def receive(address, flows):
    family = socket.AF_INET6 if ':' in address else socket.AF_INET
    one = socket.socket(family, socket.SOCK_DGRAM)
    one.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
    one.bind((address, PORT))
    last = [-1] * flows
    got = late = twice = 0
    where = []

    def end(*_):
        raise KeyboardInterrupt
    signal.signal(signal.SIGTERM, end)
    print('ready', flush=True)
    try:
        while True:
            flow, number = HEADER.unpack_from(one.recv(2048))
            got += 1
            if number > last[flow]:
                last[flow] = number
            elif number == last[flow]:
                twice += 1
            else:
                late += 1
                where.append((flow, number, last[flow]))
    except KeyboardInterrupt:
        print(json.dumps({'got': got, 'late': late, 'twice': twice,
                          'flows': sum(each >= 0 for each in last),
                          'where': where[:5]}))


if __name__ == '__main__':
    if sys.argv[1] == 'send':
        send(sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5]),
             *(int(each) for each in sys.argv[6:]))
    else:
        receive(sys.argv[2], int(sys.argv[3]))
