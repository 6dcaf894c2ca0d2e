"""`tuner token`: create, list and revoke tokens for the service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.commands.options import add_workplace, whole_number, workplace_of
from tuner.commands.parsing import Parser
from tuner.study.glance import check_store, check_url

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

ROLES = ("viewer", "operator", "admin")
MOST_DAYS = 36_500


def parser() -> argparse.ArgumentParser:
    """Return the command's parser, without slow imports."""
    made = Parser(
        prog="tuner token",
        description="Make, list and revoke tokens of the service. Viewers read and try models; "
        "operators also start, steer and promote; admins also read the log of all acts. A token is "
        "shown once and stored as its hash. Once there is a token, the service asks for one.",
    )
    acts = made.add_subparsers(dest="act", required=True, metavar="ACT")
    create = acts.add_parser("create", help="make a token and print it")
    create.add_argument("name", metavar="NAME", help="name of its owner, for the log")
    create.add_argument("--role", choices=ROLES, required=True)
    create.add_argument(
        "--days",
        type=whole_number(1, MOST_DAYS),
        metavar="N",
        help="days until it expires (default: it does not expire)",
    )
    listing = acts.add_parser("list", help="list the tokens: name, role, expiry")
    revoke = acts.add_parser("revoke", help="delete a token, and log its browsers out")
    revoke.add_argument("name", metavar="NAME")
    for one in (create, listing, revoke):
        add_workplace(one)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parser().parse_args(argv)
    workplace = workplace_of(arguments)
    makes = arguments.act == "create"
    check = check_url if makes else check_store  # a mistyped folder has no tokens to list or revoke
    check(workplace.url)
    from tuner.commands.tables import console, show_table
    from tuner.serve.schema import prepare
    from tuner.serve.times import day
    from tuner.serve.tokens import Tokens
    from tuner.study.database.storage import open_storage

    engine = open_storage(workplace.url, create=makes).engine
    prepare(engine)
    tokens = Tokens(engine)
    if arguments.act == "create":
        print(tokens.create(arguments.name, arguments.role, arguments.days))
    elif arguments.act == "revoke":
        tokens.revoke(arguments.name)
        print(f"Token {arguments.name!r} is revoked.")
    else:
        rows = [
            (one.name, one.role, day(one.made), day(one.expires) if one.expires else "never")
            for one in tokens.all()
        ]
        if not rows:
            print("There are no tokens, so only this machine can use the service.")
            return 0
        show_table(console(), ("token", "role", "made", "expires"), rows)
    return 0
