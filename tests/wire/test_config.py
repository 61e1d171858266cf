# SPDX-License-Identifier: BSD-3-Clause
"""What the program says of its command line and of mistakes in its files."""
import shutil
import subprocess

import pytest

from gateway import PROGRAM, TOP, keypair, tunnel

PORT = '[port wan0]\ndevice = kernel:nosuch0\naddress = 192.0.2.1/24\n'


def wirebraid(*argv):
    return subprocess.run([PROGRAM, *map(str, argv)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)


# Every mistake and its words are in app/config_test.c; these show how the program tells them.
MISTAKES = [
    ('', ': describes no port, expected at least one [bond NAME] or [port NAME]'),
    ('[gateway]\npoll = often\n', ":2: 'often' is not known, expected adaptive or always"),
    ('[port p0]\ndevice = eno1\n', ":2: 'eno1' is no device, expected a PCI address "
                                   '(0000:01:00.0), kernel:INTERFACE, or a DPDK vdev (net_...)'),
    ('[gateway]\ntunnel = nowhere.conf\n' + PORT, ':2: tunnel file {dir}/nowhere.conf is not '
                                                  'there, expected a wg-quick file'),
]


@pytest.mark.parametrize('text, message', MISTAKES)
def test_mistakes_are_told(tmp_path, text, message):
    path = tmp_path / 'gw.conf'
    path.write_text(text)
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
    net.closers.append(lambda: shutil.rmtree(f'/var/run/dpdk/half-{net.number}'))
    path.write_text(f'[gateway]\nname = half-{net.number}\n[port good0]\ndevice = kernel:wan\n'
                    'address = 192.0.2.1/24\n[port bad0]\ndevice = kernel:nosuch0\n')
    before = host.ip('-br', 'link')
    out = host.run(PROGRAM, 'run', path, check=False)
    assert 'kernel:nosuch0: there is no interface nosuch0' in out
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
    assert 'chmod 600 is advised' in done.stdout
    assert 'lcores, balance auto\n' in done.stdout and ' seal:wg1 tx:wan0\n' in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()
               if not line.startswith('notice')) <= 80


def test_check_fits_eighty_columns(tmp_path):
    """Long names, many tunnels in a group, long endpoints."""
    host = '2001:db8:1111:2222:3333:4444:5555:6666'
    names = [f'averylongname{i:02}' for i in range(20)]
    for i, name in enumerate(names):
        file = tmp_path / f'{name}.conf'
        file.write_text(tunnel(keypair()[0], 51820 + i, peers=[{
            'PublicKey': keypair()[1], 'AllowedIPs': '2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff',
            'Endpoint': f'[{host}]:51820'}]))
        file.chmod(0o600)
    path = tmp_path / 'gw.conf'
    path.write_text('[gateway]\n' + ''.join(f'tunnel = {name}.conf\n' for name in names) + PORT)
    done = wirebraid('check', path)
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 80
    route = done.stdout[done.stdout.index('route '):].replace(',', ' ').split()
    assert [word for word in route if word in names] == names


def test_command_line():
    done = wirebraid('--help')
    assert done.returncode == 0 and 'wirebraid run FILE' in done.stdout
    for argv in ([], ['fly'], ['run'], ['check'], ['run', '--fast'], ['show'], ['show', 'stars'],
                 ['move', 'wg0'], ['move', 'wg0', 'seal', '1', '2'],
                 ['show', 'ports', 'paths']):
        done = wirebraid(*argv)
        assert done.returncode == 2 and done.stderr, argv
    done = wirebraid('show', 'ports', '--name', 'no-such-gateway')
    assert done.returncode == 1
    assert done.stderr.startswith('wirebraid: no gateway no-such-gateway is running; running: ')
    done = wirebraid('run', '/nowhere/gw.conf')
    assert done.returncode == 1
    assert done.stderr == 'wirebraid: /nowhere/gw.conf: No such file or directory\n'


def test_the_samples_are_valid(tmp_path):
    samples = TOP / 'drivers-conf'
    wg0 = (samples / 'wg0.conf.example').read_text()
    private, public = keypair()
    wg0 = wg0.replace('THE-PRIVATE-KEY-OF-THIS-SITE', private)
    wg0 = wg0.replace('THE-PUBLIC-KEY-OF-THE-OTHER-SITE', keypair()[1])
    (tmp_path / 'wg0.conf').write_text(wg0)
    (tmp_path / 'wg0.conf').chmod(0o600)
    (tmp_path / 'gateway.conf').write_text((samples / 'gateway.conf').read_text())
    done = wirebraid('check', tmp_path / 'gateway.conf')
    assert done.returncode == 0 and done.stderr == ''
    assert public in done.stdout and 'notice' not in done.stdout
