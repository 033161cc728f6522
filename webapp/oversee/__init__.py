"""The pages of a works council or a data protection officer: they read, and change nothing."""
