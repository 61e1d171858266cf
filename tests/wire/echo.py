# SPDX-License-Identifier: BSD-3-Clause
"""Echo requests whose answers are all waited for. Run as a program on the host that asks; it prints
how many were answered.

ping(8) waits for the last of several no longer than an interval, or two of the round trips it has
seen: on a machine that stands still for 30 ms it tells of losses that there were not.
"""
import os
import select
import socket
import struct
import sys
import time

HEADER = struct.Struct('!BBHHH')
REQUEST_4, ANSWER_4, REQUEST_6, ANSWER_6 = 8, 0, 128, 129
# Options of sockets, level and number; Python has no names for all of them.
ICMP_FILTER, ICMP6_FILTER = (255, 1), (socket.IPPROTO_ICMPV6, 1)
IP_MTU, IPV6_MTU = (socket.IPPROTO_IP, 10), (socket.IPPROTO_IPV6, 23)
TOS, TCLASS = (socket.IPPROTO_IP, socket.IP_TOS), (socket.IPPROTO_IPV6, socket.IPV6_TCLASS)
TTL, HOPS = (socket.IPPROTO_IP, socket.IP_TTL), (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS)
PMTU = {'dont': 0, 'want': 1, 'do': 2}


def checksum(data):
    data += b'\0' * (len(data) % 2)
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    total = (total >> 16) + (total & 0xffff)
    return 0xffff - ((total >> 16) + total & 0xffff)


class Echo:
    """Requests to an address, of either family."""

    def __init__(self, to, size, pmtu='want', tos=None, ttl=None, source=None, device=None):
        self.v6 = ':' in to
        self.to, self.id = to, os.getpid() & 0xffff
        self.payload = bytes(i & 0xff for i in range(int(size)))
        self.answered = set()
        self.socket = self.open6() if self.v6 else self.open4()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.setsockopt(*(IPV6_MTU if self.v6 else IP_MTU), PMTU[pmtu])
        for option, value in (((TCLASS if self.v6 else TOS), tos), ((HOPS if self.v6 else TTL), ttl)):
            if value is not None:
                self.socket.setsockopt(*option, int(value, 0))
        if source:
            self.socket.bind((source, 0))
        if device:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())

    @staticmethod
    def open4():
        one = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        # A bit for each type that is not wanted: all but the answer's.
        one.setsockopt(*ICMP_FILTER, struct.pack('=I', 0xfffffffe))
        return one

    @staticmethod
    def open6():
        one = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        blocked = [0xffffffff] * 8
        blocked[ANSWER_6 // 32] ^= 1 << ANSWER_6 % 32
        one.setsockopt(*ICMP6_FILTER, struct.pack('=8I', *blocked))
        return one

    def ask(self, sequence):
        request = [REQUEST_6 if self.v6 else REQUEST_4, 0, 0, self.id, sequence]
        if not self.v6:  # of ICMPv6, the kernel makes the checksum
            request[2] = checksum(HEADER.pack(*request) + self.payload)
        try:
            self.socket.sendto(HEADER.pack(*request) + self.payload, (self.to, 0))
        except OSError:
            pass  # no route, or too big: nobody will answer

    def listen(self, until, count):
        """Takes answers until a time, or until there are so many."""
        while len(self.answered) < count:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                return
            answer = self.socket.recv(1 << 16)
            if not self.v6:
                answer = answer[(answer[0] & 15) * 4:]
            kind, _, _, whose, sequence = HEADER.unpack_from(answer)
            if kind == (ANSWER_6 if self.v6 else ANSWER_4) and whose == self.id and \
                    answer[HEADER.size:] == self.payload:
                self.answered.add(sequence)


def main(to, count, interval, wait, **how):
    echo = Echo(to, **how)
    for sequence in range(int(count)):
        if sequence:
            echo.listen(time.monotonic() + float(interval), int(count))
        echo.ask(sequence)
    echo.listen(time.monotonic() + float(wait), int(count))
    print(len(echo.answered))


if __name__ == '__main__':
    # As words, KEY=VALUE: a library that reads options takes as long to load as all else here.
    main(**dict(word.split('=', 1) for word in sys.argv[1:]))
