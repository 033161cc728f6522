"""Timed comparisons with other packages; never imported by the program itself."""

import time

# Before anything else is imported, so that what imports cost can be told.
STARTED = time.perf_counter()
