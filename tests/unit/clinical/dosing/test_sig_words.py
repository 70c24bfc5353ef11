"""Where one look says that no seldom phrase begins in a text, its reader finds none either."""

import tomllib
from pathlib import Path

from clinical.dosing import sig_words

CORPUS = tomllib.loads(
    (Path(__file__).parents[3] / "spec" / "sigs.toml").read_text(encoding="utf-8")
)["group"]
TEXTS = [row["sig"] for group in CORPUS for row in group["sigs"]]


def test_where_no_seldom_phrase_begins_no_reader_finds_one():
    """Of 562 sigs, at every letter: the look may say too much and never too little."""
    seldom = [read for read in sig_words._READERS if read not in sig_words._OF_MOST_WORDS]
    met = {read.__name__: 0 for read in seldom}
    for text in TEXTS:
        words = sig_words._plain_words(text)
        for at in range(len(words)):
            found = [read.__name__ for read in seldom if read(words, at) is not None]
            if found:
                assert sig_words._seldom().match(words, at), (text, words[at:], found)
            for name in found:
                met[name] += 1
    assert all(met.values()), met
    assert len(sig_words._OF_MOST_WORDS) == 4
