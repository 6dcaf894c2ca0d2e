"""Opens S3 through fsspec, and reports errors in one line without secrets."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tuner.errors import DepotError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEME = "s3://"
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
SECONDS_TO_CONNECT, SECONDS_TO_WAIT, TRIES = 10, 60, 3
KEYS = (
    "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write them into ~/.aws/credentials, for "
    "the user that runs the command or the service"
)
REFUSED = frozenset(
    {"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "AccessDenied"}
)


def is_s3(place: str) -> bool:
    """Whether a place is in S3, the only scheme that is supported."""
    return place.lower().startswith(SCHEME)


def split(url: str) -> tuple[str, str]:
    """Return the bucket and the key of an S3 URL, which are safe to show.

    Raises:
        UsageError: the URL is invalid. Parts that may be secret are not repeated.
    """
    rest = url[len(SCHEME) :]
    if set("@?#%") & set(rest):
        raise UsageError(
            "an S3 URL has a bucket and a prefix and nothing else: s3://BUCKET/PREFIX. Keys do not "
            f"belong into it. {KEYS}"
        )
    bucket, _, key = rest.strip("/").partition("/")
    if not BUCKET.fullmatch(bucket):
        raise UsageError(
            f"{bucket!r} cannot be the name of a bucket; write the place as s3://BUCKET/PREFIX"
        )
    for part in key.split("/") if key else ():
        if not part.isprintable() or part in {"", ".", ".."} or "\\" in part:
            raise UsageError(f"{part!r} cannot be a part of a prefix in S3; choose another name")
    return bucket, key


def file_system() -> Any:
    """Return fsspec's file system for S3.

    Raises:
        DepotError: the extra is not installed.
    """
    try:
        import s3fs
    except ModuleNotFoundError as error:
        raise _without_extra(error) from error
    return s3fs.S3FileSystem(
        anon=False,
        skip_instance_cache=True,  # otherwise changed keys would not be noticed
        use_listings_cache=False,  # others write there, too
        config_kwargs={
            "connect_timeout": SECONDS_TO_CONNECT,
            "read_timeout": SECONDS_TO_WAIT,
            "retries": {"max_attempts": TRIES},
        },
    )


@contextmanager
def worded(url: str) -> Iterator[None]:
    """Convert errors of S3 in this context to messages of one line.

    Raises:
        DepotError: replaces any error of the libraries; FileNotFoundError: an object does not
            exist.
    """
    try:
        from aiohttp import ClientError as Interrupted
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            HTTPClientError,
            NoCredentialsError,
            PartialCredentialsError,
        )
        from botocore.exceptions import ConnectionError as NotConnected
    except ModuleNotFoundError as error:
        raise _without_extra(error) from error
    try:
        yield
    except DepotError:
        raise
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise DepotError(f"{url} cannot be used: there are no keys for it. {KEYS}") from error
    except (HTTPClientError, NotConnected, Interrupted, ConnectionError, TimeoutError) as error:
        raise DepotError(
            f"{url} cannot be reached: {type(error).__name__}; check the network and, for storage "
            "that is not Amazon's, AWS_ENDPOINT_URL. Then run the same command again"
        ) from error
    except (BotoCoreError, ValueError) as error:  # settings: a profile, a region, an endpoint
        raise DepotError(
            f"{url} cannot be used: {type(error).__name__} in the settings for AWS; check "
            "AWS_ENDPOINT_URL, AWS_PROFILE and ~/.aws/config"
        ) from error
    except (OSError, ClientError) as error:
        code = _code(error)
        if code == "NoSuchBucket":
            raise DepotError(f"{url} cannot be used: {_no_bucket(url)}") from error
        if isinstance(error, FileNotFoundError):
            raise
        if isinstance(error, OSError) and code is None:
            raise  # an error of this machine's disk
        if code in REFUSED or isinstance(error, PermissionError):
            raise DepotError(
                f"{url} refuses its use ({code}): the keys are not valid, or "
                "may not list, read, write and delete there"
            ) from error
        raise DepotError(f"{url} answered {code}; try again in a moment") from error


def _without_extra(error: ModuleNotFoundError) -> DepotError:
    package = (error.name or "s3fs").partition(".")[0]
    return DepotError(f"S3 needs the package {package}; run: pip install 'tuner[s3]'")


def _no_bucket(url: str) -> str:
    bucket = split(url)[0]
    return f"there is no bucket {bucket!r}; make it, or name another with tuner files"


def _code(error: BaseException | None) -> str | None:
    """Return S3's error code, from anywhere in the chain of exceptions."""
    while error is not None:
        response = getattr(error, "response", None)
        if isinstance(response, dict):
            code = str(response.get("Error", {}).get("Code", ""))
            return code if re.fullmatch(r"\w{1,60}", code) else "an error"
        error = error.__cause__
    return None
