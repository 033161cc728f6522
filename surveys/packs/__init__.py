"""Drafts for whoever has to judge a programme before it begins: an impact assessment and a works council's file, from its configuration."""
