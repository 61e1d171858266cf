# SPDX-License-Identifier: BSD-3-Clause
"""What wg-quick(8) does for a tunnel, done by `wirebraid up`, `down` and `reload`."""
import base64
import os
import re
import stat
import subprocess
import threading
import time
from pathlib import Path

import pytest

from gateway import PROGRAM, Gateway, keypair, tunnel
from net import run, wait_for
from wggo import WireguardGo

PORT = ('[port net0]\ndevice = kernel:wan\naddress = 192.0.2.1/24\naddress = 2001:db8:9::1/64\n')


class Site:
    """A gateway without tunnels, and a far host on its link."""

    def __init__(self, net, tunnels=None):
        self.us, self.far = net.host('us'), net.host('far')
        net.cable(self.us, 'wan', self.far, 'eth0')
        self.far.address('eth0', '192.0.2.9/24')
        self.gateway = Gateway(net, self.us, PORT, tunnels or {}).start()

    def file(self, name, text, mode=0o600):
        path = self.gateway.directory / f'{name}.conf'
        path.write_text(text)
        path.chmod(mode)
        return path

    def order(self, *words, ok=True):
        """Gives an order; gives what it said."""
        done = subprocess.run(self.us.enter(PROGRAM, *words, '--name', self.gateway.name),
                              capture_output=True, text=True, check=False)
        assert done.returncode == (0 if ok else 1), done
        return done.stderr

    def links(self):
        return set(re.findall(r'^(\S+)', self.us.ip('-br', 'link', 'show', 'type', 'tun'), re.M))

    def peer(self, net, name='wgp', port=7001, us_port=7000, public=None, inner='10.9.0.9/24'):
        go = WireguardGo(net, self.far, name=name)
        if public:
            go.start(port, [inner], [{'PublicKey': public, 'AllowedIPs': '10.9.0.0/16',
                                      'Endpoint': f'192.0.2.1:{us_port}'}])
        return go


def test_up_and_down(net):
    """Addresses, MTU, routes, table, hooks in order with %i, DNS; and all is gone again."""
    s = Site(net)
    log = s.gateway.directory / 'hooks'
    hooks = ''.join(f'{kind} = echo {kind} %i $(ip -br addr show dev %i 2>&1 | wc -w) >> {log}\n'
                    for kind in ('PreUp', 'PostUp', 'PreDown', 'PostDown'))
    private, _ = keypair()
    peers = [{'PublicKey': keypair()[1], 'AllowedIPs': '10.50.0.0/16, fd50::/64'}]
    s.file('wg7', tunnel(private, 7000, ['10.9.0.1/24', 'fd09::1/64'], peers, mtu=1380,
                         extra='FwMark = 0x77\nPostUp = wg show %i fwmark\n' + hooks))
    said = s.order('up', 'wg7')
    assert '[#] wg show wg7 fwmark\n0x77\n' in said
    assert 'mtu 1380' in s.us.ip('link', 'show', 'wg7')
    assert '10.9.0.1/24' in s.us.ip('addr', 'show', 'wg7')
    assert 'dev wg7' in s.us.ip('route', 'show', '10.50.0.0/16')
    assert 'dev wg7' in s.us.ip('-6', 'route', 'show', 'fd50::/64')
    mode = os.stat(s.us.sockets / 'wg7.sock')
    assert stat.S_IMODE(mode.st_mode) == 0o600
    assert s.order('up', 'wg7', ok=False) == 'wirebraid: wg7 is up already\n'
    s.order('down', 'wg7')
    assert s.links() == {'net0'}
    assert s.us.ip('route', 'show', '10.50.0.0/16') == ''
    assert not (s.us.sockets / 'wg7.sock').exists()
    words = [line.split() for line in log.read_text().splitlines()]
    assert [w[0] for w in words] == ['PreUp', 'PostUp', 'PreDown', 'PostDown']
    assert all(w[1] == 'wg7' for w in words)
    # Before the addresses, with them, with them, and when the interface is gone.
    assert int(words[0][2]) < int(words[1][2]) == int(words[2][2])
    assert s.order('down', 'wg7', ok=False) == 'wirebraid: wg7 is not up\n'
    s.gateway.balanced()


