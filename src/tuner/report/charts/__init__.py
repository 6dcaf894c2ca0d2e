"""Pictures, drawn without a screen and without asking the environment."""

from __future__ import annotations

import os

# matplotlib reads MPLBACKEND when it is imported and raises where it cannot use the value. The
# pictures are written as SVG whatever it says, so it is imported without it.
_asked = os.environ.pop("MPLBACKEND", None)
try:
    import matplotlib as _matplotlib  # noqa: F401
finally:
    if _asked is not None:
        os.environ["MPLBACKEND"] = _asked
