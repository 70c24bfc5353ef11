"""What cannot be used is said in one sentence."""

from __future__ import annotations


class Refusal(Exception):
    """The command cannot do its work with what it was given: one sentence, exit code 2."""

    exit_code = 2
