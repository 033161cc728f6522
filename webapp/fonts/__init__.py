"""Fonts that travel along: whole letters as TTF for PDF and charts; FONTS.md says where each comes from and how they are made."""
