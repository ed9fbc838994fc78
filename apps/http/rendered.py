"""Answers that were made before, kept as they are sent."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

_MOST: Final = 512
_MOST_BYTES: Final = 32 * 2**20


@dataclass(frozen=True, slots=True)
class Rendered:
    """An answer's body, and what its headers say of it."""

    body: bytes
    etag: str
    file_name: str


class RenderedAnswers:
    """Keeps the answers that were asked for last; safe to use from several threads.

    An answer is kept under all that it was made of, so nothing ever has to be taken back: what it was
    made of changes, and another answer is made. Who asks for one that is being made waits for it.
    """

    def __init__(self, most: int = _MOST, most_bytes: int = _MOST_BYTES) -> None:
        self._kept: OrderedDict[Hashable, Future[Rendered]] = OrderedDict()
        self._lock = threading.Lock()
        self._most, self._most_bytes, self._bytes = most, most_bytes, 0

    def get(self, made_of: Hashable, make: Callable[[], Rendered]) -> Rendered:
        """The answer made of this, made now if it is not kept; raises what ``make`` does."""
        with self._lock:
            kept = self._kept.get(made_of)
            if kept is not None:
                self._kept.move_to_end(made_of)
            else:
                own: Future[Rendered] = Future()
                self._kept[made_of] = own
        if kept is not None:
            return kept.result()
        try:
            answer = make()
        except BaseException as error:
            with self._lock:
                self._kept.pop(made_of, None)
            own.set_exception(error)
            raise
        own.set_result(answer)
        with self._lock:
            self._bytes += len(answer.body)
            self._shrink()
        return answer

    def _shrink(self) -> None:
        for made_of in list(self._kept):
            if len(self._kept) <= self._most and self._bytes <= self._most_bytes:
                break
            if self._kept[made_of].done():  # its bytes are counted, or about to be
                self._bytes -= len(self._kept.pop(made_of).result().body)
