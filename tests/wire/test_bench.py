# SPDX-License-Identifier: BSD-3-Clause
"""The bench of the stages: that it measures what it says, not how fast anything is."""
import json
import re
import subprocess

import pytest

from gateway import TOP
from test_readme import README, as_root

PROGRAM = TOP / 'build' / 'tests' / 'bench' / 'bench'
KEYS = {'path', 'size', 'lcores', 'ns', 'cycles', 'mpps', 'gbps', 'aead_ns', 'ratio', 'stages'}


def once(*words):
    done = subprocess.run([PROGRAM, '--rounds', '2', *words], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope='module', autouse=True)
def built():
    subprocess.run(['ninja', '-C', TOP / 'build', 'tests/bench/bench'], check=True,
                   stdout=subprocess.DEVNULL)


def test_the_command_of_readme(tmp_path):
    command = as_root(re.search(r'^sudo scripts/bench$', README, re.M).group(0))
    first, second, picture = tmp_path / 'first', tmp_path / 'second', tmp_path / 'bench.png'
    words = f'{command} --quick --only stages,lcores'
    done = subprocess.run(f'{words} --json {first} --plot {picture}', shell=True, cwd=TOP,
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=240,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(len(line) <= 80 for line in done.stdout.splitlines()), done.stdout
    document = json.loads(first.read_text())
    lines = document['results']
    assert {(line['path'], line['size']) for line in lines if line['lcores'] == 1} >= {
        (path, size) for path in ('seal', 'open', 'forward-out', 'forward-in')
        for size in (64, 512, 1420)}
    pairs = [line for line in lines if line['lcores'] == 2]
    assert pairs and all(0.2 < line['aead_times'] < 4 for line in pairs), pairs
    for line in lines:
        assert KEYS <= set(line)
        # What one program says in several units.
        assert line['mpps'] == pytest.approx(1e3 / line['ns'], rel=0.01)
        assert line['gbps'] == pytest.approx(line['size'] * 8 / line['ns'], rel=0.01)
        assert 0 < line['ratio'] < 2 * line['lcores']
        if line['path'].startswith('forward'):
            assert line['stages']['rx'] > 0 and 0 < sum(line['stages'].values())
    assert document['parts']['route'] > 0 and document['memory']['buffers'] > 1000
    assert picture.read_bytes().startswith(b'\x89PNG')

    done = subprocess.run(f'{command} --quick --only stages --against {first} --json {second}',
                          shell=True, cwd=TOP, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    compared = done.stdout.split('== against', 1)[1].splitlines()[2:]
    assert len(compared) == len(json.loads(second.read_text())['results']) == 12
    assert all(re.search(r'% (faster|slower)$', line) for line in compared), compared


@pytest.mark.parametrize('words', [
    ('--tunnels', '3', '--peers', '5', '--routes', '1000', '--flows', '500', '--sizes', '80,imix'),
    ('--inner', '6', '--outer', '6', '--sizes', '64,1400'),
    ('--sizes', '8900', '--lcores', '2', '--paths', 'both,forward-in')])
def test_nothing_is_lost_in_any_set_up(words):
    """The program ends with an error, and the drops by their names, if a packet does not come out;
    the AEAD alone must open each that was sealed for it."""
    for line in once(*words)['results']:
        assert line['cycles'] > 0


@pytest.mark.parametrize('words, error', [
    (('--against', '/proc/version'), 'expected a file written by --json'),
    (('--plot', 'bench.jpg'), 'expected a name that ends in .png or .svg'),
    (('--only', 'memif', '--plot', 'bench.png'), 'and the part stages'),
    (('--only', 'speed'), "'speed', expected some of stages,lcores,scale,memif")])
def test_mistakes_are_told_before_measuring(words, error):
    done = subprocess.run(['/usr/bin/python3', TOP / 'tests' / 'bench' / 'report', *words],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
                          timeout=5)
    assert done.returncode != 0 and error in ' '.join(done.stderr.split())
    assert 'Traceback' not in done.stderr


@pytest.mark.parametrize('words, error', [
    (('--sizes', '20'), '--sizes 20: expected 48 to 8900'),
    (('--paths', 'sideways'), '--paths: expected seal, open, forward-out, forward-in, both'),
    (('--tunnels', '65'), '--tunnels 65: expected 1 to 64'),
    (('--lcores', '64'), 'fewer CPUs than lcores')])
def test_mistakes_are_told(words, error):
    done = subprocess.run([PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False)
    assert done.returncode != 0 and error in done.stderr
