import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from apps.http.rendered import Rendered, RenderedAnswers


def answer(body: bytes = b"x") -> Rendered:
    """An answer of some bytes."""
    return Rendered(body, digest="1", file_name="x.csv")


def test_an_answer_is_made_once_for_what_it_is_made_of() -> None:
    answers, made = RenderedAnswers(), []

    def make() -> Rendered:
        made.append(1)
        return answer()

    first = answers.get("a", 1, make)
    assert answers.get("a", 1, make) is first
    answers.get("a", 2, make)
    assert len(made) == 2


def test_who_asks_while_it_is_made_waits_for_it() -> None:
    answers, made, asked = RenderedAnswers(), [], threading.Barrier(4)

    def make() -> Rendered:
        made.append(1)
        asked.wait(60)
        return answer()

    with ThreadPoolExecutor(1) as maker, ThreadPoolExecutor(3) as others:
        own = maker.submit(answers.get, "a", 1, make)
        while not made:
            pass

        def ask() -> Rendered:
            asked.wait(60)
            return answers.get("a", 1, make)

        waited = [others.submit(ask) for _ in range(3)]
        assert {id(one.result(60)) for one in waited} == {id(own.result(60))}
    assert len(made) == 1


def test_what_fails_is_tried_again() -> None:
    answers = RenderedAnswers()

    def fail() -> Rendered:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        answers.get("a", 1, fail)
    assert answers.get("a", 1, answer).body == b"x"


@pytest.mark.parametrize("bounds", [{"most": 3}, {"most_bytes": 30}])
def test_the_ones_that_were_asked_for_last_are_kept(bounds: dict[str, int]) -> None:
    answers, made = RenderedAnswers(**bounds), []

    def ask(name: int) -> None:
        def make() -> Rendered:
            made.append(name)
            return answer(b"0123456789")

        answers.get(name, 1, make)

    for name in (0, 1, 2, 0, 3, 0, 1):
        ask(name)
    assert made == [0, 1, 2, 3, 1]


def test_an_answer_takes_the_place_of_the_one_before_and_its_bytes() -> None:
    answers, kept = RenderedAnswers(most_bytes=25), []
    answers.get("other", 1, lambda: answer(b"0123456789"))
    for generation in range(100):
        answers.get("a", generation, lambda: answer(b"0123456789"))

    def again() -> Rendered:
        kept.append(False)
        return answer()

    answers.get("other", 1, again)
    assert not kept  # a hundred promotions of one series push no other's answer out


def test_one_of_before_that_is_made_late_leaves_the_newer_one_in_place() -> None:
    answers, begun, may_end = RenderedAnswers(), threading.Event(), threading.Event()

    def make_slowly() -> Rendered:
        begun.set()
        assert may_end.wait(60)
        return answer(b"old")

    with ThreadPoolExecutor(1) as pool:
        old = pool.submit(answers.get, "a", 1, make_slowly)
        assert begun.wait(60)
        newer = answers.get("a", 2, lambda: answer(b"new"))
        may_end.set()
        assert old.result(60).body == b"old"
    assert answers.get("a", 2, answer) is newer
