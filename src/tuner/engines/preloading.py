"""Imports what workers need, in the process that they are forked from.

Imports make a million objects that all stay. Looking through them for garbage again and again would
take a quarter of the imports' time, and once more in each worker.
"""

import gc
from importlib import import_module

from tuner.unpromised import OPTIMIZING

gc.disable()
try:
    for module in (OPTIMIZING, "tuner.engines.processes", "tuner.engines.loops"):
        import_module(module)
    gc.freeze()
finally:
    gc.enable()
