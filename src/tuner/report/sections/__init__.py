"""The sections of a report: each module answers one question in sentences and tables."""
