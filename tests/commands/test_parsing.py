"""Every command answers a mistyped option with the one that was probably meant."""

from __future__ import annotations

from importlib import import_module

import pytest

from tuner import __main__ as tuner_main
from tuner.commands.parsing import OPTION


@pytest.mark.parametrize("command", tuner_main.COMMANDS)
def test_every_command_names_the_option_that_was_meant(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    module = import_module(f"tuner.commands.{command}")
    act = ["list"] if command == "token" else []
    option = "--home" if act else max(OPTION.findall(module.parser().format_usage()), key=len)
    mistyped = option[:-2] + option[-1] + option[-2]
    with pytest.raises(SystemExit):
        module.main([*act, mistyped])
    assert f"no option {mistyped}; did you mean {option}?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["study", "housing", "--trails", "50"], "no option --trails; did you mean --trials?"),
        (["study", "housing", "--trails=50"], "no option --trails; did you mean --trials?"),
        (["study", "table", "--data=a", "--taget", "b"], "did you mean --target?"),
        (["list", "--nothing-like-it"], "no option --nothing-like-it"),
        (["list", "housing"], "no argument housing; leave it out"),
        (["list", "--hme", "x", "--jsn"], "did you mean --home?. no option --jsn; did you mean"),
        (["list", "--Home"], "no option --Home; did you mean --home?"),
        (["ablate", "rents", "--data", "x.csv"], "no option --data; did you mean --data-dir?"),
        (["study", "housing", "--trial=5"], "no option --trial; did you mean --trials?"),
        (["token", "list", "--hom", "x"], "no option --hom; did you mean --home?"),
        (["list", "-x"], "no argument -x; leave it out"),
        (["study", "--", "-x.py", "--trials", "6"], "no word is an option; put --trials before it"),
        (
            ["study", "table", "--data", "a", "--target", "-price"],
            "expected one argument. A value that begins with a dash is written --target=-price",
        ),
        (
            ["study", "houses.csv", "--target", "price"],
            "no option --target here (it is an option of tuner study images and tuner study "
            "table)\n",
        ),
        (["study", "housing", "--data", "x"], "tuner study table); did you mean --data-dir?"),
        (["study", "images", "--time", "x"], "(it is an option of tuner study table)"),
        (
            ["submit", "houses.csv", "--group", "x"],
            "of tuner submit images and tuner submit table)",
        ),
        (["study", "--helpp"], "no option --helpp; did you mean --help?"),
    ],
)
def test_what_is_said_of_unknown_words(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        import_module(f"tuner.commands.{words[0]}").main(words[1:])
    assert said in capsys.readouterr().err
