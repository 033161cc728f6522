"""The same work done with other packages, as a user of theirs would do it."""
