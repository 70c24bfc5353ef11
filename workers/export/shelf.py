"""The folder of each export: a file has its name when it is whole and on disk, never before."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Collection
from pathlib import Path

_PART = ".part"
_CHUNK = 1 << 20


class Shelf:
    """The folders of all exports, below one folder; for this user only."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def folder(self, export_id: str) -> Path:
        """The folder of an export. Its files are `<Type>.<number>.ndjson`, all of them whole."""
        if not export_id or not all(c.isalnum() or c in "-_" for c in export_id):
            raise ValueError("an export's id is made of letters, digits, hyphens and underscores")
        return self._root / export_id

    def part(self, export_id: str, name: str, lease: str) -> Path:
        """Where a file is written while it comes in. What a dead worker left of it is removed."""
        folder = self.folder(export_id)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in folder.glob(f".{name}.*{_PART}"):
            left.unlink(missing_ok=True)
        return folder / f".{name}.{lease}{_PART}"

    def put(self, part: Path, name: str) -> None:
        """Give a file that is whole and on disk its name, durably."""
        os.replace(part, part.with_name(name))
        _sync_folder(part.parent)

    def holds(self, export_id: str, name: str, sha256: str) -> bool:
        """Whether the file is there with this hash."""
        digest = hashlib.sha256()
        try:
            with (self.folder(export_id) / name).open("rb") as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
        except FileNotFoundError:
            return False
        return digest.hexdigest() == sha256

    def keep_only(self, export_id: str, names: Collection[str]) -> None:
        """Remove what is not of these names: parts, and files of a manifest that holds no more."""
        folder = self.folder(export_id)
        if folder.exists():
            for file in folder.iterdir():
                if file.name not in names:
                    file.unlink(missing_ok=True)

    def remove(self, export_id: str) -> None:
        """Remove the folder with all that is in it; nothing there is fine."""
        folder = self.folder(export_id)
        if folder.exists():
            shutil.rmtree(folder)


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
