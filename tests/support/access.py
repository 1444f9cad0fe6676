"""A guard for routes that are tested alone, by somebody on this machine."""

from __future__ import annotations

from server.access import Access
from server.auditlog import AuditLog
from server.config import AccessSettings
from server.edge.guard import Guard
from server.store.audit import AuditRows
from server.store.database import Database


def local_guard() -> Guard:
    """It knows nobody, so that only this machine gets in; what it would write down is kept nowhere."""
    settings, unopened = AccessSettings(), Database("sqlite:///nowhere.db")
    audit = AuditLog(AuditRows(unopened, settings.audit_most), settings.audit_days)
    return Guard(Access(unopened, settings), audit, settings, ())
