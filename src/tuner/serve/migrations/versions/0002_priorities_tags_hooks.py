"""Priorities and slots of jobs, tags, an archive, settings, and hooks."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0002", "0001"


def upgrade() -> None:
    """Add them, leaving existing rows unchanged."""
    op.add_column(
        "tuner_jobs", sa.Column("priority", sa.Integer, nullable=False, server_default="0")
    )
    op.add_column("tuner_jobs", sa.Column("slots", sa.Integer))
    op.create_table(
        "tuner_tags",
        sa.Column("study", sa.String, primary_key=True),
        sa.Column("tag", sa.String, primary_key=True),
    )
    op.create_table(
        "tuner_archived",
        sa.Column("study", sa.String, primary_key=True),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
    )
    op.create_table(
        "tuner_settings",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("value", sa.JSON, nullable=False),
    )
    op.create_table(
        "tuner_hooks",
        sa.Column("id", sa.Integer, primary_key=True),
        *(sa.Column(name, sa.String, nullable=False) for name in ("url", "secret", "who")),
        sa.Column("made", sa.Double, nullable=False),
    )
    op.create_table(
        "tuner_deliveries",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("hook", sa.Integer, nullable=False, index=True),
        *(sa.Column(name, sa.String, nullable=False) for name in ("occasion", "event", "body")),
        sa.Column("state", sa.String, nullable=False, index=True),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due", sa.Double, nullable=False),
        sa.Column("made", sa.Double, nullable=False),
        sa.Column("ended", sa.Double),
        sa.Column("answer", sa.String, nullable=False),
        sa.UniqueConstraint("hook", "occasion"),
    )
    op.execute("DELETE FROM tuner_version")
    op.execute("INSERT INTO tuner_version (number) VALUES (2)")
