"""The key to which credentials for an endpoint are sealed: its agent makes it, and tells its public half."""

from __future__ import annotations

from joserfc.jwk import ECKey
from openbeam.models import SealingKey
from sqlalchemy import update
from sqlalchemy.orm import Session

from openbeam_service.audit.store import note
from openbeam_service.endpoints.models import EndpointRow
from openbeam_service.identity.keys import public_agent_key
from openbeam_service.identity.principal import Principal

__all__ = ["keep"]


def keep(db: Session, agent: Principal, told: SealingKey) -> None:
    """Keep an endpoint's public key. What was sealed to another one is not good any more, and says so.

    Raises
    ------
    InvalidInput
        When it is not a public EC key on P-256.

    """
    public = public_agent_key(told.key)
    key = {**public, "use": "enc", "kid": ECKey.import_key({**public}).thumbprint()}
    row = db.get_one(EndpointRow, agent.endpoint_id)
    if row.sealing_key != key:
        mine = update(EndpointRow).where(EndpointRow.id == row.id)
        db.execute(mine.values(sealing_key=key), execution_options={"synchronize_session": False})
        note(db, agent, "endpoint.sealing_key", row.id, row.name, endpoint_id=row.id, key_id=key["kid"])