def test_up_again_and_again(net):
    """A tunnel that comes and goes leaves nothing behind, and works each time."""
    private, public = keypair()
    s = Site(net)
    go = s.peer(net, public=public)
    s.file('wg0', tunnel(private, 7000, ['10.9.0.1/24'], [
        {'PublicKey': go.public, 'AllowedIPs': '10.9.0.0/24', 'Endpoint': '192.0.2.9:7001'}]))
    for _ in range(6):
        s.order('up', 'wg0')
        # The peer still has keys of before: it takes the new handshake.
        s.us.reaches('10.9.0.9')
        s.order('down', 'wg0')
    assert s.links() == {'net0'}
    s.gateway.balanced()
    stages = s.gateway.ask('lcore,0')['stages']
    assert all(stage.endswith('net0') for stage in stages), stages


def test_failed_hook_undoes(net):
    s = Site(net)
    text = tunnel(keypair()[0], 7000, ['10.9.0.1/24'], [
        {'PublicKey': keypair()[1], 'AllowedIPs': '10.50.0.0/16'}])
    s.file('wg1', text.replace('[Peer]', 'PostUp = echo no >&2; false\n[Peer]'))
    said = s.order('up', 'wg1', ok=False)
    assert "wirebraid: wg1: 'echo no >&2; false' ended with status 1\n" in said
    assert said.startswith('[#] echo no >&2; false\nno\n')
    assert s.links() == {'net0'} and s.us.ip('route', 'show', '10.50.0.0/16') == ''
    # Going down stops at a command that fails, as with wg-quick; the next time it may not.
    s.file('wg1', text.replace('[Peer]', f'PreDown = test -e {s.gateway.directory}/now\n[Peer]'))
    s.order('up', 'wg1')
    s.order('down', 'wg1', ok=False)
    assert 'wg1' in s.links()
    (s.gateway.directory / 'now').touch()
    s.order('down', 'wg1')
    assert s.links() == {'net0'}


def test_mistakes(net):
    s = Site(net, {'wg0': tunnel(keypair()[0], 7000)})
    path = s.file('wg1', tunnel(keypair()[0], 7000))
    assert s.order('up', 'wg1', ok=False) == \
        f'wirebraid: {path}:3: ListenPort 7000 is that of {path.with_name("wg0.conf")}:3, ' \
        'expected another\n'
    assert 'no file for wg9: neither' in s.order('up', 'wg9', ok=False)
    s.file('wg1', '[Interface]\nPrivateKey = x\n')
    assert f'{path}:2: PrivateKey is no key' in s.order('up', str(path), ok=False)
    s.file('wg1', tunnel(keypair()[0], mtu=9000))
    assert 'MTU 9000 does not fit into the buffers made at start' in s.order('up', 'wg1', ok=False)
    s.file('wg1', tunnel(keypair()[0], addresses=['10.9.0.1/24', 'fd09::1/64'], mtu=1200))
    assert 'MTU 1200 is too small for IPv6, expected at least 1280' in \
        s.order('up', 'wg1', ok=False)
    assert s.links() == {'net0', 'wg0'}
    for words in (['up'], ['down'], ['reload', 'x'], ['up', '--colour', 'wg0']):
        assert subprocess.run([PROGRAM, *words], capture_output=True, check=False).returncode == 2
    assert subprocess.run([PROGRAM, 'up', '--help'], capture_output=True, text=True,
                          check=True).stdout.startswith('usage: wirebraid up TUNNEL|FILE')


