# SPDX-License-Identifier: BSD-3-Clause
"""wirebraid plan: told, proposed, written, and true."""
import json
import os
import stat

import pytest

from gateway import PROGRAM, keypair, tunnel
from net import run
from test_bond import TUNNELS, Pair, veth


@pytest.fixture
def site(tmp_path):
    """A site whose tunnels have the same port at both ends, as people write them."""
    def make(hash_='layer3+4', tunnels=6, members=3, extra=''):
        lines = ['[gateway]']
        for i in range(tunnels):
            path = tmp_path / f'wg{i}.conf'
            path.write_text(f'# tunnel {i}\n' + tunnel(
                keypair()[0], 51820 + i, [f'10.99.{i}.1/32'],
                [{'PublicKey': keypair()[1], 'AllowedIPs': '10.2.0.0/16',
                  'Endpoint': f'192.0.2.2:{51820 + i}  # there'}]))
            path.chmod(0o640)
            lines.append(f'tunnel = wg{i}.conf')
        lines += ['[bond bond0]', *(f'member = kernel:wan{i}' for i in range(members)),
                  f'hash = {hash_}', 'address = 192.0.2.1/24', extra]
        (tmp_path / 'gateway.conf').write_text('\n'.join(lines) + '\n')
        return tmp_path / 'gateway.conf'
    return make


def plan(config, *options):
    return json.loads(run(PROGRAM, 'plan', '--json', *options, config))[0]


@pytest.mark.parametrize('far', ['pmd-layer3+4', 'linux-layer3+4', 'toeplitz'])
def test_equal_ports_collide_and_the_proposal_does_not(site, far):
    got = plan(site(), '--far-hash', far)
    assert got['uneven_now']['leaves'] == 6 and got['better']
    assert max(got['uneven_proposed'].values()) <= 1, got['uneven_proposed']
    text = run(PROGRAM, 'plan', '--far-hash', far, site())
    assert 'collide leaving by kernel:wan' in text and 'collide returning by' in text and 'proposed:' in text
    table = [line for line in text.splitlines() if not line.startswith('notice: ')]
    assert max(map(len, table)) <= 80, text


def test_apply_changes_ports_alone(site):
    config = site()
    before = {p.name: p.read_text() for p in config.parent.glob('wg*.conf')}
    text = run(PROGRAM, 'plan', '--apply', config)
    assert 'ListenPort = ' in text and 'Endpoint = 192.0.2.1:' in text
    changed = 0
    for name, old in before.items():
        path = config.parent / name
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o640
        for was, now in zip(old.splitlines(), path.read_text().splitlines(), strict=True):
            if was != now:
                assert was.split('=')[0] == now.split('=')[0]
                assert was.split(' = ')[0] in ('ListenPort', 'Endpoint')
                assert was.endswith('# there') == now.endswith('# there')
                changed += 1
    assert changed >= 4
    assert sorted(p.name for p in config.parent.iterdir()) == ['gateway.conf', *sorted(before)]
    after = plan(config)
    assert not after['better'] and max(after['uneven_now'].values()) <= 1
    # What is good is left as it is.
    kept = {p.name: p.read_text() for p in config.parent.glob('wg*.conf')}
    run(PROGRAM, 'plan', '--apply', config)
    assert kept == {p.name: p.read_text() for p in config.parent.glob('wg*.conf')}


def test_hashes_that_see_no_ports(site):
    text = run(PROGRAM, 'plan', site(hash_='layer2+3'))
    assert 'sees no UDP ports' in text and 'proposed' not in text
    text = run(PROGRAM, 'plan', '--far-hash', 'linux-layer2+3', site())
    assert 'of the other side sees no UDP ports' in text


def test_what_cannot_be_planned_is_told(site):
    config = site(tunnels=1)
    file = config.parent / 'wg0.conf'
    file.write_text(file.read_text().replace('192.0.2.2', 'gateway.example'))
    assert 'not planned' in run(PROGRAM, 'plan', config)


def test_wrong_words(site):
    for words in (['--far-hash', 'md5'], ['--far-members', '0'], ['--base-port', '1'], ['--no'], []):
        out = run(PROGRAM, 'plan', *words, *([site()] if words else []), check=False)
        assert 'usage: wirebraid plan' in out, out
    assert 'expected pmd-layer2+3' in run(PROGRAM, 'plan', '--far-hash', 'md5', 'x', check=False)


@pytest.mark.parametrize('family', [4, 6])
def test_the_plan_is_what_the_gateway_does(net, family):
    pair = Pair(net, family, veth)
    for gateway, host, far in zip(pair.gateways, (pair.a, pair.b), (2, 1)):
        told = {t['tunnel']: t['now']['leaves'] for t in plan(gateway.config)['tunnels']}
        assert len(told) == TUNNELS
        for i in range(TUNNELS):
            host.reaches(f'10.99.{i}.{far}')
            member = gateway.peer(f'wg{i}')['member']
            order = [m['device'] for m in gateway.members()]
            assert order.index(member) == told[f'wg{i}']


def test_a_link_to_a_file_stays_one(site, tmp_path):
    """What it leads to is changed; and a file without a port gets one, once."""
    config = site(tunnels=3)
    there = tmp_path / 'elsewhere'
    there.mkdir()
    (config.parent / 'wg1.conf').rename(there / 'wg1.conf')
    (config.parent / 'wg1.conf').symlink_to(there / 'wg1.conf')
    file = config.parent / 'wg2.conf'
    file.write_text(''.join(line for line in file.read_text().splitlines(True)
                            if not line.startswith('ListenPort')) + '[Interface]\nMTU = 1400\n')
    run(PROGRAM, 'plan', '--apply', config)
    assert (config.parent / 'wg1.conf').is_symlink()
    assert file.read_text().count('ListenPort') == 1
    assert 'ListenPort' in run(PROGRAM, 'check', config) or not plan(config)['better']
    assert [p.name for p in there.iterdir()] == ['wg1.conf']


def test_two_bonds_share_no_port(site):
    """And a tunnel whose peer has a name keeps its own."""
    config = site(tunnels=4, extra='[bond bond1]\nmember = kernel:b0\nmember = kernel:b1\n'
                                   'address = 198.51.100.1/24')
    for i, host in ((2, '198.51.100.2'), (3, 'gateway.example')):
        file = config.parent / f'wg{i}.conf'
        file.write_text(file.read_text().replace('192.0.2.2', host))
    file = config.parent / 'wg2.conf'
    file.write_text('\n'.join(line for line in file.read_text().splitlines()
                              if not line.startswith('ListenPort')))
    run(PROGRAM, 'plan', '--apply', '--json', config)
    run(PROGRAM, 'check', config)


def test_apply_is_all_or_nothing(site):
    """One file cannot have another beside it: its name leaves no room for a longer one."""
    config = site()
    long = config.parent / ('x' * 250)
    (config.parent / 'wg5.conf').rename(long)
    (config.parent / 'wg5.conf').symlink_to(long)
    before = {p.name: p.read_text() for p in config.parent.iterdir()}
    out = run(PROGRAM, 'plan', '--apply', config, check=False)
    assert 'wg5.conf: cannot be changed: File name too long' in out
    assert before == {p.name: p.read_text() for p in config.parent.iterdir()}
