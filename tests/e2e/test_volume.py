"""A thousand recipients from a CSV, and a run at the CA's real limits (tests/bench/bulk.py: ten thousand)."""
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench"))

import bulk  # noqa: E402


@pytest.mark.slow
def test_a_thousand():
    seen = bulk.run(1000)
    assert seen["wrong"] == [], seen


@pytest.mark.slow
def test_the_limits_of_the_ca_are_kept():
    """100 requests in 5 s and 1000 in 3 min: never one more, none refused, and the room there is gets used."""
    seen = bulk.run(130, 100, 1000)
    assert seen["wrong"] == [], seen
    assert 40 <= seen["peaks"]["short"] <= 100 and seen["peaks"]["long"] <= 1000, seen
