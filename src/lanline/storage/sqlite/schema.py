"""The tables as the newest migration leaves them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

REVISION = "0001"
"""The newest migration. It stands here too, so that an ordinary start need not load Alembic to see that all is done."""
APPLICATION_ID = 0x4C4C4E31
"""In the file's header: a database of another program is never taken for ours."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("folded_name", String, nullable=False, unique=True),
    Column("created_ms", BigInteger, nullable=False),
    Column("is_admin", Boolean, nullable=False),
    Column("is_banned", Boolean, nullable=False),
    Column("password_hash", String),
    sqlite_autoincrement=True,
)

devices = Table(
    "devices",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account", ForeignKey("accounts.id"), nullable=False, index=True),
    Column("fingerprint", LargeBinary, nullable=False, unique=True),
    Column("label", String, nullable=False),
    Column("added_ms", BigInteger, nullable=False),
    Column("revoked_ms", BigInteger),
    sqlite_autoincrement=True,
)

logs = Table(
    "logs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("head", Integer, nullable=False),
    sqlite_autoincrement=True,
)

# Rows lie in the order in which they are read. No foreign keys here: each costs a look-up for every entry, and the log
# is looked up anyway.
entries = Table(
    "entries",
    metadata,
    Column("log", Integer, primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("entry_id", LargeBinary, nullable=False),
    Column("account", Integer, nullable=False),
    Column("device", Integer, nullable=False),
    Column("time_ms", BigInteger, nullable=False),
    Column("suite", String, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Index("ix_entries_entry_id", "log", "account", "entry_id", unique=True),
    sqlite_with_rowid=False,
)

cursors = Table(
    "cursors",
    metadata,
    Column("log", ForeignKey("logs.id"), primary_key=True),
    Column("device", ForeignKey("devices.id"), primary_key=True, index=True),
    Column("delivered", Integer, nullable=False),
    Column("read", Integer, nullable=False),
    sqlite_with_rowid=False,
)

rooms = Table(
    "rooms",
    metadata,
    Column("log", ForeignKey("logs.id"), primary_key=True),
    Column("name", String, nullable=False),
    Column("folded_name", String, nullable=False, unique=True),
    Column("topic", String, nullable=False),
    Column("access", String, nullable=False),
    Column("creator", ForeignKey("accounts.id"), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)

memberships = Table(
    "memberships",
    metadata,
    Column("log", ForeignKey("rooms.log"), primary_key=True),
    Column("account", ForeignKey("accounts.id"), primary_key=True, index=True),
    Column("role", Integer, nullable=False),
    Column("standing", String, nullable=False),
    Column("is_muted", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

directs = Table(
    "directs",
    metadata,
    Column("log", ForeignKey("logs.id"), primary_key=True),
    Column("lower", ForeignKey("accounts.id"), nullable=False),
    Column("higher", ForeignKey("accounts.id"), nullable=False, index=True),
    UniqueConstraint("lower", "higher"),
)

invites = Table(
    "invites",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("uses_left", Integer, nullable=False),
    Column("expires_ms", BigInteger),
    Column("grants_admin", Boolean, nullable=False),
    Column("creator", ForeignKey("accounts.id")),
    Column("created_ms", BigInteger, nullable=False),
)

blobs = Table(
    "blobs",
    metadata,
    Column("id", LargeBinary, primary_key=True),
    Column("owner", ForeignKey("accounts.id"), nullable=False, index=True),
    Column("created_ms", BigInteger, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

settings = Table(
    "settings",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)
