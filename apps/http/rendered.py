"""Answers that were made before, kept as they are sent."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final

_MOST: Final = 512
_MOST_BYTES: Final = 32 * 2**20


@dataclass(frozen=True, slots=True)
class Rendered:
    """An answer's body, the sha256 of all that it says, and its name as a file."""

    body: bytes
    digest: str
    file_name: str


@dataclass(eq=False, slots=True)
class _Kept:
    made_of: Hashable
    answer: Future[Rendered] = field(default_factory=Future)
    size: int = 0  # of what is made


class RenderedAnswers:
    """Keeps the answers that were asked for last; safe to use from several threads.

    Of each question the last answer is kept, with all that it was made of: where that is another by now,
    another answer is made and takes its place. Who asks for one that is being made waits for it.
    """

    def __init__(self, most: int = _MOST, most_bytes: int = _MOST_BYTES) -> None:
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._lock = threading.Lock()
        self._most, self._most_bytes, self._bytes = most, most_bytes, 0

    def get(self, asked: Hashable, made_of: Hashable, make: Callable[[], Rendered]) -> Rendered:
        """The answer made of this, made now if it is not kept; raises what ``make`` does.

        Args:
            asked: the question, by which answers are found.
            made_of: all that the answer depends on.
            make: makes it.
        """
        with self._lock:
            kept = self._kept.get(asked)
            if kept is not None and kept.made_of == made_of:
                self._kept.move_to_end(asked)
            else:
                self._drop(asked)
                kept, own = None, _Kept(made_of)
                self._kept[asked] = own
        if kept is not None:
            return kept.answer.result()
        try:
            answer = make()
        except BaseException as error:
            with self._lock:
                if self._kept.get(asked) is own:
                    self._drop(asked)
            own.answer.set_exception(error)
            raise
        own.answer.set_result(answer)
        with self._lock:
            if self._kept.get(asked) is own:  # no other has taken its place meanwhile
                own.size = len(answer.body)
                self._bytes += own.size
                self._shrink()
        return answer

    def _drop(self, asked: Hashable) -> None:
        dropped = self._kept.pop(asked, None)
        if dropped is not None:
            self._bytes -= dropped.size

    def _shrink(self) -> None:
        for asked in list(self._kept):
            if len(self._kept) <= self._most and self._bytes <= self._most_bytes:
                break
            if self._kept[asked].answer.done():
                self._drop(asked)
