"""The sections of a report: each module answers one question, in sentences and tables.

Each section is a function of the facts (`tuner.report.facts`). It returns Markdown, or an empty
string if there is nothing to report.
"""
