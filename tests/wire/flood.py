# SPDX-License-Identifier: BSD-3-Clause
"""Floods a gateway with initiations from many sources, a thousand at once, with a pause after
each thousand:

    flood.py DEVICE MAC FAMILY PUBLIC-KEY SECONDS valid|noise PAUSE-MS

`valid` ones have a right mac1, which is all that a sender without a key can make; `noise` has not.
Prints how many were sent."""
import base64
import hashlib
import os
import socket
import struct
import sys
import time

FRAMES = 1024


def checksum(data):
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


def frame(mac, family, key, good, n):
    body = b'\x01\0\0\0' + os.urandom(112)
    mac1 = hashlib.blake2s(body, key=key, digest_size=16).digest() if good else os.urandom(16)
    message = body + mac1 + bytes(16)
    ports = struct.pack('!HHH', 1024 + n, 51820, 8 + len(message))
    if family == 4:
        addresses = bytes([192, 0, 2, 100 + n % 100, 192, 0, 2, 1])
        head = struct.pack('!BBHHHBB', 0x45, 0, 28 + len(message), n, 0, 64, 17)
        head += struct.pack('!H', checksum(head + b'\0\0' + addresses)) + addresses
        udp = ports + b'\0\0'
    else:
        addresses = socket.inet_pton(10, f'2001:db8:9::{n + 256:x}') + \
            socket.inet_pton(10, '2001:db8:9::1')
        head = struct.pack('!IHBB', 6 << 28, 8 + len(message), 17, 64) + addresses
        udp = ports + struct.pack('!H', checksum(
            addresses + struct.pack('!II', 8 + len(message), 17) + ports + b'\0\0' + message))
    kind = b'\x08\x00' if family == 4 else b'\x86\xdd'
    return mac + bytes.fromhex('02000000aaaa') + kind + head + udp + message


def main():
    device, mac, family, public, seconds, what, pause = sys.argv[1:]
    key = hashlib.blake2s(b'mac1----' + base64.b64decode(public)).digest()
    frames = [frame(bytes.fromhex(mac.replace(':', '')), int(family), key, what == 'valid', n)
              for n in range(FRAMES)]
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    raw.bind((device, 0))
    end, sent = time.monotonic() + float(seconds), 0
    print('begin', flush=True)
    while time.monotonic() < end:
        for one in frames:
            try:
                raw.send(one)
                sent += 1
            except OSError:
                pass
        time.sleep(int(pause) / 1000)
    print(sent)


if __name__ == '__main__':
    main()
