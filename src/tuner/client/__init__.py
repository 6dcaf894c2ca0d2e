"""Asks a running service: submit studies, watch them, read reports, take models.

It needs nothing but Python: `from tuner.client import Client`.
"""

from tuner.client.client import Client as Client
from tuner.client.client import StudyOptions as StudyOptions
