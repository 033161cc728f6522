"""The participant's side: one personal link, pages of questions, nothing else."""
