"""A client for a running service: submit studies, watch them, read reports, download models.

It needs only the standard library: `from tuner.client import Client`.
"""

from tuner.client.client import Client as Client
from tuner.client.client import StudyOptions as StudyOptions
