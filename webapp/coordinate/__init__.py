"""The coordinator's desk: programmes, cohorts, pairs by name, waves, links, and results of groups only."""
