"""A depot in an S3 bucket, with one object for each bundle and dashboard file."""

from __future__ import annotations

import shutil
import tempfile
from collections import defaultdict
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tuner.depot import packing
from tuner.depot.contract import ARTIFACTS, BUNDLES, MANIFEST, Kept
from tuner.depot.s3 import SCHEME, file_system, split, worded
from tuner.errors import BundleError, DepotError, UsageError
from tuner.files import remove_folder
from tuner.naming import folder_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

PACKED = ".zip"
UPLOADS = "uploads"  # not a key: stands for unfinished uploads in parts
MOST_MANIFESTS = 10_000  # in the cache
BLOCK = 2**16  # bytes to read at once from a packed bundle, to find its manifest


@dataclass(eq=False)
class BucketDepot:
    """A prefix in a bucket.

    Attributes:
        url: s3://BUCKET/PREFIX, or s3://BUCKET.
        home: the storage folder, in which bundles are made before they are uploaded.
    """

    url: str
    home: Path
    folder: None = None
    _manifests: dict[tuple[str, str], bytes] = field(default_factory=dict)

    @cached_property
    def _fs(self) -> Any:
        return file_system()

    @cached_property
    def _top(self) -> str:
        """The bucket and the prefix, in fsspec's notation."""
        return "/".join(part for part in split(self.url) if part)

    def studies(self) -> list[Kept]:
        """Return the total size of the bundles of each study."""
        found: dict[str, list[Kept]] = defaultdict(list)
        for one in self.bundles():
            found[one.study].append(one)
        return [
            Kept(
                f"{BUNDLES}/{study}",
                f"{self.url}/{BUNDLES}/{study}",
                sum(one.bytes for one in bundles),
                max(one.changed for one in bundles),
            )
            for study, bundles in found.items()
        ]

    def bundles(self, study: str | None = None) -> list[Kept]:
        """Return the packed bundles, without other objects that a person has put there."""
        found = []
        for key, facts in self._listed(BUNDLES if study is None else f"{BUNDLES}/{study}"):
            parts = key.removesuffix(PACKED).split("/")
            if len(parts) == 3 and key.endswith(PACKED) and all(map(_is_plain, parts[1:])):
                found.append(self._kept("/".join(parts), f"{self.url}/{key}", facts))
        return sorted(found, key=lambda one: one.key)

    def artifacts(self) -> list[Kept]:
        """Return the files of the dashboard."""
        return [
            self._kept(key, f"{self.url}/{key}", facts)
            for key, facts in self._listed(ARTIFACTS)
            if key.count("/") == 1
        ]

    def leftovers(self) -> list[Kept]:
        """Return unfinished uploads in parts, which S3 stores but does not list as objects."""
        bucket, prefix = split(self.url)
        prefix, found = f"{prefix}/" if prefix else "", {}
        # Some storage has no such list, and some keys may not see it; nothing else needs it.
        with suppress(DepotError), worded(self.url):
            found = self._fs.call_s3("list_multipart_uploads", Bucket=bucket, Prefix=prefix)
        return [
            Kept(
                f"{UPLOADS}/{one['UploadId']}/{one['Key']}",
                f"{SCHEME}{bucket}/{one['Key']} ({one['UploadId']})",
                0,
                one["Initiated"].timestamp(),
            )
            for one in found.get("Uploads", ())
        ]

    def where(self, study: str, bundle: str) -> str:
        """Return the URL of a packed bundle."""
        return f"{self.url}/{BUNDLES}/{study}/{bundle}{PACKED}"

    @contextmanager
    def making(self, study: str, bundle: str) -> Iterator[Path]:
        """Yield its place in the storage folder, and upload the bundle at the end.

        Raises:
            DepotError: before: the place cannot be reached. After: the bundle could not be
                uploaded; it is in the storage folder.
        """
        self.bundles(study)  # to fail now and not after an hour of training
        folder = self.home / BUNDLES / study / bundle
        yield folder
        try:
            self.put_bundle(study, bundle, folder)
        except DepotError as error:
            raise DepotError(
                f"{error}. The bundle is complete, in {folder}. To send it from there: "
                f"tuner files {self.url}"
            ) from error
        remove_folder(folder)
        with suppress(OSError):  # not empty: another bundle waits, or is being made
            folder.parent.rmdir()

    def put_bundle(self, study: str, bundle: str, folder: Path) -> None:
        """Upload it as one object, which S3 shows once it is complete."""
        self.home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".packed.", dir=self.home) as work:
            packed = Path(work) / f"bundle{PACKED}"
            packing.pack(folder, bundle, packed)
            with worded(self.url):
                self._fs.put_file(str(packed), self._path(f"{BUNDLES}/{study}/{bundle}{PACKED}"))

    def manifest(self, bundle: Kept) -> bytes:
        """Read only the manifest from the object, and cache it until the object changes."""
        known = bundle.key, bundle.tag
        if known not in self._manifests:
            with worded(self.url), self._opened(bundle) as file:
                found = packing.manifest_in(file, bundle.where)
            if len(self._manifests) >= MOST_MANIFESTS:
                self._manifests.clear()
            self._manifests[known] = found
        return self._manifests[known]

    def fetch(self, bundle: Kept, folder: Path) -> None:
        """Download and unpack it."""
        with tempfile.TemporaryDirectory(prefix="tuner-bundle-") as work:
            packed = Path(work) / f"bundle{PACKED}"
            self.pack(bundle, packed)
            packing.unpack(packed, folder, bundle.where)

    def pack(self, bundle: Kept, path: Path) -> None:
        """Download the object unchanged.

        Raises:
            BundleError: it is gone.
        """
        try:
            with worded(self.url):
                self._fs.get_file(self._path(f"{bundle.key}{PACKED}"), str(path))
        except FileNotFoundError as error:
            raise BundleError(f"there is no bundle {bundle.where}") from error

    def rename(self, study: str, new: str, retell: Callable[[Path], None]) -> None:
        """Upload each bundle again under the new name, then remove the old ones."""
        bundles = self.bundles(study)
        for one in bundles:
            with tempfile.TemporaryDirectory(prefix="tuner-bundle-") as work:
                folder = Path(work) / one.name
                self.fetch(one, folder)
                retell(folder / MANIFEST)
                self.put_bundle(new, one.name, folder)
        for one in bundles:
            self.remove(one)

    def open_artifact(self, name: str) -> BinaryIO:
        """Download it into a temporary file."""
        file = tempfile.NamedTemporaryFile(prefix="tuner-artifact-")  # noqa: SIM115 - the asker's
        try:
            with worded(self.url):
                self._fs.get_file(self._path(f"{ARTIFACTS}/{name}"), file.name)
        except BaseException:
            file.close()
            raise
        return cast("BinaryIO", file)

    def put_artifact(self, name: str, content: BinaryIO) -> None:
        """Upload it as one object."""
        with tempfile.NamedTemporaryFile(prefix="tuner-artifact-") as file:
            shutil.copyfileobj(content, file)
            file.flush()
            with worded(self.url):
                self._fs.put_file(file.name, self._path(f"{ARTIFACTS}/{name}"))

    def remove(self, one: Kept) -> None:
        """Remove an object, the bundles of a study, or the rest of an upload."""
        with worded(self.url):
            if one.key.startswith(f"{UPLOADS}/"):
                _, upload, key = one.key.split("/", 2)
                bucket, _ = split(self.url)
                self._fs.call_s3("abort_multipart_upload", Bucket=bucket, Key=key, UploadId=upload)
            elif one.key.startswith(f"{ARTIFACTS}/"):
                self._fs.rm_file(self._path(one.key))
            elif one.key.count("/") == 2:
                self._fs.rm_file(self._path(f"{one.key}{PACKED}"))
            else:
                for bundle in self.bundles(one.study):
                    self.remove(bundle)

    def read_note(self, name: str) -> bytes | None:
        """Read an object."""
        with suppress(FileNotFoundError), worded(self.url):
            found: bytes = self._fs.cat_file(self._path(name))
            return found
        return None

    def write_note(self, name: str, content: bytes | None) -> None:
        """Write an object, or remove it."""
        with worded(self.url):
            if content is None:
                self._fs.rm_file(self._path(name))
            else:
                self._fs.pipe_file(self._path(name), content)

    def _listed(self, below: str) -> list[tuple[str, Any]]:
        """Return the objects below a name, by their names in the depot."""
        with worded(self.url):
            found = self._fs.find(self._path(below), detail=True)
        start = len(self._top) + 1
        return sorted((path[start:], facts) for path, facts in found.items())

    def _opened(self, bundle: Kept) -> Any:
        return self._fs.open(self._path(f"{bundle.key}{PACKED}"), "rb", block_size=BLOCK)

    def _path(self, key: str) -> str:
        return f"{self._top}/{key}"

    def _kept(self, key: str, where: str, facts: Any) -> Kept:
        return Kept(
            key, where, facts["size"], facts["LastModified"].timestamp(), str(facts.get("ETag"))
        )


def _is_plain(name: str) -> bool:
    """Whether a name in the bucket can be that of a study or a bundle."""
    try:
        return bool(folder_name(name))
    except UsageError:
        return False


def take(url: str, folder: Path) -> None:
    """Download a packed bundle from its S3 URL, and unpack it into a new folder.

    Raises:
        UsageError: the URL is invalid.
        BundleError: there is no bundle, or it is damaged.
        DepotError: it cannot be reached, or the extra is not installed.
    """
    bucket, key = split(url)
    shown = f"{SCHEME}{bucket}/{key}"
    if not key.endswith(PACKED):
        raise UsageError(f"{shown} is not a bundle; its name has to end with {PACKED}")
    place, _, name = shown.removesuffix(PACKED).rpartition("/")
    depot = BucketDepot(place, folder.parent)
    # At the very top of a place, the key of an item is its name alone.
    depot.fetch(Kept(name, shown, 0, 0.0), folder)