def test_save_config(net):
    """What wg(8) changed is in the file after the tunnel went down, and comes up again."""
    s = Site(net)
    private, _ = keypair()
    path = s.file('wg0', tunnel(private, 7000, ['10.9.0.1/24'], mtu=1400,
                                extra='SaveConfig = true\nPostUp = true %i\nDNS = 192.0.2.53\n'))
    assert 'DNS is not set: no resolvconf here' in s.order('up', 'wg0')
    public = keypair()[1]
    s.us.run('wg', 'set', 'wg0', 'listen-port', '7007', 'peer', public, 'allowed-ips',
             '10.50.0.0/16,fd50::/64', 'endpoint', '192.0.2.9:7001', 'persistent-keepalive', '7')
    before = s.us.run('wg', 'showconf', 'wg0')
    s.order('down', 'wg0')
    text = path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for line in ('Address = 10.9.0.1/24', 'MTU = 1400', 'SaveConfig = true', 'PostUp = true %i',
                 'DNS = 192.0.2.53', 'ListenPort = 7007', f'PublicKey = {public}',
                 'AllowedIPs = 10.50.0.0/16, fd50::/64', 'Endpoint = 192.0.2.9:7001',
                 'PersistentKeepalive = 7', f'PrivateKey = {private}'):
        assert line in text.splitlines(), (line, text)
    s.order('up', 'wg0')
    assert sorted(s.us.run('wg', 'showconf', 'wg0').splitlines()) == sorted(before.splitlines())
    assert 'dev wg0' in s.us.ip('route', 'show', '10.50.0.0/16')


def test_resolvconf(net):
    """DNS servers and search domains are handed to resolvconf(8), and taken back."""
    s = Site(net)
    log, program = s.gateway.directory / 'log of resolvconf', Path('/sbin/resolvconf')
    if program.exists():
        pytest.skip('this machine has a resolvconf of its own, which is left alone')
    try:
        program.write_text(f'#!/bin/sh\n(echo "$@"; [ "$1" = -d ] || cat) >> "{log}"\n')
        program.chmod(0o755)
        s.file('wg0', tunnel(keypair()[0], extra='DNS = 192.0.2.53, 2001:db8::53, lan, example.net'))
        s.order('up', 'wg0')
        s.order('down', 'wg0')
        assert log.read_text() == ('-a wg0 -m 0 -x\nnameserver 192.0.2.53\nnameserver '
                                   '2001:db8::53\nsearch lan example.net\n-d wg0 -f\n')
    finally:
        program.unlink()


def test_key_by_post_up(net):
    """No private key in the file: PostUp sets it, from where it is kept."""
    s = Site(net)
    private, public = keypair()
    key = s.gateway.directory / 'key'
    key.write_text(private + '\n')
    s.file('wg0', f'[Interface]\nListenPort = 7000\nPostUp = wg set %i private-key {key}\n')
    s.order('up', 'wg0')
    assert s.us.run('wg', 'show', 'wg0', 'public-key').strip() == public


class Stream:
    """Pings through a tunnel, counted, while something is done."""

    def __init__(self, host, to, every=0.01):
        self.process = host.popen('ping', '-n', '-i', every, '-W', 2, to, stdout=subprocess.PIPE)
        time.sleep(0.3)

    def lost(self):
        """Those that were not answered before the last answer."""
        time.sleep(0.3)
        self.process.send_signal(2)
        out = self.process.communicate(timeout=10)[0]
        got = {int(n) for n in re.findall(r'icmp_seq=(\d+) ttl', out)}
        assert len(got) > 20, out
        return max(got) - len(got)


