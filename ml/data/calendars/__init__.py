"""Trading calendars: sessions of exchanges, the FX week, markets that never close."""

from ml.data.calendars.calendar import (
    Calendar,
    describe_gaps,
    find_gaps,
    future_timestamps,
    infer_calendar,
)

__all__ = ["Calendar", "describe_gaps", "find_gaps", "future_timestamps", "infer_calendar"]
