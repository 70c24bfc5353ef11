"""The clinical manual is what its generator makes of the spec tests."""

import manual


def test_the_manual_is_up_to_date() -> None:
    """If this fails: `make manual`, and read what has changed."""
    written = {f.name: f.read_text(encoding="utf-8") for f in manual.MANUAL.glob("*.md")}
    made = manual.pages()
    stale = sorted(name for name in written | made if written.get(name) != made.get(name))
    assert not stale, f"out of date, run make manual: {', '.join(stale)}"
