"""The pages: the same acts as the API, for a browser. Reading them needs no script.

`login` is the way in. `new_study` has the form of one, `studies` and `models` show what there is,
`machine` what is at work, and `hooks` who is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.serve.pages import hooks, login, machine, models, new_study, studies
from tuner.serve.web import uploads

if TYPE_CHECKING:
    from tuner.serve.web.routing import RoleRoute


def routes() -> list[RoleRoute]:
    """Return the routes of the pages.

    Those of the machine come first: `studies` takes any other act on a study.
    """
    rooms = (login, new_study, uploads, machine, studies, models, hooks)
    return [one for room in rooms for one in room.routes()]
