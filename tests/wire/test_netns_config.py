# SPDX-License-Identifier: BSD-3-Clause
"""What wg(8) tells a tunnel, and what it hears back: keys, files, many peers, many prefixes."""
import configparser
import ipaddress

import pytest

from gateway import keypair, psk
from net import run
from node import Node, each_kind, hexed


@pytest.fixture
def node(net, kind):
    one = Node(net, kind, 'a', memory=256)
    net.cable(one.host, one.port(), net.host('far'), 'eth0')
    return one.start()


def interface(private=None, **settings):
    lines = ['[Interface]'] + ([f'PrivateKey = {private}'] if private else [])
    return '\n'.join(lines + [f'{key} = {value}' for key, value in settings.items()]) + '\n'


def peer(public, *allowed, **settings):
    lines = ['[Peer]', f'PublicKey = {public}', *(f'AllowedIPs = {one}' for one in allowed)]
    return '\n'.join(lines + [f'{key} = {value}' for key, value in settings.items()]) + '\n'


def publics(n):
    return [keypair()[1] for _ in range(n)]


@each_kind
def test_a_hundred_thousand_allowed_ips(node):
    """On one peer, and back."""
    low = ['', *(f'{b:x}' for b in range(1, 256))]
    prefixes = [f'{a}.{b}.0.0/16,{a:x}::{low[b]}/128' for a in range(1, 256) for b in range(256)]
    public, = publics(1)
    node.load('setconf', interface(keypair()[0]) + peer(public, *prefixes))
    got = node.show('allowed-ips')[public]
    assert len(got) == 255 * 256 * 2
    assert set(got) == {prefix for both in prefixes for prefix in both.split(',')}
    node.set('peer', public, 'allowed-ips', '10.0.0.0/8')
    assert node.show('allowed-ips') == {public: ['10.0.0.0/8']}
    assert node.alive()


@each_kind
def test_forty_peers_of_fifty_two(node):
    keys = publics(40)
    node.load('setconf', interface(keypair()[0]) + ''.join(
        peer(key, *(f'{a}.{b}.0.0/16' for b in range(1, 53))) for a, key in enumerate(keys, 1)))
    got = node.show('allowed-ips')
    assert set(got) == set(keys)
    for a, key in enumerate(keys, 1):
        assert sorted(got[key]) == sorted(f'{a}.{b}.0.0/16' for b in range(1, 53))


@each_kind
def test_thirty_peers(node):
    """None of them but the last has an allowed IP; showconf gives what setconf takes."""
    keys = publics(30)
    node.load('setconf', ''.join(peer(key) for key in keys[:-1]) +
              peer(keys[-1], '255.2.3.4/32,abcd::255/128'))
    text = node.wg('showconf', 'wg0')
    assert text.count('[Peer]') == 30 and 'AllowedIPs = 255.2.3.4/32, abcd::255/128' in text
    assert set(node.show('peers')) == set(keys)
    node.load('setconf', text)

    def parts(text):
        return sorted(part.strip() for part in text.split('\n\n'))
    assert parts(node.wg('showconf', 'wg0')) == parts(text)


@each_kind
def test_two_hundred_allowed_ips_behind_a_peer_without(node):
    first, second = publics(2)
    prefixes = [f'abcd::{n}' for n in range(1, 198)]
    node.set('peer', first)
    node.set('peer', second, 'allowed-ips', ','.join(prefixes))
    got = node.show('allowed-ips')
    assert got[first] == ['(none)']
    assert sorted(got[second]) == sorted(f'{prefix}/128' for prefix in prefixes)


@each_kind
def test_tunnels_by_name(node):
    with pytest.raises(AssertionError, match='doesnotexist'):
        node.wg('show', 'doesnotexist')
    assert node.wg('show', 'interfaces').split() == ['wg0']
    assert 'interface: wg0' in node.wg()


