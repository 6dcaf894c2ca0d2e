"""Pictures, drawn without a screen and independently of the environment."""

from __future__ import annotations

import os

# matplotlib reads MPLBACKEND on import, and raises an error if the value is unusable. The pictures
# are written as SVG in any case, so it is imported without that variable.
_asked = os.environ.pop("MPLBACKEND", None)
try:
    import matplotlib as _matplotlib  # noqa: F401
finally:
    if _asked is not None:
        os.environ["MPLBACKEND"] = _asked
