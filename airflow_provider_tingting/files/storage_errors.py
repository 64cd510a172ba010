"""What to do about an error of a file system or a store: one table, for reading and for writing.

An error that says that the path, the bucket or the rights are wrong is final. Any other, such as a full disk, a store
that answers 503 or a lost connection, may be over at the next try.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from airflow_provider_tingting.errors import TingTingStorageError, TingTingStorageRefusedError

_RIGHTS: Final = "The user that Airflow runs as lacks the right. Give it the right, or choose another path."
_AGAIN: Final = "A retry of this task tries again."

#: Error numbers of the operating system that no retry can cure, with the remedy.
_FINAL_NUMBERS: Final = {
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EROFS: "The file system is read-only. Choose another path.",
    errno.ENOENT: "Check the path, and for a store that its bucket exists.",
    errno.EEXIST: "Choose another path, or remove what is there.",
    errno.ENOTDIR: "A part of the path is a file, not a directory. Choose another path.",
    errno.EISDIR: "Add a file name to the path.",
    errno.ENAMETOOLONG: "The name is too long for the file system. Choose a shorter one.",
    errno.ELOOP: "The links of the path form a circle. Correct them.",
}
#: Error numbers that a retry may cure, where there is more to say than that.
_PASSING_NUMBERS: Final = {
    errno.ENOSPC: f"The disk is full. Make room, or choose another path. {_AGAIN}",
    errno.EDQUOT: f"The disk quota is used up. Make room, or choose another path. {_AGAIN}",
    errno.EFBIG: f"The file is larger than this system allows. Choose another path or raise the limit. {_AGAIN}",
}
_CREDENTIALS: Final = "The store refuses the credentials of its Airflow connection. Correct login and password there."
#: Error codes of S3 and the stores that imitate it. Others are judged by their HTTP status.
_FINAL_CODES: Final = {
    "AccessDenied": "The store's Airflow connection lacks the right. Grant it, or choose another path.",
    "AllAccessDisabled": "The store has closed this account or bucket. Ask its operator.",
    "InvalidAccessKeyId": _CREDENTIALS,
    "InvalidBucketName": "Correct the name of the bucket.",
    "KeyTooLongError": "The name of the object is too long. Choose a shorter one.",
    "NoSuchBucket": "The bucket does not exist. Create it, or correct its name.",
    "NoSuchKey": "The object does not exist. Check the path.",
    "SignatureDoesNotMatch": _CREDENTIALS,
    "PermanentRedirect": "The bucket is in another region. Set the region in the store's Airflow connection.",
}
_PASSING_CODES: Final = frozenset(
    {"ExpiredToken", "RequestTimeTooSkewed", "RequestTimeout", "SlowDown", "TokenRefreshRequired"}
)
_FINAL_STATUSES: Final = {
    400: "Check the path and the Airflow connection of its store.",
    401: _CREDENTIALS,
    403: _FINAL_CODES["AccessDenied"],
    404: "Check the path, and that the bucket exists.",
    405: "The store does not allow this. Choose another path.",
    412: "Choose another path, or remove what is there.",
}
#: Classes of botocore that a retry cannot cure: what is missing is missing in the configuration.
_FINAL_BOTOCORE: Final = {
    "NoCredentialsError": "Put login and password into the store's Airflow connection.",
    "PartialCredentialsError": "Put login and password into the store's Airflow connection.",
    "NoRegionError": "Set the region in the store's Airflow connection.",
    "ParamValidationError": "Correct the bucket and the path.",
}


#: The errors of the libraries of stores; one whose module is not loaded cannot have been raised.
_LIBRARIES: Final = (
    ("botocore.exceptions", ("BotoCoreError", "ClientError")),
    ("aiohttp", ("ClientError",)),
    ("fsspec.exceptions", ("FSTimeoutError",)),
    ("gcsfs.retry", ("HttpError",)),
    ("google.api_core.exceptions", ("GoogleAPIError",)),
    ("azure.core.exceptions", ("AzureError",)),
)


@dataclass(frozen=True, slots=True)
class StorageFault:
    """An error of a file system or a store, judged.

    :param is_final: whether no retry can cure it.
    :param reason: the reason that the system or the store gives, in a few words.
    :param remedy: what the reader is to do.
    """

    is_final: bool
    reason: str
    remedy: str

    def error(self, text: str) -> TingTingStorageError:
        """Return the error with a text, of the class that says whether a retry can help.

        :param text: names the file, the reason and the remedy.
        """
        return TingTingStorageRefusedError(text) if self.is_final else TingTingStorageError(text)


def is_storage_error(error: BaseException) -> bool:
    """Whether an error comes from the file system or from a store.

    :param error: the error.
    """
    if isinstance(error, OSError):
        return True
    loaded = ((sys.modules.get(module), names) for module, names in _LIBRARIES)
    kinds = (getattr(module, name, ()) for module, names in loaded if module is not None for name in names)
    return any(isinstance(error, kind) for kind in kinds)


def judge_storage_error(error: BaseException) -> StorageFault:
    """Return what an error of a file system or a store means.

    :param error: an `OSError`, or an error of the store's own library (botocore, aiohttp, google-cloud, azure), also
        one that was raised from such an error.
    """
    causes = tuple(_causes(error))
    reason = _reason(error)
    for cause in causes:
        code, status = _code(cause), _status(cause)
        if code in _PASSING_CODES:
            return StorageFault(False, reason, _AGAIN)
        if code in _FINAL_CODES:
            return StorageFault(True, reason if code in reason else f"{code}: {reason}", _FINAL_CODES[code])
        if status is not None:
            return StorageFault(status in _FINAL_STATUSES, reason, _FINAL_STATUSES.get(status, _AGAIN))
        if remedy := _botocore_remedy(cause):
            return StorageFault(True, reason, remedy)
    number = error.errno if isinstance(error, OSError) else None
    if number is None and isinstance(error, OSError):
        # Some libraries raise these without a number.
        kinds = ((FileNotFoundError, errno.ENOENT), (PermissionError, errno.EACCES), (FileExistsError, errno.EEXIST))
        number = next((of_kind for kind, of_kind in kinds if isinstance(error, kind)), None)
    if remedy := _FINAL_NUMBERS.get(number or 0):
        return StorageFault(True, reason, remedy)
    return StorageFault(False, reason, _PASSING_NUMBERS.get(number or 0, _AGAIN))


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        yield cause
        seen.add(id(cause))
        cause = cause.__cause__


def _reason(error: BaseException) -> str:
    message = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return (message.strip().splitlines() or [type(error).__name__])[0].strip().rstrip(".")[:300]


def _code(error: BaseException) -> str:
    """Return the error code in an answer of S3, as botocore keeps it."""
    response: Any = getattr(error, "response", None)
    found = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    return str(found) if found and not str(found).isdecimal() else ""


def _status(error: BaseException) -> int | None:
    """Return the HTTP status of a store's answer, where the library that raised the error keeps it."""
    response: Any = getattr(error, "response", None)
    candidates = [
        response.get("ResponseMetadata", {}).get("HTTPStatusCode") if isinstance(response, dict) else None,
        # aiohttp, azure-core, gcsfs and google-api-core.
        *(getattr(error, name, None) for name in ("status", "status_code", "code")),
    ]
    for candidate in candidates:
        number = int(candidate) if isinstance(candidate, str) and candidate.isdecimal() else candidate
        if isinstance(number, int) and not isinstance(number, bool) and 300 <= number < 600:
            return number
    return None


def _botocore_remedy(error: BaseException) -> str | None:
    botocore = sys.modules.get("botocore.exceptions")
    return next(
        (
            remedy
            for name, remedy in _FINAL_BOTOCORE.items()
            if botocore is not None and isinstance(error, getattr(botocore, name, ()))
        ),
        None,
    )