@each_kind
def test_keys_come_and_go(node):
    private, public = keypair()
    _, other = keypair()
    shared = psk()
    node.set('private-key', node.secret(private), 'peer', other, 'preshared-key',
             node.secret(shared))
    assert node.value('private-key') == private
    assert node.value('public-key') == public
    assert node.show('preshared-keys') == {other: [shared]}
    node.set('private-key', '/dev/null', 'peer', other, 'preshared-key', '/dev/null')
    assert node.value('private-key') == '(none)'
    assert node.show('preshared-keys') == {other: ['(none)']}


@each_kind
def test_own_key_is_no_peer(node):
    """A peer with our own key goes when the key comes, and is not taken while it is here."""
    private, public = keypair()
    another = keypair()[0]
    node.set('private-key', '/dev/null')
    node.set('peer', public)
    assert list(node.show('peers')) == [public]
    node.set('private-key', node.secret(private))
    assert node.value('public-key') == public and node.show('peers') == {}
    node.set('peer', public, 'allowed-ips', '10.0.0.0/8')
    assert node.show('peers') == {}
    node.set('private-key', node.secret(another))
    node.set('peer', public)
    assert list(node.show('peers')) == [public]


@each_kind
def test_private_key_is_clamped(node):
    """Bits that X25519 ignores are not given back as they came."""
    private, _ = keypair()
    node.set('private-key', node.secret('/' + private[1:]))
    assert node.value('private-key') == '+' + private[1:]
    expected = run('wg', 'pubkey', input='/' + private[1:]).strip()
    assert node.value('public-key') == expected


@each_kind
def test_allowed_ips_in_many_forms(node):
    """Host bits are cut off, lengths may be left out, all of a peer's are replaced by each list."""
    public, = publics(1)
    for given, kept in (
            ('0.0.0.0/0,10.0.0.0/8,100.0.0.0/10,172.16.0.0/12,192.168.0.0/16', None),
            ('0.0.0.0/0', None),
            ('::/0,1700::/111,5000::/4,e000::/37,9000::/75', None),
            ('::/0', None),
            ('10.9.8.7', '10.9.8.7/32'),
            ('fd00::7', 'fd00::7/128'),
            ('10.5.5.93/27,10.5.5.95/27', '10.5.5.64/27'),
            ('fd12:3456:789a:bcde:f012:3456:789a:bcde/83', 'fd12:3456:789a:bcde:f012:2000::/83'),
            ('fd12:3456::/21', 'fd12:3000::/21'),
            ('10.1.0.20/29,fd00::1/128,10.0.0.0/32', '10.1.0.16/29,fd00::1/128,10.0.0.0/32'),
            ('', '(none)')):
        node.set('peer', public, 'allowed-ips', given)
        assert sorted(node.show('allowed-ips')[public]) == sorted((kept or given).split(','))
    # Each bit of an IPv6 address in turn: as deep as a tree of them gets.
    deep = [str(ipaddress.IPv6Address((1 << 128) - 1 - (1 << n))) + '/128' for n in range(128)]
    node.set('peer', public, 'allowed-ips', ','.join(deep))
    assert sorted(node.show('allowed-ips')[public]) == sorted(deep)
    node.set('peer', public, 'remove')
    assert node.show('peers') == {}


@each_kind
def test_settings_in_many_forms(node):
    public, = publics(1)
    node.set('listen-port', 12345, 'fwmark', '0x20', 'peer', public, 'endpoint',
             '[2001:db8::1]:65535', 'persistent-keepalive', 65535)
    assert (node.value('listen-port'), node.value('fwmark')) == ('12345', '0x20')
    assert node.endpoint(public) == '[2001:db8::1]:65535'
    assert node.show('persistent-keepalive')[public] == ['65535']
    node.set('fwmark', 0, 'peer', public, 'persistent-keepalive', 'off', 'endpoint',
             'localhost:1')
    assert node.value('fwmark') == 'off'
    assert node.show('persistent-keepalive')[public] == ['off']
    assert node.endpoint(public) in ('127.0.0.1:1', '[::1]:1')
    node.set('listen-port', 0)
    assert int(node.value('listen-port')) > 0
    fields = [line.split('\t') for line in node.wg('show', 'wg0', 'dump').splitlines()]
    assert [len(line) for line in fields] == [4, 8]


