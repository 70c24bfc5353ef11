"""The folder of a site's own drug tables.

`release.toml` names the tables in use; it is replaced last, whole, so a reader finds the old
tables or the new ones and never a part. The tables of the release before stay until the next, and
`release-before.toml` is their manifest.
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from clinical import drugs
from clinical.drug.site import (
    ACTIVE,
    NDC_COLUMNS,
    PRODUCT_COLUMNS,
    RETIRED,
    UnusableTable,
    site_tables,
)
from clinical.drug.tables import Product, SiteTables
from clinical.quantities import plain
from taperguard.refusal import Refusal
from workers.report.files import whole

MANIFEST, BEFORE = "release.toml", "release-before.toml"


@dataclass(frozen=True, slots=True)
class InUse:
    """What `release.toml` says: the release that the tables were made of, and their files."""

    version: str
    released_on: date
    imported_on: date
    products: str
    ndc: str | None


def in_use(folder: Path) -> InUse | None:
    """What a folder holds; None for one that holds nothing yet. Raises Refusal."""
    file = folder / MANIFEST
    try:
        with file.open("rb") as opened:
            row = tomllib.load(opened)["release"]
        found = InUse(
            version=str(row["version"]),
            released_on=_day(row["released_on"]),
            imported_on=_day(row["imported_on"]),
            products=_file_name(row["products"]),
            ndc=_file_name(row["ndc"]) if "ndc" in row else None,
        )
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Refusal(f"{MANIFEST} cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError):
        raise Refusal(
            f"{MANIFEST} is not as the import writes it: import the release again"
        ) from None
    return found


def _day(value: object) -> date:
    if type(value) is not date:
        raise TypeError
    return value


def _file_name(value: object) -> str:
    if not isinstance(value, str) or not value.endswith(".csv") or Path(value).name != value:
        raise ValueError
    return value


def read(folder: Path, release: InUse) -> SiteTables:
    """The folder's tables, checked. Raises Refusal with file, line and reason."""
    try:
        return site_tables(
            release.version,
            (release.products, _text(folder / release.products)),
            (release.ndc, _text(folder / release.ndc)) if release.ndc else None,
        )
    except UnusableTable as error:
        raise Refusal(f"the site's drug tables cannot be used: {error}") from None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UnusableTable(f"{file.name}: it is not UTF-8") from None
    except OSError as error:
        raise UnusableTable(f"{file.name}: it cannot be read ({error.strerror})") from None


def write(
    folder: Path,
    release: InUse,
    products: Iterable[Product],
    ndc: Mapping[str, str] | None,
    retired_ndc: Collection[str] = (),
) -> None:
    """Put the tables in place; the last step makes them the ones in use. Raises Refusal.

    What was made is read back and checked before that step.
    """
    source = f"# RxNorm {release.version}, released on {release.released_on.isoformat()}"
    texts = {release.products: _products_text(source, products)}
    if ndc is not None and release.ndc is not None:
        texts[release.ndc] = _ndc_text(source, ndc, retired_ndc)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        before = in_use(folder)
        for name, text in texts.items():
            _put(folder / name, text)
        read(folder, release)
        if before is not None and before.released_on != release.released_on:
            _put(folder / BEFORE, _manifest(before))
        _put(folder / MANIFEST, _manifest(release))
        wanted = {release.products, release.ndc}
        if before is not None:
            wanted |= {before.products, before.ndc}
        for pattern in ("products-*.csv", "ndc-*.csv"):
            for file in folder.glob(pattern):
                if file.name not in wanted:
                    file.unlink()
    except OSError as error:
        raise Refusal(f"the tables cannot be written ({error.strerror})") from None


def _products_text(source: str, products: Iterable[Product]) -> str:
    lines = [source + ". Made by `taperguard knowledge import`.", ",".join(PRODUCT_COLUMNS)]
    for product in sorted(products, key=lambda product: int(product.rxcui)):
        strengths = "|".join(
            f"{name}:{plain(product.strengths[name])}"
            for name in product.ingredients
            if name in product.strengths
        )
        lines.append(
            _line(
                product.rxcui,
                product.term_type,
                product.name,
                "|".join(product.ingredients),
                strengths,
                product.per_unit or "",
                product.form or "",
                product.brand or "",
                RETIRED if product.retired else ACTIVE,
            )
        )
    return "\n".join(lines) + "\n"


def _ndc_text(source: str, packages: Mapping[str, str], retired: Collection[str]) -> str:
    lines = [source + ". Made by `taperguard knowledge import --ndc`.", ",".join(NDC_COLUMNS)]
    lines += [
        _line(ndc, rxcui, RETIRED if ndc in retired else ACTIVE)
        for ndc, rxcui in sorted(packages.items())
    ]
    return "\n".join(lines) + "\n"


def _line(*cells: str) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow([" ".join(cell.split()) for cell in cells])
    return out.getvalue()


def _manifest(release: InUse) -> str:
    version = release.version.replace("\\", "").replace('"', "")
    lines = [
        "# Made by `taperguard knowledge import`; it names the tables in use.",
        "[release]",
        f'version = "{version}"',
        f"released_on = {release.released_on.isoformat()}",
        f"imported_on = {release.imported_on.isoformat()}",
        f'products = "{release.products}"',
    ]
    if release.ndc:
        lines.append(f'ndc = "{release.ndc}"')
    return "\n".join(lines) + "\n"


def _put(file: Path, text: str) -> None:
    with whole(file) as draft:
        draft.write_text(text, encoding="utf-8", newline="\n")
    file.chmod(0o644)  # no secret, and the service runs as another user than who imports


_ADOPTED: list[tuple[Path, InUse]] = []


def adopt(folder: Path | None) -> InUse | None:
    """Have this process recognise drugs by the folder's tables, from now on. Raises Refusal.

    None: by the shipped tables. The same tables are not read again.
    """
    if folder is None:
        if _ADOPTED:
            _ADOPTED.clear()
            drugs.use_site_tables(None)
        return None
    release = in_use(folder)
    if release is None:
        raise Refusal(
            f"TAPERGUARD_KNOWLEDGE: the folder {folder} holds no {MANIFEST}: "
            "make it with `taperguard knowledge import`"
        )
    if [(folder, release)] != _ADOPTED:
        drugs.use_site_tables(read(folder, release))
        _ADOPTED[:] = [(folder, release)]
    return release


def adopted() -> InUse | None:
    """The release whose tables this process uses beside the shipped ones."""
    return _ADOPTED[0][1] if _ADOPTED else None
