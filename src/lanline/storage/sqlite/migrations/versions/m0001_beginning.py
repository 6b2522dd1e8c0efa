"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute("PRAGMA application_id = 0x4C4C4E31")
    _create_people()
    _create_logs()
    _create_rooms()
    _create_the_rest()


def _create_people() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("folded_name", sa.String, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("is_admin", sa.Boolean, nullable=False),
        sa.Column("is_banned", sa.Boolean, nullable=False),
        sa.Column("password_hash", sa.String),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
        sa.UniqueConstraint("folded_name", name="uq_accounts_folded_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "devices",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("account", sa.Integer, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("label", sa.String, nullable=False),
        sa.Column("added_ms", sa.BigInteger, nullable=False),
        sa.Column("revoked_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_devices"),
        sa.UniqueConstraint("fingerprint", name="uq_devices_fingerprint"),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_devices_account"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_devices_account", "devices", ["account"])


def _create_logs() -> None:
    op.create_table(
        "logs",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("head", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_logs"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "entries",
        sa.Column("log", sa.Integer, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("entry_id", sa.LargeBinary, nullable=False),
        sa.Column("account", sa.Integer, nullable=False),
        sa.Column("device", sa.Integer, nullable=False),
        sa.Column("time_ms", sa.BigInteger, nullable=False),
        sa.Column("suite", sa.String, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("log", "sequence", name="pk_entries"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_entries_entry_id", "entries", ["log", "account", "entry_id"], unique=True)
    op.create_table(
        "cursors",
        sa.Column("log", sa.Integer, nullable=False),
        sa.Column("device", sa.Integer, nullable=False),
        sa.Column("delivered", sa.Integer, nullable=False),
        sa.Column("read", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("log", "device", name="pk_cursors"),
        sa.ForeignKeyConstraint(["log"], ["logs.id"], name="fk_cursors_log"),
        sa.ForeignKeyConstraint(["device"], ["devices.id"], name="fk_cursors_device"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_cursors_device", "cursors", ["device"])


def _create_rooms() -> None:
    op.create_table(
        "rooms",
        sa.Column("log", sa.Integer, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("folded_name", sa.String, nullable=False),
        sa.Column("topic", sa.String, nullable=False),
        sa.Column("access", sa.String, nullable=False),
        sa.Column("creator", sa.Integer, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("log", name="pk_rooms"),
        sa.UniqueConstraint("folded_name", name="uq_rooms_folded_name"),
        sa.ForeignKeyConstraint(["log"], ["logs.id"], name="fk_rooms_log"),
        sa.ForeignKeyConstraint(["creator"], ["accounts.id"], name="fk_rooms_creator"),
    )
    op.create_table(
        "memberships",
        sa.Column("log", sa.Integer, nullable=False),
        sa.Column("account", sa.Integer, nullable=False),
        sa.Column("role", sa.Integer, nullable=False),
        sa.Column("standing", sa.String, nullable=False),
        sa.Column("is_muted", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("log", "account", name="pk_memberships"),
        sa.ForeignKeyConstraint(["log"], ["rooms.log"], name="fk_memberships_log"),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_memberships_account"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_memberships_account", "memberships", ["account"])
    op.create_table(
        "directs",
        sa.Column("log", sa.Integer, nullable=False),
        sa.Column("lower", sa.Integer, nullable=False),
        sa.Column("higher", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("log", name="pk_directs"),
        sa.UniqueConstraint("lower", "higher", name="uq_directs_lower_higher"),
        sa.ForeignKeyConstraint(["log"], ["logs.id"], name="fk_directs_log"),
        sa.ForeignKeyConstraint(["lower"], ["accounts.id"], name="fk_directs_lower"),
        sa.ForeignKeyConstraint(["higher"], ["accounts.id"], name="fk_directs_higher"),
    )
    op.create_index("ix_directs_higher", "directs", ["higher"])


def _create_the_rest() -> None:
    op.create_table(
        "invites",
        sa.Column("token_hash", sa.LargeBinary, nullable=False),
        sa.Column("uses_left", sa.Integer, nullable=False),
        sa.Column("expires_ms", sa.BigInteger),
        sa.Column("grants_admin", sa.Boolean, nullable=False),
        sa.Column("creator", sa.Integer),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_invites"),
        sa.ForeignKeyConstraint(["creator"], ["accounts.id"], name="fk_invites_creator"),
    )
    op.create_table(
        "blobs",
        sa.Column("id", sa.LargeBinary, nullable=False),
        sa.Column("owner", sa.Integer, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("size_bytes", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_blobs"),
        sa.ForeignKeyConstraint(["owner"], ["accounts.id"], name="fk_blobs_owner"),
    )
    op.create_index("ix_blobs_owner", "blobs", ["owner"])
    op.create_table(
        "settings",
        sa.Column("name", sa.String, nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_settings"),
    )