@each_kind
def test_files_there_and_back(node):
    """setconf replaces everything, addconf adds, syncconf leaves what has not changed alone."""
    private, _ = keypair()
    first, second, third = publics(3)
    shared = psk()
    full = (interface(private, ListenPort=4000, FwMark='0x2a') + '\n' +
            peer(first, '10.1.0.0/16, fd01::/64', PresharedKey=shared, Endpoint='192.0.2.9:1',
                 PersistentKeepalive=25) + '\n' + peer(second, '10.2.0.0/16'))

    def conf():
        sections = {}
        for part in node.wg('showconf', 'wg0').strip().split('\n\n'):
            parsed = configparser.ConfigParser()
            parsed.optionxform = str
            parsed.read_string(part)
            name, = parsed.sections()
            sections[parsed[name].get('PublicKey', name)] = dict(parsed[name])
        return sections
    node.load('setconf', full)
    before = conf()
    assert before['Interface'] == {'ListenPort': '4000', 'FwMark': '0x2a', 'PrivateKey': private}
    assert before[first] == {
        'PublicKey': first, 'PresharedKey': shared, 'AllowedIPs': '10.1.0.0/16, fd01::/64',
        'Endpoint': '192.0.2.9:1', 'PersistentKeepalive': '25'}
    assert before[second] == {'PublicKey': second, 'AllowedIPs': '10.2.0.0/16'}
    node.load('setconf', node.wg('showconf', 'wg0'))
    assert conf() == before
    node.load('addconf', peer(third, '10.3.0.0/16') + peer(second, '10.4.0.0/16'))
    assert conf() == {**before, third: {'PublicKey': third, 'AllowedIPs': '10.3.0.0/16'},
                      second: {'PublicKey': second, 'AllowedIPs': '10.4.0.0/16'}}
    node.load('syncconf', full)
    assert conf() == before
    node.load('setconf', interface(private))
    assert list(conf()) == ['Interface'] and 'FwMark' not in conf()['Interface']


@each_kind
def test_replaced_peers(node):
    """By the protocol under wg(8): replace_peers, remove, update_only, and errors that change
    nothing."""
    talk = node.talk
    first, second, third = publics(3)
    assert talk('set=1', f'public_key={hexed(first)}', 'allowed_ip=10.0.0.0/8',
                f'public_key={hexed(second)}') == ['errno=0']
    assert set(node.show('peers')) == {first, second}
    assert talk('set=1', f'public_key={hexed(third)}', 'update_only=true',
                'allowed_ip=10.0.0.0/8') == ['errno=0']
    assert third not in node.show('peers')
    assert talk('set=1', f'public_key={hexed(first)}', 'allowed_ip=10.1.0.0/16') == ['errno=0']
    assert sorted(node.show('allowed-ips')[first]) == ['10.0.0.0/8', '10.1.0.0/16']
    assert talk('set=1', f'public_key={hexed(first)}', 'replace_allowed_ips=true',
                'allowed_ip=10.2.0.0/16') == ['errno=0']
    assert node.show('allowed-ips')[first] == ['10.2.0.0/16']
    assert talk('set=1', f'public_key={hexed(second)}', 'remove=true') == ['errno=0']
    assert talk('set=1', 'replace_peers=true', f'public_key={hexed(third)}') == ['errno=0']
    assert list(node.show('peers')) == [third]
    for wrong in (['listen_port=65536'], ['private_key=00'], ['nonsense=1'], ['public_key=zz'],
                  ['fwmark=-1'], [f'public_key={hexed(first)}', 'allowed_ip=10.0.0.0/33'],
                  [f'public_key={hexed(first)}', 'endpoint=nowhere']):
        assert talk('set=1', *wrong)[-1] != 'errno=0', wrong
    got = talk('get=1')
    assert got[-1] == 'errno=0' and f'public_key={hexed(third)}' in got
    assert talk('set=1', 'replace_peers=true') == ['errno=0']
    assert node.show('peers') == {}
