"""Words that several rooms share: whose words a translation holds, and how far its review is."""

from collections.abc import Mapping

from instruments.errors import N_

ORIGINS: Mapping[str, str] = {
    "source": N_("source language"),
    "machine": N_("machine draft"),
    "human": N_("human translation"),
}
REVIEWS: Mapping[str, str] = {
    "source": "–",
    "not reviewed": N_("not reviewed"),
    "reviewed": N_("reviewed"),
    "approved": N_("approved"),
}
