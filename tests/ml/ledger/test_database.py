"""The ledger's file: made once, seen whole or not at all."""

from pathlib import Path
from threading import Event, Thread

from ml.errors import LedgerError
from ml.ledger.database import opened, reading


def test_who_reads_while_the_ledger_is_made_sees_none_or_all_of_it(tmp_path: Path) -> None:
    wrong: list[LedgerError] = []
    seen: set[bool] = set()

    def read(folder: Path, made: Event) -> None:
        while not made.is_set():
            try:
                with reading(folder) as connection:
                    seen.add(connection is not None)
                    if connection is not None:
                        connection.execute("SELECT count(*) FROM alarm").fetchone()
            except LedgerError as error:
                wrong.append(error)

    for number in range(40):
        folder, made = tmp_path / str(number), Event()
        reader = Thread(target=read, args=(folder, made))
        reader.start()
        with opened(folder):
            made.set()
        reader.join()
    assert wrong == []
    assert False in seen
