from __future__ import annotations

import torch
from torch import nn

from tuner.training.blame import MOST_LINES, blame, place_of, trace_of, without_line


def caught(call: object) -> BaseException:
    assert callable(call)
    try:
        call()
    except Exception as error:
        return error
    raise AssertionError("it raised nothing")


def in_torch() -> torch.Tensor:
    return nn.Linear(2, 3)(torch.zeros(4, 5))  # type: ignore[no-any-return]


def endless(left: bool = True) -> object:
    return other(not left) if left else endless(not left)


def other(left: bool) -> object:
    return endless(not left)


def test_the_last_line_of_the_user_is_named_not_the_one_of_a_library() -> None:
    error = caught(in_torch)
    line = in_torch.__code__.co_firstlineno + 1
    assert blame(error).startswith(f"line {line} of test_blame.py: RuntimeError: ")
    assert "mat1 and mat2 shapes cannot be multiplied" in blame(error)
    assert without_line(blame(error)).startswith("RuntimeError: ")


def test_an_error_of_a_library_alone_has_no_line() -> None:
    assert blame(ValueError("so\nlong")) == "ValueError: so"
    assert blame(KeyError()) == "KeyError"
    assert without_line("ValueError: line 3 of it") == "ValueError: line 3 of it"


def test_a_long_traceback_is_cut_in_the_middle() -> None:
    lines = trace_of(caught(endless)).split("\n")
    assert len(lines) == MOST_LINES
    assert lines[0].startswith("Traceback")
    assert "RecursionError" in lines[-1]
    assert lines.count("  ...") == 1


def test_a_traceback_names_files_without_the_folders_of_this_machine() -> None:
    trace = trace_of(caught(in_torch))
    assert 'File "test_blame.py", line' in trace
    assert 'File "torch/nn/modules/linear.py", line' in trace
    assert '"/' not in trace


def test_where_a_function_of_the_user_is() -> None:
    assert place_of(in_torch) == f"line {in_torch.__code__.co_firstlineno} of test_blame.py"
    assert place_of(nn.Linear.forward) is None
    assert place_of(print) is None
    assert place_of(blame) is None
