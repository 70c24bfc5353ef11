"""The sandbox's ordering screen as a browser without script uses it: forms, redirects, words."""

from __future__ import annotations

import re
from html import unescape
from typing import Any


class Screen:
    """The ordering screen of one patient. `client` is an HTTP client with a base URL."""

    def __init__(self, client: Any, patient: str) -> None:
        self.client = client
        self.path = f"/patients/{patient}/orders"
        self.status = 0
        self.html = ""
        self.open()

    def open(self, query: str = "") -> str:
        answer = self.client.get(f"{self.path}{query}")
        self.status, self.html = answer.status_code, answer.text
        return self.html

    def post(self, action: str, **fields: Any) -> int:
        """Post a form with the revision that the page shows; follow the redirect."""
        sent = {"revision": self.revision, **fields}
        answer = self.client.post(f"{self.path}/{action}", data=sent, follow_redirects=False)
        self.status, self.html = answer.status_code, answer.text
        if answer.status_code == 303:
            self.open()
            return 303
        return answer.status_code

    def add(self, product: str = "clonazepam 1 mg tablet", **fields: Any) -> int:
        plain = {
            "product": product,
            "amount": "1",
            "unit": "each",
            "frequency": "three-times-a-day",
            "quantity": "90",
            "refills": "0",
        }
        return self.post("add", **{**plain, **fields})

    @property
    def revision(self) -> str:
        found = re.search(r'name="revision" value="(\d+)"', self.html)
        assert found is not None, self.html
        return found[1]

    @property
    def drafts(self) -> list[str]:
        """The ids of the drafts, in order."""
        return re.findall(
            r'/remove">\s*<input [^>]*>\s*<input type="hidden" name="order" value="([^"]+)"',
            self.html,
        )

    @property
    def cards(self) -> list[str]:
        """The numbers of the cards."""
        return re.findall(r'<article [^>]*id="card-(\d+)"', self.html)

    @property
    def words(self) -> str:
        """What a person reads, without the inspector."""
        page = self.html.partition('id="inspector"')[0]
        return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))

    @property
    def suggestions(self) -> list[tuple[str, str]]:
        """What can be accepted: the number of the card and of the suggestion in it."""
        found: list[tuple[str, str]] = re.findall(
            r'name="card" value="(\d+)">\s*<button [^>]*name="suggestion" value="(\d+)"', self.html
        )
        return found

    @property
    def sign_step(self) -> str:
        """Whether the sign button asks the safety service first (check) or signs (final)."""
        found = re.search(r'name="step" value="(\w+)"', self.html)
        assert found is not None, self.words
        return found[1]

    def sign(self) -> None:
        """Press the button; when cards or trouble come first, press it again."""
        assert self.post("sign", step=self.sign_step) == 303, self.words
        if "Not signed yet" in self.words:
            assert self.sign_step == "final"
            assert self.post("sign", step="final") == 303, self.words
        assert "Signed " in self.words, self.words