def test_reload(net):
    """The files' difference is applied; tunnels and peers that did not change lose no packet."""
    keys = [keypair() for _ in range(3)]
    s = Site(net)
    gos = [s.peer(net, port=7001 + n, us_port=7100 + n, public=keys[n][1], inner=f'10.9.{n}.9/24')
           for n in range(2)]
    def text(n, extra=(), **settings):
        go = gos[n] if n < 2 else None
        peers = [{'PublicKey': go.public, 'AllowedIPs': f'10.9.{n}.0/24',
                  'Endpoint': f'192.0.2.9:{7001 + n}'}] if go else []
        return tunnel(keys[n][0], 7100 + n, [f'10.9.{n}.1/24'], peers + list(extra), **settings)
    s.gateway.write({'wg0': text(0), 'wg1': text(1)})
    s.order('reload')
    assert s.links() == {'net0', 'wg0', 'wg1'}
    s.us.reaches('10.9.0.9')
    s.us.reaches('10.9.1.9')

    quiet, changed = Stream(s.us, '10.9.0.9'), Stream(s.us, '10.9.1.9')
    # wg1 gets a peer, an address and a mark; wg2 comes.
    other = {'PublicKey': keypair()[1], 'AllowedIPs': '10.66.0.0/16', 'PersistentKeepalive': 9}
    s.gateway.write({'wg0': text(0), 'wg2': text(2), 'wg1': text(1, [other]).replace(
        'Address = ', 'FwMark = 5\nAddress = 10.8.8.8/32, ')})
    s.order('reload')
    assert s.us.run('wg', 'show', 'wg1', 'fwmark').strip() == '0x5'
    assert '10.66.0.0/16' in s.us.run('wg', 'show', 'wg1', 'allowed-ips')
    assert '10.8.8.8/32' in s.us.ip('addr', 'show', 'wg1')
    assert 'dev wg1' in s.us.ip('route', 'show', '10.66.0.0/16')
    # wg2 goes, the peer goes, and the port of wg1 becomes wg2's.
    s.gateway.write({'wg0': text(0), 'wg1': text(1)})
    s.order('reload')
    assert s.links() == {'net0', 'wg0', 'wg1'}
    assert '10.8.8.8' not in s.us.ip('addr', 'show', 'wg1')
    assert s.us.ip('route', 'show', '10.66.0.0/16') == ''
    assert [quiet.lost(), changed.lost()] == [0, 0]
    # By a signal as well.
    s.gateway.write({'wg0': text(0)})
    run('pkill', '-HUP', '-f', f'wirebraid run {s.gateway.config}')
    wait_for(lambda: s.links() == {'net0', 'wg0'}, 5, why='SIGHUP reloads')
    s.gateway.balanced()


def test_wg_on_one_tunnel_leaves_others_alone(net):
    """set, setconf, addconf and syncconf, of two thousand peers too: streams through another tunnel,
    and through a peer that stays, lose nothing."""
    keys = [keypair() for _ in range(2)]
    s = Site(net)
    gos = [s.peer(net, port=7001 + n, us_port=7100 + n, public=keys[n][1], inner=f'10.9.{n}.9/24')
           for n in range(2)]
    texts = [f'[Interface]\nPrivateKey = {keys[n][0]}\nListenPort = {7100 + n}\n[Peer]\n'
             f'PublicKey = {gos[n].public}\nAllowedIPs = 10.9.{n}.0/24\n'
             f'Endpoint = 192.0.2.9:{7001 + n}\n' for n in range(2)]
    s.gateway.write({f'wg{n}': text.replace('[Peer]', f'Address = 10.9.{n}.1/24\n[Peer]')
                     for n, text in enumerate(texts)})
    s.order('reload')
    s.us.reaches('10.9.0.9')
    s.us.reaches('10.9.1.9')
    many = ''.join(f'[Peer]\nPublicKey = {base64.b64encode(os.urandom(32)).decode()}\n'
                   f'AllowedIPs = 10.{100 + n // 250}.{n % 250}.0/24\n' for n in range(2000))
    path = s.gateway.directory / 'wg'
    quiet, stays = Stream(s.us, '10.9.0.9'), Stream(s.us, '10.9.1.9')
    for command, text in (('addconf', many), ('syncconf', texts[1]), ('addconf', many)):
        path.write_text(text)
        s.us.run('wg', command, 'wg1', path)
    assert len(s.us.run('wg', 'show', 'wg1', 'peers').split()) == 2001
    assert [quiet.lost(), stays.lost()] == [0, 0]
    quiet = Stream(s.us, '10.9.0.9')
    path.write_text(texts[1])
    s.us.run('wg', 'setconf', 'wg1', path)
    s.us.run('wg', 'set', 'wg1', 'listen-port', '7300', 'fwmark', '9')
    s.us.reaches('10.9.1.9')
    assert quiet.lost() == 0
    s.gateway.balanced()


