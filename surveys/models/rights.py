"""What the promise leaves behind: receipts of erasures, data packages that were made, and what the retention clock has done."""

from datetime import date
from enum import StrEnum

from sqlalchemy import JSON, CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from surveys.models.base import Base, Digest, Key, PrimaryKey, enum_column


class RetentionKind(StrEnum):
    """What the retention clock deletes of a cohort."""

    LINK = "link"
    COMMENTS = "comments"
    ANSWERS = "answers"
    GOALS = "goals"
    MESSAGES = "messages"
    CONTACTS = "contacts"


class RetentionStep(Base):
    """That a kind of data of a cohort came to its end, whether or not there was any."""

    __tablename__ = "retention_step"

    cohort_id: Mapped[Key] = mapped_column(ForeignKey("cohort.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[RetentionKind] = mapped_column(enum_column(RetentionKind, "kind"), primary_key=True)
    done_on: Mapped[date]


class ErasureReceipt(Base):
    """That somebody had everything erased: a digest of the code that only they hold, the day, and how much it was.

    Nothing here leads to a person or a programme.
    """

    __tablename__ = "erasure_receipt"
    __table_args__ = (
        CheckConstraint("n_responses >= 0 AND n_answers >= 0 AND n_comments >= 0", name="counts"),
        {"sqlite_with_rowid": False},
    )

    code_digest: Mapped[Digest] = mapped_column(primary_key=True)
    erased_on: Mapped[date]
    n_responses: Mapped[int]
    n_answers: Mapped[int]
    n_comments: Mapped[int]


class DataPackage(Base):
    """A data package that left the house: what is in it can no longer be erased here, and people may know of it."""

    __tablename__ = "data_package"

    id: Mapped[PrimaryKey]
    program_id: Mapped[Key] = mapped_column(ForeignKey("program.id", ondelete="CASCADE"), index=True)
    written_on: Mapped[date]
    purpose: Mapped[str] = mapped_column(String(1000))
    wave_ids: Mapped[list[str]] = mapped_column(JSON)
    manifest_digest: Mapped[Digest]
