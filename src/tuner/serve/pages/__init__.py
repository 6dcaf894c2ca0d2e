"""The pages: the same actions as the API, for a browser. They can be read without scripts.

`login` has the form to log in, `new_study` the form for a new study, `studies` and `models` show
what exists, `machine` shows what is running, and `hooks` the notifications.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.serve.pages import hooks, login, machine, models, new_study, studies
from tuner.serve.web import uploads

if TYPE_CHECKING:
    from tuner.serve.web.routing import RoleRoute


def routes() -> list[RoleRoute]:
    """Return the routes of the pages.

    Those of the machine come first, because `studies` has a route for any other action on a study.
    """
    rooms = (login, new_study, uploads, machine, studies, models, hooks)
    return [one for room in rooms for one in room.routes()]
