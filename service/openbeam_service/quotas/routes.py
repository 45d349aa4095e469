"""See one's quota; make rules."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Security
from openbeam.models import Quota, QuotaEntry, QuotaRule

from openbeam_service.classes.store import the_class
from openbeam_service.database import Db
from openbeam_service.identity.principal import Principal, principal
from openbeam_service.identity.store import the_user
from openbeam_service.quotas import store, use

__all__ = ["router"]

router = APIRouter(tags=["quotas"])
Runner = Annotated[Principal, Security(principal, scopes=["tasks:run"])]
Admin = Annotated[Principal, Security(principal, scopes=["admin"])]
Ref = Annotated[str, Path(max_length=140)]


@router.get("/quota", summary="What the caller may have, and has")
def my_quota(request: Request, db: Db, caller: Runner) -> list[Quota]:
    """Return the caller's own limits first, then those that their classes have together."""
    return use.quotas_of(db, caller, request.app.state.settings.quota_rules)


@router.get("/quotas", summary="Rules for people and classes")
def list_rules(db: Db, _: Admin) -> list[QuotaEntry]:
    """Return those that administrators have made; what a role may have is in the settings."""
    return store.entries(db)


@router.put("/quotas/users/{name}", summary="Make a rule for a person")
def set_user_rule(db: Db, caller: Admin, name: Ref, rule: QuotaRule) -> QuotaEntry:
    """Replace the person's rule; limits that are null are the role's."""
    return store.set_rule(db, caller, the_user(db, name), rule)


@router.put("/quotas/classes/{class_id}", summary="Make a rule for a class")
def set_class_rule(db: Db, caller: Admin, class_id: Ref, rule: QuotaRule) -> QuotaEntry:
    """Replace the rule for what all members of a class have together; limits that are null are none."""
    return store.set_rule(db, caller, the_class(db, class_id), rule)
