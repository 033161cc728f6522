"""The interface's own sentences: one template and one catalogue a locale, read by webapp.i18n."""
