# SPDX-License-Identifier: BSD-3-Clause
"""A gateway and a peer that is a test's own (noise.py), speaking from any address."""
import base64
import ctypes
import os
import socket
import time

from gateway import Gateway, keypair, tunnel
from net import wait_for
from noise import INITIATION, RESPONSE, TRANSPORT, Key, NoisePeer, kind

PORT, THEIR_PORT = 51820, 51821
US = {4: '192.0.2.1', 6: '2001:db8:9::1'}
THEM = {4: '192.0.2.9', 6: '2001:db8:9::9'}
ELSEWHERE = {4: '192.0.2.77', 6: '2001:db8:9::77'}


def udp_socket(host, family, address, port):
    """A UDP socket in another namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    own = os.open('/proc/self/ns/net', os.O_RDONLY)
    other = os.open(f'/var/run/netns/{host.name}', os.O_RDONLY)
    try:
        assert libc.setns(other, 0x40000000) == 0
        udp = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
        udp.bind((address, port))
    finally:
        libc.setns(own, 0x40000000)
        os.close(own)
        os.close(other)
    udp.settimeout(2)
    return udp


class Speaker:
    """`peer` is the other side of the gateway's only tunnel; `udp` its socket."""

    def __init__(self, net, family=4, endpoint=True, psk=None, keepalive=None, extra=()):
        self.family = family
        self.us, self.far = net.host('us'), net.host('far')
        net.cable(self.us, 'wan', self.far, 'eth0')
        self.far.address('eth0', '192.0.2.9/24', '192.0.2.77/24', '2001:db8:9::9/64',
                         '2001:db8:9::77/64')
        private, public = keypair()
        settings = {'AllowedIPs': '10.2.0.0/24, fd02::/64'}
        if psk:
            settings['PresharedKey'] = base64.b64encode(psk).decode()
        if keepalive:
            settings['PersistentKeepalive'] = keepalive
        if endpoint:
            settings['Endpoint'] = f'{THEM[4]}:{THEIR_PORT}' if family == 4 else \
                f'[{THEM[6]}]:{THEIR_PORT}'
        self.key = Key()
        self.public = base64.b64decode(public)
        self.peer = NoisePeer(self.key, self.public, psk or bytes(32))
        settings['PublicKey'] = base64.b64encode(self.key.public).decode()
        self.udp = self.socket(THEM[family], THEIR_PORT)
        self.gateway = Gateway(
            net, self.us, '[port wan0]\ndevice = kernel:wan\naddress = 192.0.2.1/24\n'
            'address = 2001:db8:9::1/64\n',
            {'wg0': tunnel(private, PORT, ['10.1.0.1/24', 'fd01::1/64'], [settings, *extra])})
        self.gateway.start()
        self.us.ip('route', 'replace', '10.2.0.0/24', 'dev', 'wg0')

    def socket(self, address, port):
        return udp_socket(self.far, self.family, address, port)

    def send(self, message, udp=None):
        (udp or self.udp).sendto(message, (US[self.family], PORT))

    def hear(self, *kinds, udp=None, seconds=3):
        """The next message of one of these kinds; None: there is none."""
        udp, end = udp or self.udp, time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            udp.settimeout(left)
            try:
                message = udp.recv(65535)
            except TimeoutError:
                break
            if not kinds or kind(message) in kinds:
                return message
        return None

    def drain(self):
        while self.hear(seconds=0.05):
            pass

    def initiate(self, udp=None):
        """Sends an initiation; more than 50 a second are refused."""
        time.sleep(0.03)
        self.send(self.peer.initiation(), udp)

    def connect(self, udp=None):
        """A handshake that we begin; the session is confirmed."""
        self.initiate(udp)
        session = self.peer.finish(self.hear(RESPONSE, udp=udp))
        self.send(session.seal(), udp)
        return session

    def answer(self, why='ping'):
        """Has the gateway begin one by a packet for us; gives our response and session."""
        self.us.popen('ping', '-n', '-q', '-c', '1', '-W', '5', '10.2.0.9', stdout=-3)
        return self.peer.respond(self.hear(INITIATION, seconds=8))

    def endpoint(self):
        return self.gateway.peer('wg0')['endpoint']

    def at(self, address, port=THEIR_PORT):
        """Waits until the gateway has us at this place."""
        want = f'{address}:{port}' if self.family == 4 else f'[{address}]:{port}'
        wait_for(lambda: self.endpoint() == want, 3, why=f'{self.endpoint()} is {want}')

    def info(self, name):
        return self.gateway.ask('info')[name]

    def drop(self, name):
        return self.gateway.ask('drops')[name]

    def ping_inside(self, session, udp=None, number=1):
        """An echo request for the gateway's own address; True if it is answered."""
        from scapy.all import ICMP, IP
        request = IP(src='10.2.0.9', dst='10.1.0.1') / ICMP(type=8, id=7, seq=number)
        self.send(session.seal(bytes(request)), udp)
        while (message := self.hear(TRANSPORT, udp=udp, seconds=1)) is not None:
            _, inner = session.open(message)
            if len(inner) > 28 and IP(inner)[ICMP].type == 0 and IP(inner)[ICMP].seq == number:
                return True
        return False
