"""Finds the pictures of a folder with one folder per class."""

from __future__ import annotations

import os
import unicodedata
import zipfile
from collections import Counter, deque
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal, TypeAlias

from tuner.data.formats import SUFFIXES
from tuner.errors import DataError, UsageError
from tuner.language import said
from tuner.own.images.walking import Inside, told

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tuner.own.images.given import Given

Part: TypeAlias = Literal["train", "val", "test"]
PARTS: dict[str, Part] = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test",
}  # fmt: skip
ARCHIVES = {".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar"}
MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Picture:
    """One image file, and the facts known about it.

    Attributes:
        path: of the file; `name` is its name in a report.
        target: its class, labels or number, as text.
        part: of a split that the user has made; None if there is none.
        group: pictures with the same value belong together; None if it belongs to none.
    """

    path: Path
    name: str
    target: str
    part: Part | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """All pictures of a source in a fixed order, and how many files were left out.

    Attributes:
        kind: of source, in words.
        left_out: number of files left out, by reason.
        notes: further remarks on the source, a short sentence each.
    """

    kind: str
    pictures: list[Picture]
    left_out: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


def named(items: Iterable[object], most: int = MOST_NAMED) -> str:
    """Write the first few of some names, and the number of the others."""
    texts = [repr(str(one)) for one in items]
    shown, left = ", ".join(texts[:most]), len(texts) - most
    return said("{names} and {left} more", names=shown, left=left) if left > 0 else shown


def called(path: Path, root: Path) -> str:
    """Return the name of a file for people: its path below a folder, as printable text."""
    inside = path.relative_to(root) if path.is_relative_to(root) else path
    return os.fsencode(inside.as_posix()).decode("utf-8", errors="replace")


def check_place(path: Path) -> None:
    """Refuse a path that is neither a folder nor a CSV file.

    Raises:
        DataError: it does not exist, is an archive or another kind of file; with what to do.
    """
    try:
        if path.is_dir():
            return
        there_is = path.exists()
    except OSError as error:  # it is in a closed folder, or the name is impossible for a file
        raise DataError(f"--data {path} cannot be read: {error.strerror}") from error
    if not there_is:
        parent = path.parent
        there = [one.name for one in parent.iterdir()] if parent.is_dir() else []
        near = get_close_matches(path.name, there, n=1)
        hint = f"; did you mean {parent / near[0]}?" if near else "; name a folder or a CSV file"
        raise DataError(f"--data {path} does not exist{hint}")
    zipped = zipfile.is_zipfile(path)
    if zipped or path.suffix.lower() in ARCHIVES:
        folder = path.with_name(path.name.partition(".")[0])
        unpack = f"unzip {path} -d {folder}" if zipped else f"tar -xf {path} -C {folder}"
        raise DataError(
            f"--data {path} is an archive. Unpack it into a folder ({unpack}), and name that with "
            f"--data {folder}"
        )
    if path.suffix.lower() not in {".csv", ".tsv", ".txt"}:
        raise DataError(
            f"--data {path} is a file. Name the folder that holds a folder of pictures for each "
            "class, or a CSV file that names the pictures"
        )


def refuse_for_folder(given: Given) -> None:
    """Refuse options for a CSV file if the data is a folder.

    Raises:
        UsageError: there is one.
    """
    for option in ("image", "target", "group", "task"):
        if getattr(given, option) is not None:
            raise UsageError(
                f"--{option} is for a CSV file, and {given.data} is a folder, whose folders are "
                f"the classes; leave --{option} out, or name a CSV file with --data"
            )


def list_folder(root: Path) -> Listing:
    """Find the pictures of a folder with one folder per class, or with parts of such folders.

    Names are sorted, so the order depends on nothing else. Hidden files, system files, files
    without an image's name, and links that lead out of the folder are left out and counted.

    Raises:
        DataError: there are no classes, only one, an empty one, or indistinguishable names.
    """
    found = Listing(said("a folder for each class"), [])
    inside = Inside(root.resolve(), found.left_out)
    tops = list(inside.folders(root))
    inside.count_loose(root)
    parts = [PARTS[one.name.lower()] for one in tops if one.name.lower() in PARTS]
    only_val = parts == ["val"] and len(tops) == 1
    if only_val or (len(parts) > 1 and {"train", "test"} & set(parts)):
        return _with_parts(root, tops, inside, found)
    classes = _classes(root, tops, inside)
    for name, folder in classes.items():
        found.pictures.extend(_pictures(root, folder, name, None, inside, found))
    _refuse_empty(root, classes, found.pictures, inside)
    return found


