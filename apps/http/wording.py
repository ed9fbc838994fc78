"""Words for clients: where the server's folders lie is nobody's business."""

from functools import lru_cache
from pathlib import Path

from ml.config import Settings


def without_folders(text: str, settings: Settings) -> str:
    """The text with each folder of the server by its last name: ``raw/AAPL_1d.csv``."""
    for folder, name in _names(
        settings.raw_dir, settings.store_dir, settings.models_dir, settings.predictions_dir, Path.cwd()
    ):
        text = text.replace(folder, name)
    return text


@lru_cache(maxsize=8)
def _names(*folders: Path) -> tuple[tuple[str, str], ...]:
    """Spellings of the folders and what stands for them, the longest first."""
    names: dict[str, str] = {}
    for folder in folders:
        for spelling in (folder, folder.absolute(), folder.resolve()):
            if spelling.is_absolute() and len(spelling.parts) > 1:
                names.setdefault(str(spelling), spelling.name)
    names.setdefault(str(Path.home()), "~")
    return tuple(sorted(names.items(), key=lambda pair: -len(pair[0])))
