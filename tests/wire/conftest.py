# SPDX-License-Identifier: BSD-3-Clause
import os
import sys
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))

from net import Net, end_on_signals, scratch, sweep  # noqa: E402
from steadiness import Steadiness  # noqa: E402


def interrupt(_):
    raise KeyboardInterrupt


def pytest_configure(config):
    if os.geteuid() != 0:
        pytest.exit('needs root: network namespaces', 1)
    sweep()
    end_on_signals(interrupt)
    config.steadiness = Steadiness(scratch('wirebraid'))
    config.pluginmanager.register(config.steadiness)


@pytest.fixture
def net():
    with Net() as one:
        yield one


@pytest.fixture(scope='module')
def module_net():
    with Net() as one:
        yield one


def pytest_collection_modifyitems(items):
    """What takes two minutes of waiting goes on beside the others, and is judged last."""
    items.sort(key=lambda item: item.module.__name__ == 'test_rekey')
    for item in items:
        item.add_marker(pytest.mark.flaky(reruns=4, condition='config.steadiness.broken()'))


@pytest.fixture(scope='session', autouse=True)
def rekey(request):
    """Two tunnels with traffic that lasts longer than a key, from the first test on."""
    if not any(item.module.__name__ == 'test_rekey' for item in request.session.items):
        yield None
        return
    from test_rekey import Rekey
    with Net() as one:
        yield Rekey(one)
