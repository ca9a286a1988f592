"""Which studies a database holds."""

from __future__ import annotations

from pipeline.study import database, tables
from pipeline.study.records import StudyRow


def begun(url: str) -> bool:
    """Whether there is a database; a file is not made by asking."""
    file = database.file(url)
    return database.shared(url) or (file is not None and file.exists())


def rows(url: str) -> list[StudyRow]:
    """Every study, the one begun last at the end."""
    with tables.connected(url) as engine:
        return tables.study_rows(engine)


def latest(url: str) -> StudyRow | None:
    """The study begun last, or None."""
    known = rows(url)
    return known[-1] if known else None


def known(url: str, study_id: str) -> bool:
    """Whether the database holds this study."""
    return any(row.study_id == study_id for row in rows(url))


def finished(url: str, study_id: str) -> bool:
    """Whether the budget of this study was spent when it was searched last."""
    return any(row.finished for row in rows(url) if row.study_id == study_id)
