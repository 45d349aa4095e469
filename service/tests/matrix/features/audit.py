"""The audit trail."""

from __future__ import annotations

TABLE = """
                                                nobody pupil student teacher teacher2 admin agent agent2 gone gone-agent
GET  /api/v1/audit                                 401   200     200     200      200   200   403    403  401        401
GET  /api/v1/audit?endpoint=nothing                401   200     200     200      200   200   403    403  401        401
"""

THINGS = {}
BODIES = {}
