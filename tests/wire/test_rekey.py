# SPDX-License-Identifier: BSD-3-Clause
"""Keys are renewed under traffic, and not a packet is lost; we as initiator, and they."""
import time

from remote import Remote

SECONDS = 140  # a key is renewed after 120
EVERY = 0.2


class Rekey:
    """Started with the session (conftest.py), so that the other tests fill the time."""

    def __init__(self, net):
        self.remotes = {'we': Remote(net, 4, they_know=False),
                        'they': Remote(net, 6, we_know=False)}
        self.remotes['we'].lan.reaches('10.9.0.9')
        self.remotes['they'].far.reaches('10.1.0.2')
        self.first = {who: r.peer.handshake() for who, r in self.remotes.items()}
        self.pings = {who: r.lan.popen('ping', '-n', '-q', '-i', EVERY, '-W', 3, '-c',
                                       int(SECONDS / EVERY), '10.9.0.9', stdout=-1)
                      for who, r in self.remotes.items()}


def test_rekey_under_traffic(rekey):
    for who, ping in rekey.pings.items():
        out = ping.communicate(timeout=SECONDS + 30)[0]
        remote = rekey.remotes[who]
        assert f'{int(SECONDS / EVERY)} received' in out, (who, out)
        # The peer has a new session, and so have we, both well before the old one died.
        assert remote.peer.handshake() - rekey.first[who] in range(115, 140), who
        ago = remote.gateway.peer('wg0')['latest_handshake_s_ago']
        assert ago >= 0 and time.time() - ago > rekey.first[who] + 100, (who, ago)
        remote.gateway.balanced()
