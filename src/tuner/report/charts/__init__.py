"""Pictures, drawn without a screen and independently of the environment."""

from __future__ import annotations

import logging
import os

# matplotlib reads MPLBACKEND on import, and raises an error if the value is unusable. The pictures
# are written as SVG in any case, so it is imported without that variable.
_asked = os.environ.pop("MPLBACKEND", None)
# Where the home folder may only be read it says so in 500 letters, and that it uses another one.
_log = logging.getLogger("matplotlib")
_level = _log.level
_log.setLevel(logging.ERROR)
try:
    import matplotlib as _matplotlib

    _matplotlib.get_cachedir()
finally:
    _log.setLevel(_level)
    if _asked is not None:
        os.environ["MPLBACKEND"] = _asked