def test_reload_changes_addresses_of_ports(net):
    """New addresses and another default router, while a ping goes on."""
    s = Site(net)
    s.us.reaches('192.0.2.9')
    s.far.address('eth0', '198.51.100.9/24')
    stream = Stream(s.us, '192.0.2.9')
    s.gateway.sections = PORT + 'address = 198.51.100.1/24\ngateway = 198.51.100.9\n'
    s.gateway.write({})
    s.order('reload')
    s.us.reaches('198.51.100.9')
    assert 'via 198.51.100.9 dev net0' in s.us.ip('route', 'show', 'default')
    s.gateway.sections = PORT.replace('address = 2001:db8:9::1/64\n', '')
    s.gateway.write({})
    s.order('reload')
    addresses = s.us.ip('addr', 'show', 'net0')
    assert '192.0.2.1/24' in addresses
    assert '198.51.100.1' not in addresses and '2001:db8:9::1' not in addresses
    assert s.us.ip('route', 'show', 'default') == ''
    assert stream.lost() == 0


def test_reload_swaps_ports(net):
    keys = [keypair()[0] for _ in range(2)]
    s = Site(net)
    s.gateway.write({'wg0': tunnel(keys[0], 7000), 'wg1': tunnel(keys[1], 7001)})
    s.order('reload')
    s.gateway.write({'wg0': tunnel(keys[0], 7001), 'wg1': tunnel(keys[1], 7000)})
    s.order('reload')
    assert s.us.run('wg', 'show', 'all', 'listen-port').split() == ['wg0', '7001', 'wg1', '7000']


@pytest.mark.parametrize('mistake', ['file', 'port', 'hook', 'bond'])
def test_reload_with_a_mistake(net, mistake):
    """Whatever is wrong, and wherever: all stays, or becomes again, as it was; nothing is lost."""
    keys = [keypair() for _ in range(3)]
    s = Site(net)
    go = s.peer(net, public=keys[0][1], us_port=7100)
    good = {'wg0': tunnel(keys[0][0], 7100, ['10.9.0.1/24'], [
        {'PublicKey': go.public, 'AllowedIPs': '10.9.0.0/24', 'Endpoint': '192.0.2.9:7001'}]),
        'wg1': tunnel(keys[1][0], 7200, ['10.8.1.1/24'])}
    s.gateway.write(good)
    s.order('reload')
    s.us.reaches('10.9.0.9')
    before = s.us.run('wg', 'showconf', 'wg1'), s.us.ip('-br', 'addr'), s.us.ip('route')
    stream = Stream(s.us, '10.9.0.9')
    wg1, sections = good['wg1'].replace('7200', '7300').replace('10.8.1.1', '10.8.1.2'), PORT
    if mistake == 'file':
        wg1 += 'Colour = red\n'
    elif mistake == 'port':
        wg1 = wg1.replace('7300', '7100')
    elif mistake == 'hook':
        wg1, good['wg2'] = wg1, tunnel(keys[2][0], extra='PreUp = false')
    else:
        sections = PORT.replace('[port net0]', '[port net0]\nmtu = 1400')
    s.gateway.sections = sections
    s.gateway.write({**good, 'wg1': wg1})
    said = s.order('reload', ok=False)
    assert {'file': "wg1.conf:6: 'Colour'", 'port': 'ListenPort 7100 is that of',
            'hook': "wg2: 'false' ended with status 1",
            'bond': 'mtu of port net0 cannot change without a restart'}[mistake] in said, said
    assert stream.lost() == 0
    assert (s.us.run('wg', 'showconf', 'wg1'), s.us.ip('-br', 'addr'), s.us.ip('route')) == before
    assert s.links() == {'net0', 'wg0', 'wg1'}


