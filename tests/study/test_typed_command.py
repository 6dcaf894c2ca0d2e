from __future__ import annotations

import pytest

from tuner.study.typed_command import TypedCommand

LINE = "tuner study mnist --trials=50 --try 'depth=2' --accept-changes --try=width=8 --seeds 0"


def test_options_are_read_in_both_forms() -> None:
    typed = TypedCommand.read(LINE)
    assert typed.value_of("--trials") == "50"
    assert typed.values_of("--try") == ["depth=2", "width=8"]
    assert typed.value_of("--try") == "width=8", "as argparse: the last one holds"
    assert typed.value_of("--name") is None
    assert typed.has("--name", "--seeds")
    assert not typed.has("--name", "--tri")
    assert not TypedCommand.read("").has("--try")


@pytest.mark.parametrize(
    ("options", "rest"),
    [
        (("--name",), LINE.replace("'", "")),
        (("--try", "--trials"), "tuner study mnist --accept-changes --seeds 0"),
        (("--accept-changes", "--seeds"), "tuner study mnist --trials=50 --try depth=2 --try=wi"),
    ],
)
def test_options_go_with_their_values(options: tuple[str, ...], rest: str) -> None:
    assert str(TypedCommand.read(LINE).without(*options)).startswith(rest)


def test_an_option_is_written_so_that_it_is_read_again() -> None:
    typed = TypedCommand.read("tuner study").with_("--name", "-a b").with_("--seeds", 3)
    assert str(typed) == "tuner study '--name=-a b' --seeds 3"
    assert TypedCommand.read(str(typed)).value_of("--name") == "-a b"


def test_an_option_is_put_where_it_is_read_as_one() -> None:
    typed = TypedCommand.read("tuner study --seeds 0 -- -x.py").with_("--trials", 6)
    assert str(typed) == "tuner study --seeds 0 --trials 6 -- -x.py"
