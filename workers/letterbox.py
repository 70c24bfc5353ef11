"""What other doors may post to the workers: letters' ids, never what they say.

The one module of this door that the others may import. Nothing here is called while a hook
waits for its answer: the relay posts, in its own thread.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from store import cards_shown, histories
from workers import app as jobs

TASK_OF_KIND = {
    cards_shown.KIND: jobs.RECORD_CARDS_SHOWN,
    histories.KIND: jobs.READ_HISTORY,
}

TOGETHER = frozenset({cards_shown.KIND})
"""The kinds whose task takes several letters at once; any other may take long for one."""


class NotPosted(Exception):
    """The broker did not take a message; its letters stay in the outbox."""


class UnknownKind(ValueError):
    """A letter of a kind that no task answers to."""


class Letterbox:
    """Posts letters to the broker. Made after a fork; connects when the first letter is posted.

    Used by one thread at a time (the relay sees to that).
    """

    def __init__(self, broker_url: str) -> None:
        self._app = jobs.make_app(broker_url, posting_only=True)
        self.together = TOGETHER
        # A connection of our own: the library's pools are shared by the whole process.
        self._connection: Any = None

    def post(self, kind: str, letter_ids: Sequence[str]) -> None:
        """Hand letters of one kind to the broker in one message, within seconds or not at all.

        Raises NotPosted (broker stopped, hung, refusing) or UnknownKind.
        """
        task = TASK_OF_KIND.get(kind)
        if task is None:
            raise UnknownKind("no task answers to letters of this kind")
        try:
            if self._connection is None:
                self._connection = self._app.connection_for_write()
            producer = self._app.amqp.Producer(self._connection)
            self._app.send_task(task, args=letter_ids, producer=producer, retry=False)
        except Exception as error:
            # Whatever the transport raises. A connection that timed out in the middle of an
            # exchange must not be used again.
            self.close()
            raise NotPosted(type(error).__name__) from error

    def close(self) -> None:
        """Give up the connection; the next letter opens a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.release()
