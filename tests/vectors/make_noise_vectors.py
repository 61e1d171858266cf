#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Makes lib/noise/handshake_vectors.h: WireGuard handshakes and cookies computed by Python's
`cryptography`, `nacl` and `hashlib`, which share no code with the gateway.

    tests/vectors/make_noise_vectors.py > lib/noise/handshake_vectors.h
"""
import random
import struct
import sys
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt as xchacha_seal

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'wire'))
from noise import AEAD, HASH, KDF, MAC, Key as AnyKey  # noqa: E402

rng = random.Random(20261120)


def Key():
    return AnyKey(rng.randbytes(32))


def macs(message, public, cookie):
    message += MAC(HASH(b'mac1----' + public), message)
    return message + (MAC(cookie, message) if cookie else bytes(16))


def timestamp(seconds, nanoseconds):
    coarse = nanoseconds - nanoseconds % 20_000_000
    return struct.pack('>QI', 0x400000000000000a + seconds, coarse)


def handshake(psk, with_cookie):
    si, sr, ei, er = Key(), Key(), Key(), Key()
    index_i, index_r = rng.getrandbits(32), rng.getrandbits(32)
    seconds, nanoseconds = 1_700_000_000 + rng.getrandbits(20), rng.randrange(10**9)
    cookie = rng.randbytes(16) if with_cookie else None

    ck = HASH(b'Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s')
    h = HASH(ck + b'WireGuard v1 zx2c4 Jason@zx2c4.com')
    h = HASH(h + sr.public)
    # initiation
    ck, = KDF(1, ck, ei.public)
    h = HASH(h + ei.public)
    ck, key = KDF(2, ck, ei.dh(sr.public))
    static = AEAD(key, si.public, h)
    h = HASH(h + static)
    ck, key = KDF(2, ck, si.dh(sr.public))
    stamp = AEAD(key, timestamp(seconds, nanoseconds), h)
    h = HASH(h + stamp)
    initiation = macs(struct.pack('<II', 1, index_i) + ei.public + static + stamp, sr.public,
                      cookie)
    # response
    ck, = KDF(1, ck, er.public)
    h = HASH(h + er.public)
    ck, = KDF(1, ck, er.dh(ei.public))
    # The gateway's MixKey derives a cipher key too; the chaining key is the same.
    ck, = KDF(1, ck, er.dh(si.public))
    ck, tau, key = KDF(3, ck, psk)
    h = HASH(h + tau)
    empty = AEAD(key, b'', h)
    response = macs(struct.pack('<III', 2, index_r, index_i) + er.public + empty, si.public, None)
    send, receive = KDF(2, ck, b'')
    # a cookie reply to this initiation
    nonce, sealed_cookie = rng.randbytes(24), rng.randbytes(16)
    mac1 = initiation[-32:-16]
    reply = struct.pack('<II', 3, index_i) + nonce + xchacha_seal(
        sealed_cookie, mac1, nonce, HASH(b'cookie--' + sr.public))
    return [
        ('initiator', si.private), ('responder', sr.private), ('psk', psk),
        ('initiator_ephemeral', ei.private), ('responder_ephemeral', er.private),
        ('initiation', initiation), ('response', response),
        ('initiator_sends', send), ('initiator_receives', receive),
        ('cookie', cookie or bytes(16)), ('cookie_reply', reply),
        ('replied_cookie', sealed_cookie),
    ], index_i, index_r, seconds, nanoseconds, with_cookie


def c_bytes(data):
    return '{' + ', '.join(f'0x{b:02x}' for b in data) + '}'


def main():
    print('/* SPDX-License-Identifier: BSD-3-Clause */')
    print('/* Made by tests/vectors/make_noise_vectors.py: do not edit. clang-format off */')
    print('#ifndef WB_NOISE_HANDSHAKE_VECTORS_H\n#define WB_NOISE_HANDSHAKE_VECTORS_H\n')
    print('#include <stdbool.h>\n#include <stdint.h>\n')
    print('struct handshake_vector {')
    vectors = [handshake(bytes(32) if i % 2 == 0 else rng.randbytes(32), i >= 2)
               for i in range(4)]
    for name, data in vectors[0][0]:
        print(f'\tuint8_t {name}[{len(data)}];')
    print('\tuint32_t initiator_index;\n\tuint32_t responder_index;')
    print('\tint64_t seconds;\n\tlong nanoseconds;\n\tbool with_cookie;\n};\n')
    print('static const struct handshake_vector vectors[] = {')
    for fields, index_i, index_r, seconds, nanoseconds, with_cookie in vectors:
        print('\t{')
        for name, data in fields:
            print(f'\t\t.{name} = {c_bytes(data)},')
        print(f'\t\t.initiator_index = {index_i}u,\n\t\t.responder_index = {index_r}u,')
        print(f'\t\t.seconds = {seconds},\n\t\t.nanoseconds = {nanoseconds},')
        print(f'\t\t.with_cookie = {str(with_cookie).lower()},\n\t}},')
    print('};\n\n#endif')


if __name__ == '__main__':
    # Raw private bytes are what the C side is fed: make sure the library agrees on them.
    probe = Key()
    assert probe.x.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()) == probe.private
    main()
