"""One rehearsal CA for all tests that use it; each test finds it empty."""

import pytest

from rehearsal_client import Rehearsal, Sink


@pytest.fixture(scope="session")
def sink():
    return Sink()


@pytest.fixture(scope="session")
def running(tmp_path_factory, sink):
    ca = Rehearsal(tmp_path_factory.mktemp("ca"), sink.server_address[1], "--seed", "7", "--account", "third")
    yield ca
    assert ca.stop() == 0


@pytest.fixture
def ca(running, sink):
    running.idle()
    running.control("/reset", {"all": True})
    running.control("/settings", {"issue_delay": 0.01, "rate_limits": False})
    sink.mails.clear()
    return running
