"""The studies behind the measurement-quality table, one file a subject; each study takes a number of samples and yields its lines."""