def _with_parts(root: Path, tops: list[Path], inside: Inside, found: Listing) -> Listing:
    """Read train/, val/ and test/, each with one folder per class."""
    parts: dict[Part, Path] = {}
    for one in tops:
        part = PARTS.get(one.name.lower())
        if part is None:
            raise DataError(
                f"{root} has {one.name!r} beside {named(p.name for p in parts.values())}; a folder "
                "has either parts (train, val, test) or classes. Move it away, or rename the parts"
            )
        if part in parts:
            raise DataError(
                f"{root} has {parts[part].name!r} and {one.name!r}, which are both the {part} "
                "part; join them into one folder"
            )
        parts[part] = one
    if "train" not in parts:
        raise DataError(
            f"{root} has {named(p.name for p in parts.values())} and no 'train'; name the folder "
            "with the pictures to train on 'train'"
        )
    ordered = {part: parts[part] for part in PARTS.values() if part in parts}
    known: dict[str, Path] = {}
    for part, folder in ordered.items():
        classes = _classes(folder, list(inside.folders(folder)), inside)
        inside.count_loose(folder)
        if part == "train":
            known = classes
        elif unknown := sorted(classes.keys() - known.keys()):
            raise DataError(
                f"{folder} has {named(unknown)}, and {ordered['train']} has no such class; add "
                "pictures of it to train, or remove it"
            )
        own: list[Picture] = []
        for name, inner in classes.items():
            own.extend(_pictures(root, inner, name, part, inside, found))
        if part == "train":
            _refuse_empty(folder, classes, own, inside)
        elif not own:
            raise DataError(f"{folder} holds no picture; add some, or remove the folder")
        found.pictures.extend(own)
    if "val" in parts:
        found.notes.append(
            said(
                "The pictures of {one}/ are joined to those of {other}/: tuner draws its own "
                "folds.",
                one=parts["val"].name,
                other=parts["train"].name,
            )
        )
    kind = said("parts with a folder for each class")
    return Listing(kind, found.pictures, found.left_out, found.notes)


def _classes(root: Path, tops: list[Path], inside: Inside) -> dict[str, Path]:
    """Return the folders of classes by name, sorted.

    Raises:
        DataError: there are fewer than two, or names that are indistinguishable or unprintable.
    """
    links = inside.left_out[said("links to folders")]
    if not tops:
        loose = sum(1 for _ in inside.loose(root))
        what = f"{loose:,} pictures and no folder" if loose else "no folder with pictures"
        if links:
            what += f" (links to folders are left out: {links:,})"
        raise DataError(
            f"{root} has {what}; put the pictures of each class into a folder of its own, named "
            "after the class, or name a CSV file with --data, --image and --target"
        )
    for one in tops:
        if not one.name.isprintable() or "\ufffd" in one.name:
            raise DataError(
                f"the folder {one.name!r} in {root} has a character in its name that cannot be "
                "written; rename it"
            )
    same: dict[str, Path] = {}
    for one in tops:
        folded = unicodedata.normalize("NFKC", one.name).casefold().strip()
        if folded in same:
            raise DataError(
                f"{root} has {same[folded].name!r} and {one.name!r}, which differ only by upper "
                "and lower case, spaces or the coding of a letter; join them into one folder"
            )
        same[folded] = one
    if len(tops) == 1:
        only = tops[0]
        deeper = [one.name for one in inside.folders(only)]
        raise DataError(
            f"{root} has one folder, {only.name!r}, with {named(deeper)} in it; did you mean "
            f"--data {only}?"
            if len(deeper) > 1
            else f"{root} has one class, {only.name!r}; there is nothing to tell apart. Add a "
            "folder with pictures of another class"
            + (f" (links to folders are left out: {links:,})" if links else "")
        )
    return {one.name: one for one in tops}


def _pictures(
    root: Path, folder: Path, target: str, part: Part | None, inside: Inside, found: Listing
) -> Iterator[Picture]:
    deep = 0
    for path in inside.files(folder):
        deep += path.parent != folder
        yield Picture(path, called(path, root), target, part)
    if deep:
        found.notes.append(
            said(
                "{count:,} pictures in folders within {folder!r} count as this class.",
                count=deep,
                folder=folder.relative_to(root).as_posix(),
            )
        )


def _refuse_empty(
    root: Path, classes: dict[str, Path], pictures: list[Picture], inside: Inside
) -> None:
    counts = Counter(one.target for one in pictures)
    if empty := [name for name in classes if not counts[name]]:
        there = Inside(inside.root, Counter())  # what these alone hold that is no picture
        for name in empty:
            deque(there.files(classes[name]), maxlen=0)
        left_out = told(there.left_out)
        why = f" (left out: {left_out})" if left_out else ""
        raise DataError(
            f"{root}: there is no picture in {named(empty)}{why}; add files, or remove the folder. "
            f"tuner reads {' '.join(sorted(SUFFIXES))}"
        )
