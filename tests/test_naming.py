from __future__ import annotations

import pytest

from tuner.errors import UsageError
from tuner.naming import folder_name


@pytest.mark.parametrize("name", ["flowers", "mnist-digits", "zweiter Versuch, größer", "a..b"])
def test_plain_names_are_folders(name: str) -> None:
    assert folder_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../up",
        "/root",
        "a/b",
        "a\\b",
        "a\0b",
        "a\nb",
        ".git",
        " a",
        "a" * 201,
        "\ud800",
    ],
)
def test_names_that_lead_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="--name"):
        folder_name(name)
