# SPDX-License-Identifier: BSD-3-Clause
"""A hop that delays, reorders and duplicates IP packets: what the kernel routes into its TUN comes out
of it again, later. Run as a program; it reads a JSON object of settings a line: delay and jitter in
seconds, reorder and duplicate as shares."""
import fcntl
import heapq
import json
import os
import random
import select
import struct
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454ca, 1, 0x1000


def main():
    tun = os.open('/dev/net/tun', os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack('16sH', sys.argv[1].encode(), IFF_TUN | IFF_NO_PI))
    print('ready', flush=True)
    settings = {'delay': 0, 'jitter': 0, 'reorder': 0, 'duplicate': 0}
    waiting, number = [], 0
    while True:
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            os.write(tun, heapq.heappop(waiting)[2])
        timeout = max(0, waiting[0][0] - now) if waiting else None
        ready = select.select([tun, sys.stdin], [], [], timeout)[0]
        if sys.stdin in ready:
            line = sys.stdin.readline()
            if not line:
                return
            settings.update(json.loads(line))
        if tun not in ready:
            continue
        packet = os.read(tun, 2048)
        due = time.monotonic() + settings['delay'] + random.random() * settings['jitter']
        # One that is held back is overtaken by those behind it.
        if random.random() < settings['reorder']:
            due += 0.01
        for _ in range(1 + (random.random() < settings['duplicate'])):
            number += 1
            heapq.heappush(waiting, (due, number, packet))


if __name__ == '__main__':
    main()
