"""`taperguard secrets DIR`: the secrets of a new installation, one file each.

Made once: a folder that holds any of them already is refused, because a new hash key would lose
every patient's earlier records. The folder is for its owner only; the files in it can be read by
the user of a container, into which each is mounted by itself.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from ehr import seal
from ehr.keys import new_key_set
from taperguard.refusal import Refusal


def run(folder: Path) -> int:
    """Write the files. Raises Refusal; then none was written."""
    database, broker = secrets.token_hex(24), secrets.token_hex(24)
    files = {
        "postgres_password": database,
        "taperguard_database_url": f"postgresql://taperguard:{database}@postgres:5432/taperguard",
        "redis_conf": _broker_configuration(broker),
        "taperguard_broker_url": f"redis://:{broker}@redis:6379/0",
        "taperguard_seal_keys": f"k1:{seal.new_secret()}",
        "taperguard_hash_key": seal.new_secret(),
        "taperguard_signing_keys": new_key_set(),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        there = [name for name in files if (folder / name).exists()]
        if there:
            raise Refusal(
                f"{folder.name} holds secrets already ({', '.join(there)}); choose another folder"
            )
        for name, text in files.items():
            file = folder / name
            with file.open("x", encoding="utf-8") as out:
                out.write(text)
            file.chmod(0o444)
    except OSError as error:
        raise Refusal(f"the secrets cannot be written ({error.strerror})") from None
    return 0


def _broker_configuration(password: str) -> str:
    lines = [
        f"requirepass {password}",
        "appendonly yes",
        "appendfsync everysec",
        'save ""',
        # A broker that forgets tasks to make room would lose what a 2xx promised.
        "maxmemory-policy noeviction",
    ]
    return "\n".join(lines) + "\n"
