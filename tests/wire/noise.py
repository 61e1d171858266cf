# SPDX-License-Identifier: BSD-3-Clause
"""A WireGuard peer of our own making, over Python's `cryptography`, `nacl` and `hashlib` and scapy's
WireGuard layers: it shares no code with the gateway, and does whatever a test wants, wrong things
too."""
import hashlib
import hmac
import os
import struct
import time

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from nacl.bindings import (crypto_aead_xchacha20poly1305_ietf_decrypt as xchacha_open,
                           crypto_aead_xchacha20poly1305_ietf_encrypt as xchacha_seal)
from scapy.contrib.wireguard import (Wireguard, WireguardCookieReply, WireguardInitiation,
                                     WireguardResponse, WireguardTransport)

INITIATION, RESPONSE, COOKIE_REPLY, TRANSPORT = 1, 2, 3, 4


def HASH(data):
    return hashlib.blake2s(data).digest()


def MAC(key, data):
    return hashlib.blake2s(data, key=key, digest_size=16).digest()


def HMAC(key, data):
    return hmac.new(key, data, lambda d=b'': hashlib.blake2s(d)).digest()


def KDF(n, key, data):
    secret = HMAC(key, data)
    outs, last = [], b''
    for i in range(1, n + 1):
        last = HMAC(secret, last + bytes([i]))
        outs.append(last)
    return outs


def AEAD(key, text, ad):
    return ChaCha20Poly1305(key).encrypt(bytes(12), text, ad)


def AEAD_open(key, sealed, ad):
    return ChaCha20Poly1305(key).decrypt(bytes(12), sealed, ad)


class Key:
    def __init__(self, raw=None):
        raw = bytearray(os.urandom(32) if raw is None else raw)
        raw[0] &= 248
        raw[31] = raw[31] & 127 | 64
        self.private = bytes(raw)
        self.x = X25519PrivateKey.from_private_bytes(self.private)
        self.public = self.x.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def dh(self, public):
        return self.x.exchange(X25519PublicKey.from_public_bytes(public))


def tai64n(seconds=None):
    seconds = time.time() if seconds is None else seconds
    return struct.pack('>QI', 0x400000000000000a + int(seconds), int(seconds % 1 * 1e9))


def kind(message):
    return message[0] if message else 0


class Session:
    def __init__(self, send, receive, local, remote):
        self.send_key, self.receive_key = ChaCha20Poly1305(send), ChaCha20Poly1305(receive)
        self.local, self.remote, self.counter = local, remote, 0

    def seal(self, inner=b'', counter=None, index=None):
        """A transport message; the counter goes on by itself."""
        if counter is None:
            counter, self.counter = self.counter, self.counter + 1
        inner += bytes(-len(inner) % 16)
        sealed = self.send_key.encrypt(bytes(4) + struct.pack('<Q', counter), inner, b'')
        return bytes(Wireguard(message_type=TRANSPORT) / WireguardTransport(
            receiver_index=self.remote if index is None else index, counter=counter,
            encrypted_encapsulated_packet=sealed))

    def open(self, message):
        """The counter and what was inside."""
        transport = Wireguard(message)[WireguardTransport]
        assert transport.receiver_index == self.local
        return transport.counter, self.receive_key.decrypt(
            bytes(4) + struct.pack('<Q', transport.counter),
            transport.encrypted_encapsulated_packet, b'')


