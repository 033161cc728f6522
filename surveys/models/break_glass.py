"""Breaking the glass: that two people agreed to read one named person's answers, and whether that was done."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from surveys.models.base import Base, Key, PrimaryKey, enum_column


class GlassGround(StrEnum):
    """The only grounds on which one named person's answers may be read."""

    COURT_ORDER = "court_order"
    DATA_SUBJECT = "data_subject"
    SAFEGUARDING = "safeguarding"
    INCIDENT = "incident"


class GlassDecision(StrEnum):
    """What the second custodian said."""

    APPROVED = "approved"
    REFUSED = "refused"


class BreakGlassRequest(Base):
    """One request of one custodian, the decision of another one, and the single opening that may follow.

    There is no free text: what led to the request stands in a paper file, of which only the reference is kept. Programme and
    participant are named without a foreign key, because the request is kept as long as the log, which outlives them.
    """

    __tablename__ = "break_glass_request"
    __table_args__ = (
        CheckConstraint("decided_by IS NULL OR decided_by <> requested_by", name="two_people"),
        CheckConstraint(
            "(decision IS NULL) = (decided_at IS NULL) AND (decision IS NULL) = (decided_by IS NULL)",
            name="decided_whole",
        ),
        CheckConstraint(
            "opened_at IS NULL OR (decision IS NOT NULL AND decision = 'approved')",
            name="opened_approved",
        ),
        CheckConstraint("expired_at IS NULL OR opened_at IS NULL", name="opened_or_expired"),
    )

    id: Mapped[PrimaryKey]
    program_id: Mapped[Key] = mapped_column(index=True)
    participant_id: Mapped[Key]
    ground: Mapped[GlassGround] = mapped_column(enum_column(GlassGround, "ground"))
    reference: Mapped[str] = mapped_column(String(24))
    requested_by: Mapped[Key] = mapped_column(ForeignKey("access_user.id", ondelete="RESTRICT"))
    requested_at: Mapped[datetime] = mapped_column(index=True)
    decision: Mapped[GlassDecision | None] = mapped_column(enum_column(GlassDecision, "decision"))
    decided_by: Mapped[Key | None] = mapped_column(ForeignKey("access_user.id", ondelete="RESTRICT"))
    decided_at: Mapped[datetime | None]
    opened_at: Mapped[datetime | None]
    # Empty until the log has learnt that the time was over; whether it is over follows from the times alone.
    expired_at: Mapped[datetime | None]
