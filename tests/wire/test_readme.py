# SPDX-License-Identifier: BSD-3-Clause
"""README's commands, as they are written there."""
import json
import re
import subprocess

from gateway import TOP

README = (TOP / 'README.md').read_text()


def as_root(command):
    """The command of README; where the tests are root and there is no sudo, without it."""
    has_sudo = subprocess.run(['which', 'sudo'], stdout=subprocess.DEVNULL, check=False)
    return command if has_sudo.returncode == 0 else command.removeprefix('sudo ')


def test_the_demo_shows_what_it_promises(tmp_path):
    command = re.search(r'^sudo scripts/demo$', README, re.M).group(0)
    figures = tmp_path / 'demo.json'
    done = subprocess.run(f'{as_root(command)} --json {figures}', shell=True, cwd=TOP, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=240, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    data = json.loads(figures.read_text())
    runs = data['runs']
    assert [r['tunnels'] for r in runs] == [1, 2, 3]
    one, two, three = (r['goodput_mbps'] for r in runs)
    assert two >= 1.85 * one and three >= 2.7 * one
    for r in runs:
        assert r['retransmits'] < 0.005 * r['segments']
        assert set(r['members'][0]) == {'tx_bytes', 'rx_bytes'} and len(r['members']) == 3
    assert data['failover']['lost_connections'] == 0
    assert data['failover']['stall_ms'] < 3000
    # README shows the same table, figures aside.
    heading = next(line for line in done.stdout.splitlines() if line.startswith('tunnels  goodput'))
    assert heading in README
    # And nothing is left behind.
    left = subprocess.run(['ip', 'netns', 'list'], stdout=subprocess.PIPE, text=True, check=True)
    assert not [name for name in left.stdout.split() if name.endswith('hosta')]


def test_the_samples_of_readme_and_drivers_conf_are_there():
    for name in re.findall(r'\]\((drivers-conf/[^)]*)\)', README):
        assert (TOP / name).exists(), name
    assert (TOP / 'scripts' / 'test').exists() and 'sudo scripts/test' in README
