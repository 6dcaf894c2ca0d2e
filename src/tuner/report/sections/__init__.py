"""Sentences and tables: a question of the reader and its answer in each module."""
