# SPDX-License-Identifier: BSD-3-Clause
import os
import sys
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))

from net import Net, sweep  # noqa: E402


def pytest_configure(config):
    if os.geteuid() != 0:
        pytest.exit('needs root: network namespaces', 1)
    sweep()


@pytest.fixture
def net():
    with Net() as one:
        yield one


@pytest.fixture(scope='module')
def module_net():
    with Net() as one:
        yield one
