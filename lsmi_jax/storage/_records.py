"""Records in JSON, with a checksum that detects every change."""

import hashlib
import json
from typing import Any

__all__ = ["checksum", "parse_record", "record_text"]

OWN = "checksum"


def record_text(record: dict[str, Any]) -> bytes:
    """A record as JSON, with a checksum of its content."""
    return json.dumps(record | {OWN: _checksum_of(record)}, indent=1).encode()


def parse_record(text: bytes) -> dict[str, Any]:
    """The inverse of `record_text`.

    Raises:
        ValueError: If the text was changed.
    """
    record = json.loads(text)
    if not isinstance(record, dict) or record.pop(OWN, None) != _checksum_of(record):
        raise ValueError("record: expected the text that was written, got a changed one")
    return record


def checksum(content: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def _checksum_of(record: dict[str, Any]) -> str:
    """Checksum of the content of a record."""
    return checksum(json.dumps(record).encode())
