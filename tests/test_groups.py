"""Tests that share an expensive fixture run in one worker."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(scope="module")
def costly() -> str:
    return "made once"


def test_a_fixture_of_a_module_is_made_in_one_worker(
    costly: str, request: pytest.FixtureRequest
) -> None:
    assert request.node.get_closest_marker("xdist_group").args == ("test_groups",)
    if "PYTEST_XDIST_WORKER" in os.environ:  # pytest-xdist appends the group to the name
        assert request.node.nodeid.endswith("@test_groups")


@pytest.mark.xdist_group("named")
def test_a_group_that_is_named_is_kept(costly: str, request: pytest.FixtureRequest) -> None:
    assert [mark.args for mark in request.node.iter_markers("xdist_group")] == [("named",)]
    assert costly
