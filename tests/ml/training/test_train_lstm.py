import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch

from ml.artifacts.store import ModelStore
from ml.artifacts.tuned import Compared, Tuned, series_path, write_tuned
from ml.series import SeriesKey
from ml.training.train_lstm import main
from tests.synthetic import make_bars

QUICK = ["--epochs", "2", "--seq-len", "16", "--horizon", "4", "--hidden-size", "8"]


@pytest.fixture
def folders(tmp_path: Path) -> list[str]:
    raw = tmp_path / "raw"
    raw.mkdir()
    make_bars(500).to_csv(raw / "AAPL_1d.csv", index=False)
    options = []
    for name in ("raw", "store", "models", "predictions"):
        options += [f"--{name}-dir", str(tmp_path / name)]
    return options


def test_one_series_is_trained_judged_and_promoted_with_a_table(
    folders: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--ticker", "AAPL", "--interval", "1d", *QUICK, "--features", "close,rsi_14", *folders]
    assert main([*command, "--model", "gru", "--force"]) == 0
    assert (tmp_path / "models" / "gru_AAPL_1d.meta.json").exists()
    shown = capsys.readouterr()
    assert "random walk" in shown.out
    assert "AAPL 1d: promoted" in shown.out
    assert shown.err == ""  # no progress bar where there is no terminal

    before = (tmp_path / "models" / "gru_AAPL_1d.pth").read_bytes()
    assert main([*command, "--model", "gru", "--force"]) == 0
    assert "not trained again" not in capsys.readouterr().out
    assert (tmp_path / "models" / "gru_AAPL_1d.pth").read_bytes() == before  # the same seed


@pytest.mark.parametrize(
    ("wrong", "status", "message"),
    [
        (["--ticker", "MSFT", "--interval", "1d"], 2, "there is AAPL 1d"),
        (["--ticker", "AAPL", "--interval", "7x"], 2, "expected an interval"),
        (["--ticker", "../etc/passwd", "--interval", "1d"], 2, "no path"),
        (["--ticker", "AAPL", "--interval", "1d", "--epochs", "0"], 2, "--epochs"),
        (["--ticker", "AAPL", "--interval", "1d", "--features", "rsj_14"], 2, "rsi_14"),
        (["--ticker", "AAPL", "--interval", "1d", "--model", "lstn"], 2, "lstm"),
        (["--ticker", "AAPL", "--interval", "1d", "--deadline-seconds", "inf"], 2, "--deadline-seconds"),
        (["--ticker", "AAPL", "--interval", "1d", "--seq-len", "400"], 1, "found 500"),
    ],
)
def test_what_is_wrong_is_said_with_its_exit_status(
    folders: list[str],
    wrong: list[str],
    status: int,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*wrong, *folders]) == status
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(("value", "message"), [("many", "train.epochs"), ("0", "train.epochs")])
def test_an_environment_that_does_not_fit_is_wrong_use(
    value: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TICKERFLOW_TRAIN__EPOCHS", value)
    assert main(["--ticker", "AAPL", "--interval", "1d"]) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert "TICKERFLOW_" in shown


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_wrong_use(
    folders: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--ticker", "AAPL", "--interval", "1d", "--device", "cuda", *folders]) == 2
    assert "--device cpu" in capsys.readouterr().err


def test_an_unknown_option_is_wrong_use() -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--ticker", "AAPL", "--interval", "1d", "--epoch", "3"])
    assert stopped.value.code == 2


def test_help_lists_every_training_setting_without_loading_torch() -> None:
    watched = (
        "import sys, ml.training.train_lstm as t\ntry: t.main(['--help'])\nexcept SystemExit: pass\n"
    )
    watched += "assert 'torch' not in sys.modules and 'pandas' not in sys.modules"
    shown = subprocess.run([sys.executable, "-c", watched], capture_output=True, text=True, check=True)
    for option in ("--model", "--features", "--epochs", "--learning-rate", "--seed", "--device"):
        assert option in shown.stdout


def test_a_whole_run_imports_neither_scikit_learn_nor_torchs_compiler(folders: list[str]) -> None:
    command = ["--ticker", "AAPL", "--interval", "1d", *QUICK, *folders]
    watched = (
        f"import sys, ml.training.train_lstm as t\nassert t.main({command!r}) == 0\n"
        "print(*({'sklearn', 'scipy.stats', 'torch._dynamo', 'sympy'} & set(sys.modules)))\n"
        "print('pandera' in sys.modules)\n"
    )
    for pandera in ("True", "False"):  # a second run reads no file anew, and judges no row
        done = subprocess.run([sys.executable, "-c", watched], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-2:] == ["", pandera]


def test_what_was_tuned_stands_below_what_is_typed_and_above_the_defaults(
    folders: list[str], tmp_path: Path
) -> None:
    key, pair = SeriesKey.of("AAPL", "1d"), Compared(tuned=0.98, defaults=0.99)
    tuned = Tuned(
        members=(key.stem,),
        sample=(key.stem,),
        values={"hidden_size": 5, "dropout": 0.35},
        searched=pair,
        confirmed=pair,
        folds=3,
        study="0123456789abcdef",
        trials=30,
        pruned=0,
        created=datetime(2026, 11, 22, tzinfo=UTC),
        fingerprint="0" * 64,
    )
    write_tuned(series_path(tmp_path / "models", key), tuned)
    assert main(["--ticker", "AAPL", "--interval", "1d", "--force", *QUICK, *folders]) == 0
    config = ModelStore(tmp_path / "models").champion(key).meta.training.config
    assert (config["hidden_size"], config["dropout"]) == (8, 0.35)  # the first is typed in QUICK


def test_sigterm_ends_a_training_as_ctrl_c_does_and_promotes_nothing(
    folders: list[str], tmp_path: Path
) -> None:
    command = ["--ticker", "AAPL", "--interval", "1d", *QUICK, "--epochs", "10000", *folders]
    process = subprocess.Popen(
        [sys.executable, "-m", "ml.training.train_lstm", *command, "--patience", "10000"],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 240
        while not list((tmp_path / "store").glob("*.parquet")):  # then it trains
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=240)
    finally:
        process.kill()
    assert process.returncode == 143
    assert err.strip() == "interrupted: nothing was promoted"
    assert not list((tmp_path / "models").glob("*.meta.json"))


def test_a_refit_can_be_asked_for(folders: list[str], tmp_path: Path) -> None:
    command = ["--ticker", "AAPL", "--interval", "1d", *QUICK, "--features", "close", *folders]
    assert main([*command, "--force"]) == 0
    assert main([*command, "--mode", "refit", "--force"]) == 0
    meta = ModelStore(tmp_path / "models").champion(SeriesKey.of("AAPL", "1d")).meta
    assert meta.training.mode == "refit"
    assert meta.training.learnt_until == meta.data.last
