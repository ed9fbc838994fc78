from pathlib import Path

import pytest

from ml.config import Settings
from tests.ml.data.raw_files import CONFIG


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "raw").mkdir()
    return Settings(raw_dir=tmp_path / "raw", store_dir=tmp_path / "store", ingest=CONFIG)
