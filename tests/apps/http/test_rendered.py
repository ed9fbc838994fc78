import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from apps.http.rendered import Rendered, RenderedAnswers


def answer(body: bytes = b"x") -> Rendered:
    """An answer of some bytes."""
    return Rendered(body, etag='"1"', file_name="x.csv")


def test_an_answer_is_made_once_for_what_it_is_made_of() -> None:
    answers, made = RenderedAnswers(), []

    def make() -> Rendered:
        made.append(1)
        return answer()

    first = answers.get(("a", 1), make)
    assert answers.get(("a", 1), make) is first
    answers.get(("a", 2), make)
    assert len(made) == 2


def test_who_asks_while_it_is_made_waits_for_it() -> None:
    answers, made, asked = RenderedAnswers(), [], threading.Barrier(4)

    def make() -> Rendered:
        made.append(1)
        asked.wait(10)
        return answer()

    with ThreadPoolExecutor(1) as maker, ThreadPoolExecutor(3) as others:
        own = maker.submit(answers.get, "a", make)
        while not made:
            pass

        def ask() -> Rendered:
            asked.wait(10)
            return answers.get("a", make)

        waited = [others.submit(ask) for _ in range(3)]
        assert {id(one.result(10)) for one in waited} == {id(own.result(10))}
    assert len(made) == 1


def test_what_fails_is_tried_again() -> None:
    answers = RenderedAnswers()

    def fail() -> Rendered:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        answers.get("a", fail)
    assert answers.get("a", answer).body == b"x"


@pytest.mark.parametrize("bounds", [{"most": 3}, {"most_bytes": 30}])
def test_the_ones_that_were_asked_for_last_are_kept(bounds: dict[str, int]) -> None:
    answers, made = RenderedAnswers(**bounds), []

    def ask(name: int) -> None:
        def make() -> Rendered:
            made.append(name)
            return answer(b"0123456789")

        answers.get(name, make)

    for name in (0, 1, 2, 0, 3, 0, 1):
        ask(name)
    assert made == [0, 1, 2, 3, 1]
