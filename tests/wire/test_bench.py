# SPDX-License-Identifier: BSD-3-Clause
"""The bench of the stages: that it measures what it says, not how fast anything is."""
import json
import math
import re
import subprocess
import sys

import pytest

from gateway import TOP
from test_readme import README, as_root

sys.path.append(str(TOP / 'tests' / 'bench'))

from turns import median_range  # noqa: E402

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
    for line in pairs:
        low, high = line['times_95']
        assert 0 < low <= line['times'] <= high and 0.2 < line['aead_times'] < 4, line
    assert pairs
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

    done = subprocess.run(f'{command} --quick --only stages --against {first} --json {second} '
                          f'--beside {PROGRAM} --turns 2',
                          shell=True, cwd=TOP, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert all(len(line) <= 80 or line.startswith('== ') for line in done.stdout.splitlines())
    beside, compared = (part.splitlines()[2:] for part in re.split(
        '== against', done.stdout.split('== next to', 1)[1]))
    assert len([line for line in beside if re.search(r'[0-9] -> +[0-9]+ +[+-][0-9.]+$', line)]) == 12
    assert len(compared) == len(json.loads(second.read_text())['results']) == 12
    assert all(re.search(r'% (faster|slower)$', line) for line in compared), compared


def test_what_grows():
    """The part whose set-ups are compared with its first: of each, both ways."""
    done = subprocess.run(['scripts/bench', '--quick', '--only', 'scale', '--turns', '1'], cwd=TOP,
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=240,
                          check=False)
    assert done.returncode == 0, done.stderr
    table = done.stdout.split('== what grows', 1)[1].splitlines()[2:]
    assert len(table) == 8 and re.match('one of everything +[0-9]+ +[+]0.0 +- +[0-9]+ +[+]0.0 +-$',
                                        table[0]), table
    assert all(re.search(r' [0-9]+ +[+-][0-9.]+ +- +[0-9]+ +[+-][0-9.]+ +-$', line)
               for line in table), table


def test_how_certain_a_median_is():
    """The range is as wide as 95 % need, no wider: of n turns the k-th from either end is beyond the
    median if fewer than k of n coins fall so."""
    def sure(n, k):
        return 1 - 2 * sum(math.comb(n, i) for i in range(k)) / 2 ** n

    assert all(median_range(list(range(n))) is None for n in range(1, 6))
    for n in range(6, 61):
        low, high = median_range(list(range(n, 0, -1)))
        assert low + high == n + 1 and sure(n, low) >= 0.95 > sure(n, low + 1), n


def test_turns_go_through_all_flows():
    """Each round has the next packets' flows: of 2,000 scattered over as many peers all are had, which
    meet 1,261 of these; the first round's alone meet 734."""
    process = subprocess.Popen(
        [PROGRAM, '--asked', '--rounds', '2', '--sizes', '64', '--paths', 'forward-in', '--peers',
         '2000', '--flows', '2000'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        process.stdin.write('\n')
        process.stdin.flush()
        assert json.loads(process.stdout.readline())['results'][0]['peers_met'] > 1200
        process.stdin.close()
        end = json.loads(process.stdout.readline())
    assert process.returncode == 0 and end['results'] == [] and end['parts']['route'] > 0


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
    (('--beside', '/proc/version'), '--beside /proc/version: expected a program'),
    (('--turns', '0'), 'expected 1 or more'),
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