class NoisePeer:
    """Our side of handshakes with one other."""

    def __init__(self, key, other, psk=bytes(32)):
        self.key, self.other, self.psk = key, other, psk
        self.cookie = None
        self.last_mac1 = None

    def macs(self, message):
        """Fills in mac1, and mac2 if there is a cookie."""
        message = bytes(message)[:-32]
        self.last_mac1 = MAC(HASH(b'mac1----' + self.other), message)
        message += self.last_mac1
        return message + (MAC(self.cookie, message) if self.cookie else bytes(16))

    def initiation(self, stamp=None, index=None):
        self.ephemeral = Key()
        self.index = int.from_bytes(os.urandom(4), 'little') if index is None else index
        ck = HASH(b'Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s')
        h = HASH(HASH(ck + b'WireGuard v1 zx2c4 Jason@zx2c4.com') + self.other)
        ck, = KDF(1, ck, self.ephemeral.public)
        h = HASH(h + self.ephemeral.public)
        ck, key = KDF(2, ck, self.ephemeral.dh(self.other))
        static = AEAD(key, self.key.public, h)
        h = HASH(h + static)
        ck, key = KDF(2, ck, self.key.dh(self.other))
        sealed = AEAD(key, tai64n() if stamp is None else stamp, h)
        self.ck, self.h = ck, HASH(h + sealed)
        return self.macs(Wireguard(message_type=INITIATION) / WireguardInitiation(
            sender_index=self.index, unencrypted_ephemeral=self.ephemeral.public,
            encrypted_static=static, encrypted_timestamp=sealed, mac1=bytes(16), mac2=bytes(16)))

    def finish(self, message):
        """Takes a response to our initiation; gives the session."""
        response = Wireguard(message)[WireguardResponse]
        assert response.receiver_index == self.index
        ephemeral = response.unencrypted_ephemeral
        ck, = KDF(1, self.ck, ephemeral)
        h = HASH(self.h + ephemeral)
        ck, = KDF(1, ck, self.ephemeral.dh(ephemeral))
        ck, = KDF(1, ck, self.key.dh(ephemeral))
        ck, tau, key = KDF(3, ck, self.psk)
        AEAD_open(key, response.encrypted_nothing, HASH(h + tau))
        send, receive = KDF(2, ck, b'')
        return Session(send, receive, self.index, response.sender_index)

    def respond(self, message):
        """Takes an initiation; gives the response and the session."""
        initiation = Wireguard(message)[WireguardInitiation]
        theirs = initiation.unencrypted_ephemeral
        ck = HASH(b'Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s')
        h = HASH(HASH(ck + b'WireGuard v1 zx2c4 Jason@zx2c4.com') + self.key.public)
        ck, = KDF(1, ck, theirs)
        h = HASH(h + theirs)
        ck, key = KDF(2, ck, self.key.dh(theirs))
        assert AEAD_open(key, initiation.encrypted_static, h) == self.other
        h = HASH(h + initiation.encrypted_static)
        ck, key = KDF(2, ck, self.key.dh(self.other))
        AEAD_open(key, initiation.encrypted_timestamp, h)
        h = HASH(h + initiation.encrypted_timestamp)
        ephemeral, index = Key(), int.from_bytes(os.urandom(4), 'little')
        ck, = KDF(1, ck, ephemeral.public)
        h = HASH(h + ephemeral.public)
        ck, = KDF(1, ck, ephemeral.dh(theirs))
        ck, = KDF(1, ck, ephemeral.dh(self.other))
        ck, tau, key = KDF(3, ck, self.psk)
        nothing = AEAD(key, b'', HASH(h + tau))
        receive, send = KDF(2, ck, b'')
        response = self.macs(Wireguard(message_type=RESPONSE) / WireguardResponse(
            sender_index=index, receiver_index=initiation.sender_index,
            unencrypted_ephemeral=ephemeral.public, encrypted_nothing=nothing, mac1=bytes(16),
            mac2=bytes(16)))
        return response, Session(send, receive, index, initiation.sender_index)

    def cookie_reply(self, message, cookie, ad=None):
        """A cookie for who sent us an initiation or response."""
        nonce = os.urandom(24)
        sealed = xchacha_seal(cookie, message[-32:-16] if ad is None else ad, nonce,
                              HASH(b'cookie--' + self.key.public))
        return bytes(Wireguard(message_type=COOKIE_REPLY) / WireguardCookieReply(
            receiver_index=int.from_bytes(message[4:8], 'little'), nonce=nonce,
            encrypted_cookie=sealed))

    def take_cookie(self, message):
        """Opens a cookie reply to what we sent last."""
        reply = Wireguard(message)[WireguardCookieReply]
        self.cookie = xchacha_open(reply.encrypted_cookie, self.last_mac1, reply.nonce,
                                   HASH(b'cookie--' + self.other))
        return reply.receiver_index
