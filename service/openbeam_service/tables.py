"""Every feature's tables: ``metadata`` knows them all, because this module imports them all."""

from openbeam_service.audit import models as audit
from openbeam_service.classes import models as classes
from openbeam_service.credentials import models as credentials
from openbeam_service.database.base import Base
from openbeam_service.endpoints import models as endpoints
from openbeam_service.hosting import models as hosting
from openbeam_service.identity import models as identity
from openbeam_service.quotas import models as quotas
from openbeam_service.registry import models as registry
from openbeam_service.registry import search
from openbeam_service.runs import models as runs
from openbeam_service.tasks import models as tasks

__all__ = [
    "audit",
    "classes",
    "credentials",
    "endpoints",
    "hosting",
    "identity",
    "metadata",
    "quotas",
    "registry",
    "runs",
    "search",
    "tasks",
]

metadata = Base.metadata
