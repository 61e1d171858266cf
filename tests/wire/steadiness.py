# SPDX-License-Identifier: BSD-3-Clause
"""Whether the machine itself stood still: a virtual machine's CPUs are taken away, now and then, for
longer than what the tests give packets. A test that fails over such a pause is run again.

Run as a program on one CPU, it says when it was late, and by how much.
"""
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

EVERY = 0.004
# What is worth telling; and what excuses a failure: one pause, or a share of the time.
LATE = 0.005
PAUSE = 0.05
SHARE = 0.05
# Before it is tried again, seconds: so long without such pauses, or as long as that.
STEADY_FOR, LONGEST_WAIT = 3, 30


def watch(cpu, log):
    """Goes before all others of its CPU: when it is late, nobody ran there, or the kernel did."""
    log = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.sched_setaffinity(0, {cpu})
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
    parent, last = os.getppid(), time.monotonic()
    while os.getppid() == parent:
        time.sleep(EVERY)
        now = time.monotonic()
        if now - last - EVERY > LATE:
            os.write(log, f'{now} {now - last - EVERY}\n'.encode())
        last = now


class Steadiness:
    """Watches every CPU of the machine; a plugin of pytest's."""

    def __init__(self, directory):
        self.began = time.monotonic()
        self.directory, self.watchers, self.run_again = directory, [], []
        for cpu in os.sched_getaffinity(0):
            log = directory / str(cpu)
            log.touch()
            self.watchers.append(subprocess.Popen(
                ['/usr/bin/python3', '-ISB', Path(__file__), str(cpu), log]))

    def pytest_unconfigure(self):
        for watcher in self.watchers:
            watcher.kill()
            watcher.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def pytest_runtest_setup(self, item):
        if getattr(item, 'execution_count', 1) > 1:
            self.wait()
        self.began = time.monotonic()

    def wait(self):
        """What failed because the machine stood still would fail again: until it goes steadily, but
        not for ever."""
        end = time.monotonic() + LONGEST_WAIT
        while time.monotonic() < end:
            self.began = time.monotonic()
            time.sleep(STEADY_FOR)
            if not self.broken():
                return

    def pytest_runtest_logreport(self, report):
        if report.outcome == 'rerun':
            longest, share = self.pauses()
            self.run_again.append(
                f'run again: {report.nodeid}: the machine stood still for up to '
                f'{longest * 1000:.0f} ms, {share:.1%} of the time')

    def pytest_terminal_summary(self, terminalreporter):
        for line in self.run_again:
            terminalreporter.write_line(line)

    def pauses(self):
        """The longest pause since the beginning, and a CPU's share of the time in pauses."""
        longest, share, length = 0.0, 0.0, max(time.monotonic() - self.began, 0.001)
        for log in self.directory.iterdir():
            lines = [tuple(map(float, line.split()))
                     for line in log.read_text().splitlines(True) if line.endswith('\n')]
            late = [by for at, by in lines if at >= self.began]
            longest, share = max([longest, *late]), max(share, sum(late) / length)
        return longest, share

    def broken(self):
        longest, share = self.pauses()
        return longest >= PAUSE or share >= SHARE


if __name__ == '__main__':
    watch(int(sys.argv[1]), sys.argv[2])
