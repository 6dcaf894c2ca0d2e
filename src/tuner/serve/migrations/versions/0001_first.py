"""The tables of the first version of the service, which had no migrations."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0001", None


def upgrade() -> None:
    """Make the tables."""
    op.create_table("tuner_version", sa.Column("number", sa.Integer, primary_key=True))
    op.create_table(
        "tuner_jobs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("key", sa.String, unique=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("study", sa.String, nullable=False, index=True),
        sa.Column("case", sa.String, nullable=False),
        sa.Column("options", sa.JSON, nullable=False),
        sa.Column("state", sa.String, nullable=False, index=True),
        sa.Column("wish", sa.String, nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("submitted", sa.Double, nullable=False),
        sa.Column("started", sa.Double),
        sa.Column("ended", sa.Double),
        sa.Column("starts", sa.Integer, nullable=False),
        sa.Column("owner", sa.String),
        sa.Column("lease", sa.Double),
        sa.Column("last_words", sa.String, nullable=False),
    )
    op.create_table(
        "tuner_promotions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("case", sa.String, nullable=False, index=True),
        *(
            sa.Column(name, sa.String, nullable=False)
            for name in ("alias", "act", "study", "bundle", "weights", "proof", "reason", "who")
        ),
        sa.Column("at", sa.Double, nullable=False),
    )
    op.create_table(
        "tuner_tokens",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String, nullable=False, unique=True),
        sa.Column("digest", sa.String, nullable=False, unique=True),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("made", sa.Double, nullable=False),
        sa.Column("expires", sa.Double),
    )
    op.create_table(
        "tuner_acts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.Double, nullable=False),
        *(sa.Column(name, sa.String, nullable=False) for name in ("who", "what", "on")),
    )
