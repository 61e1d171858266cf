# SPDX-License-Identifier: BSD-3-Clause
"""What the program says of its command line and of mistakes in its files."""
import subprocess

import pytest

from gateway import PROGRAM, keypair, tunnel

PORT = '[port wan0]\ndevice = kernel:nosuch0\naddress = 192.0.2.1/24\n'


def wirebraid(*argv):
    return subprocess.run([PROGRAM, *map(str, argv)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)


MISTAKES = [
    ('', ': describes no port, expected at least one [bond NAME] or [port NAME]'),
    ('[gate]\n', ':1: [gate] is not known, expected [gateway], [lcores], [bond NAME] or '
                 '[port NAME]'),
    ('[gateway]\nname = Upper\n', ":2: name 'Upper' is not valid, expected 1 to 32 of a-z, 0-9 "
                                  'and -'),
    ('[gateway]\nname = a\nname = b\n', ':3: name was set in line 2 already, expected it once'),
    ('[gateway]\npoll = often\n', ":2: 'often' is not known, expected adaptive or always"),
    ('[gateway]\nmemory = 10\n', ":2: '10' is out of range, expected 64 to 1048576"),
    ('[gateway]\ncolour = red\n', ":2: 'colour' is no setting of [gateway], expected name, poll, "
                                  'memory or tunnel'),
    ('[lcores]\nworkers = 3-1\n', ":2: '3-1' is no list of numbers up to 1023, expected something "
                                  'like 1,3-5'),
    ('[lcores]\nspeed = 9\n', ":2: 'speed' is no setting of [lcores], expected control or "
                              'workers'),
    ('[bond]\n', ":1: '' names no interface, expected [bond NAME] with 1 to 15 characters"),
    ('[bond averyverylongname]\n', ":1: 'averyverylongname' names no interface, expected "
                                   '[bond NAME] with 1 to 15 characters'),
    ('[bond b0]\n[port b0]\n', ':2: b0 was described in line 1 already, expected another name'),
    ('[bond b0]\n', ':1: b0 has no member, expected at least one'),
    ('[port p0]\n', ':1: p0 has no device, expected at least one'),
    ('[port p0]\ndevice = eno1\n', ":2: 'eno1' is no device, expected a PCI address "
                                   '(0000:01:00.0), kernel:INTERFACE, or a DPDK vdev (net_...)'),
    ('[port p0]\nmember = net_null0\n', ":2: 'member' is no setting of [port], expected device, "
                                        'address, gateway or mtu'),
    ('[bond b0]\nhash = layer4\n', ":2: 'layer4' is not known, expected layer2, layer2+3 or "
                                   'layer3+4'),
    ('[bond b0]\nlacp-rate = fast\n', ":2: lacp-rate 'fast' is not supported yet, expected slow"),
    ('[bond b0]\nmtu = 100\n', ":2: '100' is out of range, expected 1280 to 9216"),
    ('[port p0]\naddress = 10.0.0\n', ":2: '10.0.0' is no address, expected one like "
                                      '192.0.2.1/24 or 2001:db8::1/64'),
    ('[port p0]\ndevice = net_null0\naddress = 10.0.0.1/24\ngateway = 10.9.0.1\n',
     ':1: gateway 10.9.0.1 of p0 is not on its link, expected an address within one of its '
     'networks'),
    ('[port p0]\ndevice = net_null0\n[port p1]\ndevice = net_null0\n',
     ':4: net_null0 is used in line 2 already, expected another device'),
    ('[port p0]\ndevice = net_null0\naddress = 10.0.0.1/8\n[port p1]\ndevice = net_null1\n'
     'address = 10.1.0.1/24\n',
     ':4: 10.1.0.1/24 of p1 overlaps 10.0.0.1/8 of p0, expected a network for each port'),
    ('[gateway]\ntunnel = nowhere.conf\n' + PORT, ':2: tunnel file {dir}/nowhere.conf is not '
                                                  'there, expected a wg-quick file'),
    ('[lcores]\nworkers = 900\n' + PORT, ': worker CPU 900 is not there, or not for this process, '
                                         'expected one of the 2 it may use'),
]


@pytest.mark.parametrize('text, message', MISTAKES)
def test_mistakes_are_told(tmp_path, text, message):
    import os
    path = tmp_path / 'gw.conf'
    path.write_text(text)
    message = message.replace('the 2 it', f'the {len(os.sched_getaffinity(0))} it')
    for command in ('check', 'run'):
        done = wirebraid(command, path)
        assert done.returncode == 1
        assert done.stderr == f'wirebraid: {path}{message.format(dir=tmp_path)}\n'
        assert done.stdout == ''


def test_mistakes_between_tunnels(tmp_path):
    private, public = keypair()
    for name, port in (('wg0', 5), ('wg1', 5)):
        (tmp_path / f'{name}.conf').write_text(tunnel(private, port))
    path = tmp_path / 'gw.conf'
    path.write_text('[gateway]\ntunnel = wg0.conf\ntunnel = wg1.conf\n' + PORT)
    done = wirebraid('check', path)
    assert done.returncode == 1
    assert done.stderr == (f'wirebraid: {tmp_path}/wg1.conf:3: ListenPort 5 is that of '
                           f'{tmp_path}/wg0.conf:3, expected another\n')
    (tmp_path / 'wg1.conf').write_text('[Interface]\nPrivateKey = nonsense\n')
    done = wirebraid('check', path)
    assert done.stderr == (f'wirebraid: {tmp_path}/wg1.conf:2: PrivateKey is no key, expected 44 '
                           'characters of base64\n')
    assert 'nonsense' not in done.stderr


def test_nothing_is_left_half_started(net, tmp_path):
    """The second port cannot be opened: the first one, its TAP and its rules go away again."""
    host, far = net.host('gw'), net.host('far')
    net.cable(host, 'wan', far, 'eth0')
    path = tmp_path / 'gw.conf'
    path.write_text(f'[gateway]\nname = half-{net.number}\n[port good0]\ndevice = kernel:wan\n'
                    'address = 192.0.2.1/24\n[port bad0]\ndevice = kernel:nosuch0\n')
    before = host.ip('-br', 'link')
    out = host.run(PROGRAM, 'run', path, check=False)
    assert 'kernel:nosuch0: there is no such interface' in out
    after = host.ip('-br', 'link')
    assert [line.split()[0] for line in after.splitlines()] == \
        [line.split()[0] for line in before.splitlines()]
    assert 'wirebraid' not in host.run('nft', 'list', 'ruleset')


def test_check_says_what_run_would_do(tmp_path):
    private, public = keypair()
    for name in ('wg0', 'wg1'):
        file = tmp_path / f'{name}.conf'
        file.write_text(tunnel(private, peers=[{'PublicKey': keypair()[1],
                                                'AllowedIPs': '10.2.0.0/16, fd02::/64'}],
                               extra='PostUp = true'))
        file.chmod(0o644)
    path = tmp_path / 'gw.conf'
    path.write_text('[gateway]\ntunnel = wg0.conf\ntunnel = wg1.conf\n' + PORT)
    done = wirebraid('check', path)
    assert done.returncode == 0, done.stderr
    assert 'route 10.2.0.0/16: ECMP over wg0, wg1' in done.stdout
    assert public in done.stdout and private not in done.stdout
    assert f'{tmp_path}/wg0.conf:3: PostUp is read, but not acted on' in done.stdout
    assert 'chmod 600 is advised' in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()
               if not line.startswith('notice')) <= 80


def test_command_line():
    done = wirebraid('--help')
    assert done.returncode == 0 and 'wirebraid run FILE' in done.stdout
    for argv in ([], ['fly'], ['run'], ['check'], ['run', '--fast'], ['show'], ['show', 'stars'],
                 ['show', 'ports', 'paths']):
        done = wirebraid(*argv)
        assert done.returncode == 2 and done.stderr, argv
    done = wirebraid('show', 'ports', '--name', 'no-such-gateway')
    assert done.returncode == 1
    assert done.stderr.startswith('wirebraid: no gateway no-such-gateway is running; running: ')
    done = wirebraid('run', '/nowhere/gw.conf')
    assert done.returncode == 1
    assert done.stderr == 'wirebraid: /nowhere/gw.conf: No such file or directory\n'
