"""Reading raw CSVs, whoever wrote them: recognised by content, or as an override says."""

from ml.data.reading.overrides import Override, Overrides, load_overrides
from ml.data.reading.reader import RawTable, Reading, read_lines, read_raw

__all__ = ["Override", "Overrides", "RawTable", "Reading", "load_overrides", "read_lines", "read_raw"]
