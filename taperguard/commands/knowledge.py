"""`taperguard knowledge import`: a downloaded release of RxNorm -> the site's own drug tables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TextIO

from clinical.drug.tables import Product, shipped_products
from ehr.decode import pretty
from taperguard.refusal import Refusal
from taperguard.rxnorm import concepts, folder
from taperguard.rxnorm.changes import Changes, compare
from taperguard.rxnorm.products import harvest
from taperguard.rxnorm.release import Release, open_release


def run(
    *,
    rrf: Path,
    out: Path | None,
    with_ndc: bool,
    apply: bool,
    released_on: date | None,
    today: date,
    output_format: str,
    stdout: TextIO,
) -> int:
    """Print what the release changes and, with `apply`, put the tables in the folder `out`.

    Raises Refusal; then nothing was written.
    """
    if output_format not in {"text", "json"}:
        raise Refusal("--format has to be text or json")
    if out is None:
        raise Refusal("say where the tables are with --out, or set TAPERGUARD_KNOWLEDGE")
    release = open_release(rrf, released_on)
    before = folder.in_use(out)
    if before is not None and before.released_on > release.released_on:
        raise Refusal(
            f"the release of {release.released_on.isoformat()} is older than that of "
            f"{before.released_on.isoformat()} which is in use"
        )
    changes = _changes(release, out, before, with_ndc=with_ndc)
    if output_format == "json":
        stdout.write(pretty({**changes.as_json(), "applied": apply}) + "\n")
    else:
        stdout.write(changes.as_text())
    if apply:
        day = release.released_on.isoformat()
        kept = before.ndc if before is not None else None
        new = folder.InUse(
            version=release.version,
            released_on=release.released_on,
            imported_on=today,
            products=f"products-{day}.csv",
            ndc=f"ndc-{day}.csv" if with_ndc else kept,
        )
        folder.write(out, new, changes.products.values(), changes.ndc, changes.retired_ndc)
    if output_format == "text":
        stdout.write(
            f"\nThe tables are in {out}; running processes use them when they start again.\n"
            if apply
            else "\nNothing was written: --apply writes the tables.\n"
        )
    return 0


def _changes(
    release: Release, out: Path, before: folder.InUse | None, *, with_ndc: bool
) -> Changes:
    """Raises Refusal for a release in which the tablets of a taper are missing."""
    site = folder.read(out, before) if before is not None else None
    found = harvest(concepts.read(release), release, with_ndc=with_ndc)
    tablets = [
        product
        for product in found.products.values()
        if product.ingredients == ("clonazepam",) and product.strengths and not product.retired
    ]
    if not tablets:
        raise Refusal("no product of clonazepam was found: this is no full release of RxNorm")
    if site is not None:
        _refuse_a_part(_active(site.products), _active(found.products))
    known = {**shipped_products(), **(site.products if site is not None else {})}
    return compare(release.version, found, known, site)


def _active(products: Mapping[str, Product]) -> set[str]:
    return {rxcui for rxcui, product in products.items() if not product.retired}


def _refuse_a_part(before: set[str], now: set[str]) -> None:
    """More than half of what is in use cannot go in a month: it is a damaged or partial file."""
    still = before & now
    if len(still) * 2 < len(before):
        raise Refusal(
            f"only {len(still)} of the {len(before)} active concepts in use are active in it: "
            "this is a part of a release"
        )
