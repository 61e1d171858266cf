# SPDX-License-Identifier: BSD-3-Clause
"""Turns: what is to be compared runs side by side, and is measured by turns of a fraction of a second.
A shared machine has phases of minutes in which the same load takes 40 % more; two neighbouring turns
are mostly of the same one."""
import json
import math
import statistics
import subprocess
import tempfile


class BenchError(Exception):
    """What a person can act on."""


def median_range(values):
    """Between which of the values the median is with a certainty of 95 % at least, if turns are
    independent of each other: how many of n lie below it is as with n coins. None: they are too few."""
    values, n = sorted(values), len(values)
    beyond, aside = 1, 0
    while 40 * beyond <= 2 ** n:  # at most 2.5 % at either end
        aside += 1
        beyond += math.comb(n, aside)
    return [values[aside - 1], values[n - aside]] if aside > 0 else None


class Process:
    """One build of the bench in one set-up, which measures when it is asked."""

    def __init__(self, program, rounds, setup):
        self.setup = setup
        self.errors = tempfile.TemporaryFile('w+')
        try:
            self.process = subprocess.Popen(
                [program, '--asked', '--rounds', str(rounds), *setup.split()], text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors)
        except OSError as error:
            raise BenchError(f'{program}: {error.strerror}') from error

    def read(self):
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        status = self.process.wait()
        self.errors.seek(0)
        said = self.errors.read().strip().splitlines() or [f'ended with status {status}']
        raise BenchError(f'{self.setup}: {said[-1]}')

    def turn(self):
        try:
            self.process.stdin.write('\n')
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # the reading tells why
        return self.read()['results']

    def end(self):
        """What it says at its end, which it comes to by itself."""
        self.hang_up()
        said = self.read()
        self.process.wait()
        return said

    def hang_up(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass  # it is gone already

    def close(self):
        self.process.kill()
        self.process.wait()
        self.hang_up()
        self.process.stdout.close()
        self.errors.close()


def measured(what, runs, turns, told):
    """Turns of all set-ups, in several runs of the processes: where in memory one's data happens to be
    is part of what it takes, and turns of one run share that. `what`: by name, how each Process is
    made; `told`: what is called with the progress. Gives by name all turns' results, and what each
    run's process said at its end."""
    results, ends = {name: [] for name in what}, {name: [] for name in what}
    for run in range(runs):
        processes = {}
        try:
            for name, words in what.items():
                processes[name] = Process(*words)
            for turn in range(turns):
                told(f'run {run + 1} of {runs}, turn {turn + 1} of {turns}, {len(what)} set-ups')
                # Whose neighbour each is changes direction.
                for name in list(what)[::1 if turn % 2 == 0 else -1]:
                    results[name].append(processes[name].turn())
            for name, process in processes.items():
                ends[name].append(process.end())
        finally:
            for process in processes.values():
                process.close()
    return results, ends


def compared(ours, theirs, of='cycles'):
    """The median of the ratios of two lines' neighbouring turns, and where it is with 95 %."""
    ratios = [a[of] / b[of] for a, b in zip(ours, theirs)]
    return statistics.median(ratios), median_range(ratios)


def spread(values):
    """How far the middle half of the values is apart, relative to the median."""
    if len(values) < 2:
        return 0.0
    low, _, high = statistics.quantiles(values, n=4, method='inclusive')
    return (high - low) / statistics.median(values)
