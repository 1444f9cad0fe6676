"""The tables. A change here needs a migration in ``migrations/versions``; a test holds the two against each other.

Times are unix seconds. Identifiers are version 7 UUIDs as text, so that they sort by time.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Sequence = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts up only in columns of this very type."""

events = Table(
    "events",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("feed_revision", Integer, nullable=False, comment="the newest revision that came from the feed"),
    Column("state", String(20), nullable=False),
    Column("feed", String(63), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("label", String(40), nullable=False),
    Column("track_id", Integer, nullable=False),
    Column("first_seen", Double, nullable=False),
    Column("last_seen", Double, nullable=False),
    Column("confirmed_at", Double),
    Column("ended_at", Double),
    Column("best_score", Double, nullable=False),
    Column("looks", Integer, nullable=False),
    Column("hits", Integer, nullable=False),
    Column("box", JSON, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("path", JSON, nullable=False),
    Column("model", Text, nullable=False),
    Column("policy", String(40), nullable=False),
    Column("verdict", String(10)),
    Column("note", Text),
    Column("verdict_at", Double),
    Column("retracted_at", Double),
    Column("server", String(36), nullable=False, comment="the server whose feed it is"),
    Column("evidence", String(10), comment="writing, complete, stopped or removed; null where there never was any"),
    Column("held", Boolean, nullable=False, server_default=text("false")),
    # The newest page of each usual search is read off an index: nothing is sorted, however many events there are.
    Index("ix_events_feed", "feed", "id"),
    Index("ix_events_kind", "kind", "id"),
    Index("ix_events_state", "state", "id"),
    Index("ix_events_verdict", "verdict", "id"),
    Index(
        "ix_events_confirmed",
        "id",
        sqlite_where=text("confirmed_at IS NOT NULL"),
        postgresql_where=text("confirmed_at IS NOT NULL"),
    ),
    Index(
        "ix_events_note",
        "id",
        sqlite_where=text("note IS NOT NULL"),
        postgresql_where=text("note IS NOT NULL"),
    ),
    Index(
        "ix_events_open",
        "server",
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
    Index(
        "ix_events_evidence",
        "evidence",
        "verdict",
        "id",
        sqlite_where=text("evidence IS NOT NULL"),
        postgresql_where=text("evidence IS NOT NULL"),
    ),
)

changes = Table(
    "changes",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True),
    Column("event_id", String(36), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("type", String(40), nullable=False, comment="event.confirmed and so on"),
    Column("at", Double, nullable=False),
    Column("body", Text, nullable=False, comment="the event as it was then, as JSON"),
    Index("ix_changes_event", "event_id", "revision", unique=True),
    Index("ix_changes_at", "at"),
    sqlite_autoincrement=True,  # a number is never given twice, even when the newest rows were removed
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("channel", String(20), nullable=False),
    Column("url", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("kinds", JSON, nullable=False),
    Column("cameras", JSON, nullable=False),
    Column("states", JSON, nullable=False),
    Column("secrets", JSON, nullable=False, comment="the newest first, two at the most"),
    Column("enabled", Boolean, nullable=False),
    Column("reason", Text, comment="why it was switched off by itself"),
    Column("created_at", Double, nullable=False),
    Column("last_success_at", Double),
    Column("last_failure_at", Double),
    Column("last_failure_status", Integer),
    Column("last_failure_error", Text),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True),
    Column("id", String(40), nullable=False, unique=True),
    Column("subscription_id", String(36), ForeignKey("subscriptions.id", ondelete="CASCADE"), nullable=False),
    Column("event_id", String(36), comment="null for a test"),
    Column("type", String(40), nullable=False),
    Column("body", Text, nullable=False, comment="what is sent, byte for byte the same on every try"),
    Column("state", String(10), nullable=False, comment="waiting, delivered or dead"),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("created_at", Double, nullable=False),
    Column("since", Double, nullable=False, comment="from when the time for trying counts: a replay begins anew"),
    Column("next_at", Double, nullable=False),
    Column("leased_by", String(36)),
    Column("leased_until", Double),
    Column("done_at", Double),
    Column("last_status", Integer),
    Column("last_error", Text),
    Index("ix_deliveries_order", "subscription_id", "event_id", "seq"),
    Index("ix_deliveries_event", "event_id"),
    Index("ix_deliveries_list", "subscription_id", "state", "seq"),
    Index(
        "ix_deliveries_due",
        "subscription_id",
        "next_at",
        "seq",
        sqlite_where=text("state = 'waiting'"),
        postgresql_where=text("state = 'waiting'"),
    ),
    Index("ix_deliveries_done_at", "done_at"),
    sqlite_autoincrement=True,
)

attempts = Table(
    "attempts",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True),
    Column("delivery_seq", Sequence, ForeignKey("deliveries.seq", ondelete="CASCADE"), nullable=False),
    Column("at", Double, nullable=False),
    Column("took_ms", Double, nullable=False),
    Column("outcome", String(10), nullable=False, comment="delivered, failed, refused or gone"),
    Column("status", Integer),
    Column("error", Text),
    Column("response", Text, comment="how the answer began"),
    Index("ix_attempts_delivery", "delivery_seq"),
)

evidence = Table(
    "evidence",
    metadata,
    Column("event_id", String(36), ForeignKey("events.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(40), primary_key=True),
    Column("media_type", String(60), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("at", Double, nullable=False),
)

episodes = Table(
    "episodes",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("camera", String(63), nullable=False),
    Column("began", Double, nullable=False),
    Column("ended", Double, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("model", Text, nullable=False),
    Column("labels", JSON, nullable=False),
    Column("looks", Text, nullable=False, comment="JSON lines"),
    Index("ix_episodes_camera", "camera", "began"),
    Index("ix_episodes_began", "began"),
)

servers = Table(
    "servers",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("seen_at", Double, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", Text, nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(63), nullable=False, unique=True),
    Column("role", String(10), nullable=False),
    Column("password", Text, nullable=False, comment="as argon2 writes it"),
    Column("created_at", Double, nullable=False),
    Column("last_login_at", Double),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(63), nullable=False),
    Column("hash", String(64), nullable=False, unique=True, comment="SHA-256: a token is 256 random bits"),
    Column("role", String(10), comment="null: it has scopes"),
    Column("scopes", JSON, nullable=False),
    Column("created_by", String(80), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double),
    Column("last_used_at", Double),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("user_id", String(36), ForeignKey("users.id", ondelete="CASCADE"), comment="or else"),
    Column("token_id", String(36), ForeignKey("tokens.id", ondelete="CASCADE")),
    Column("address", String(45), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Index("ix_sessions_user", "user_id", "address"),
    Index("ix_sessions_expires", "expires_at"),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True),
    Column("at", Double, nullable=False),
    Column("actor", String(80), nullable=False, comment="user:anna, token:prometheus, local, nobody"),
    Column("address", String(45), nullable=False),
    Column("action", String(40), nullable=False, comment="camera.add and so on"),
    Column("target", String(200), nullable=False, server_default=""),
    Column("outcome", String(10), nullable=False, comment="done or refused"),
    Index("ix_audit_at", "at"),
    sqlite_autoincrement=True,
)
