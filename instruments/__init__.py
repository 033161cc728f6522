"""What is asked: questionnaire definitions, their wording in every language, and the rules they must obey."""
