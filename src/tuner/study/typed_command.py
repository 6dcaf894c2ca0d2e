"""A command of a study as it was typed, and how to make another command from it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from itertools import zip_longest
from typing import Self

from tuner.naming import option_words

ACCEPT_CHANGES = "--accept-changes"
WITHOUT_VALUE = frozenset({ACCEPT_CHANGES})  # the next word is not its value


@dataclass(frozen=True, slots=True)
class TypedCommand:
    """A command line; an option and its value are two words, or one word with an `=`.

    >>> typed = TypedCommand.read("tuner study mnist --trials=50 --seeds 0 --accept-changes")
    >>> typed.value_of("--trials"), typed.value_of("--seeds"), typed.value_of("--name")
    ('50', '0', None)
    >>> str(typed.without("--seeds", "--accept-changes").with_("--name", "a b"))
    "tuner study mnist --trials=50 --name 'a b'"
    """

    words: tuple[str, ...]

    @classmethod
    def read(cls, line: str) -> Self:
        """Split a command line as a shell does."""
        return cls(tuple(shlex.split(line)))

    def __str__(self) -> str:
        """Return the command line, quoted for a shell."""
        return shlex.join(self.words)

    def has(self, *options: str) -> bool:
        """Whether one of these options was typed."""
        return any(self.values_of(option) for option in options)

    def value_of(self, option: str) -> str | None:
        """Return the value of an option, the last one if it was typed several times."""
        values = self.values_of(option)
        return values[-1] if values else None

    def values_of(self, option: str) -> list[str]:
        """Return the values of an option that may be typed several times."""
        values = list[str]()
        for word, following in zip_longest(self.words, self.words[1:], fillvalue=""):
            name, equals, value = word.partition("=")
            if name == option:
                values.append(value if equals else following)
        return values

    def without(self, *options: str) -> TypedCommand:
        """Return the command without these options and their values."""
        kept, words = list[str](), iter(self.words)
        for word in words:
            if word in options:
                if word not in WITHOUT_VALUE:
                    next(words, None)
            elif word.partition("=")[0] not in options:
                kept.append(word)
        return TypedCommand(tuple(kept))

    def with_(self, option: str, value: object) -> TypedCommand:
        """Return the command with one more option; earlier values of it stay."""
        return self.followed_by(*option_words(option, value))

    def followed_by(self, *words: str) -> TypedCommand:
        """Return the command with more options, before a `--`: after it no word is an option."""
        end = self.words.index("--") if "--" in self.words else len(self.words)
        return TypedCommand((*self.words[:end], *words, *self.words[end:]))