def test_host_names(net):
    """An endpoint's name is asked for again when nobody answers, while traffic of others goes on."""
    private, public = keypair()
    hosts = '/etc/netns/{}/hosts'
    s = Site(net)
    place = hosts.format(s.us.name)
    os.makedirs(os.path.dirname(place))
    net.closers.append(lambda: run('rm', '-rf', os.path.dirname(place)))
    with open(place, 'w', encoding='ascii') as file:
        file.write('192.0.2.66 peer.test\n')
    s.gateway.stop()
    s.gateway.start()
    go = s.peer(net, public=public)
    go.wg('set', go.name, 'peer', public, 'remove')
    s.file('wg0', tunnel(private, 7000, ['10.9.0.1/24'], [
        {'PublicKey': go.public, 'AllowedIPs': '10.9.0.0/24', 'Endpoint': 'peer.test:7001'},
        {'PublicKey': keypair()[1], 'AllowedIPs': '10.8.0.0/24', 'Endpoint': 'nowhere.test:1'}]))
    said = s.order('up', 'wg0')
    assert "host 'nowhere.test' is not found" in said
    assert '192.0.2.66:7001' in s.us.run('wg', 'show', 'wg0', 'endpoints')
    assert s.us.ping('10.9.0.9', count=1, check=False) == 0
    go.wg('set', go.name, 'peer', public, 'allowed-ips', '10.9.0.0/16')
    with open(place, 'w', encoding='ascii') as file:
        file.write('192.0.2.9 peer.test\n192.0.2.9 nowhere.test\n')
    wait_for(lambda: s.us.ping('10.9.0.9', count=1, check=False), 20, why='the new place is found')
    assert '192.0.2.9:7001' in s.us.run('wg', 'show', 'wg0', 'endpoints')
    s.us.ping('10.8.0.1', count=1, check=False)
    wait_for(lambda: '192.0.2.9:1' in s.us.run('wg', 'show', 'wg0', 'endpoints'), 15,
             why='a name that was unknown is found')


def test_stop_runs_hooks(net):
    """At the end all tunnels go down as by `down`; a second signal does not wait for commands."""
    s = Site(net, {'wg0': tunnel(keypair()[0], extra='PreDown = echo a >> %i.log\n'
                                                     'PostDown = echo b >> %i.log')})
    cwd = os.getcwd()
    assert s.gateway.stop() == 0
    log = os.path.join(cwd, 'wg0.log')
    with open(log, encoding='ascii') as file:
        assert file.read() == 'a\nb\n'
    os.unlink(log)
    s.gateway.write({'wg0': tunnel(keypair()[0], extra='PreDown = sleep 60')})
    s.gateway.start()
    pattern = f'wirebraid run {s.gateway.config}'
    run('pkill', '-TERM', '-f', pattern)
    time.sleep(0.5)
    assert s.gateway.process.poll() is None
    began = time.monotonic()
    run('pkill', '-TERM', '-f', pattern)
    assert s.gateway.process.wait(5) == 0 and time.monotonic() - began < 2


def test_wg_and_reload_at_once(net):
    """Orders, wg(8) and telemetry from several sides: each sees a whole state."""
    s = Site(net, {'wg0': tunnel(keypair()[0], 7000)})
    publics = [keypair()[1] for _ in range(8)]
    failures = []

    def hammer(n):
        try:
            for _ in range(15):
                s.us.run('wg', 'set', 'wg0', 'peer', publics[n], 'allowed-ips', f'10.{n}.0.0/16')
                assert publics[n] in s.us.run('wg', 'show', 'wg0')
                s.us.run('wg', 'set', 'wg0', 'peer', publics[n], 'remove')
        except AssertionError as failure:
            failures.append(failure)
    threads = [threading.Thread(target=hammer, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        s.gateway.ask('tunnel,wg0')
    for thread in threads:
        thread.join()
    assert not failures, failures[0]
    s.order('reload')
    assert s.us.run('wg', 'show', 'wg0', 'peers') == ''
    s.gateway.balanced()
