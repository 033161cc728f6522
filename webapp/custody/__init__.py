"""The pages of custodians: two of them agree before one named person's answers are read."""
