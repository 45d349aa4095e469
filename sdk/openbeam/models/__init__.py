"""The words that client, service, agent and engine share, as pydantic models.

Three groups: what people ask for and get (people, classes, functions, datasets, endpoints, tasks, runs), what an agent
and the service say to each other (leases), and what an engine's worker reads and writes (bodies). Sizes are in bytes,
times in seconds, moments are UTC.
"""

from __future__ import annotations

from openbeam.models.audit import MAX_AUDIT_PAGE, AuditEntry, AuditFilter, AuditPage
from openbeam.models.batches import (
    MAX_BATCH,
    MAX_GROUPS,
    Group,
    TaskBatch,
    TaskBatchReply,
    TasksEnded,
    TaskStanding,
    TaskStatusReply,
    TaskStatusRequest,
)
from openbeam.models.bodies import CallBody, CallResult, ChunkBody, ChunkResult, InspectBody, InspectResult, file_name
from openbeam.models.bounds import (
    FILE_KEY,
    MAX_HISTOGRAM_BINS,
    MAX_PAYLOAD,
    MAX_RESULT,
    MAX_SOURCE,
    MAX_WAIT,
    Checksum,
    Model,
    Name,
)
from openbeam.models.classes import (
    Class,
    ClassChange,
    ClassCode,
    ClassJoin,
    ClassRole,
    ClassSpec,
    Member,
    MemberChange,
    ReturnKey,
)
from openbeam.models.datasets import DataFile, Dataset, DatasetSpec, Layout, StoredFile
from openbeam.models.endpoints import Endpoint, EndpointSpec, EndpointStatus, Isolation
from openbeam.models.functions import Function, FunctionKind, FunctionSpec, FunctionSummary, Lesson
from openbeam.models.leases import (
    LeasedTask,
    LeaseRef,
    LeaseReply,
    LeaseRequest,
    RenewReply,
    RenewRequest,
    ResultsReply,
    ResultsRequest,
    TaskKind,
    TaskOutcome,
)
from openbeam.models.people import Role, User
from openbeam.models.runs import Account, Provenance, Run, RunSubmit, RunUpdate, Seconds
from openbeam.models.tasks import Task, TaskProblem, TaskSubmit

__all__ = [
    "FILE_KEY",
    "MAX_AUDIT_PAGE",
    "MAX_BATCH",
    "MAX_GROUPS",
    "MAX_HISTOGRAM_BINS",
    "MAX_PAYLOAD",
    "MAX_RESULT",
    "MAX_SOURCE",
    "MAX_WAIT",
    "Account",
    "AuditEntry",
    "AuditFilter",
    "AuditPage",
    "CallBody",
    "CallResult",
    "Checksum",
    "ChunkBody",
    "ChunkResult",
    "Class",
    "ClassChange",
    "ClassCode",
    "ClassJoin",
    "ClassRole",
    "ClassSpec",
    "DataFile",
    "Dataset",
    "DatasetSpec",
    "Endpoint",
    "EndpointSpec",
    "EndpointStatus",
    "Function",
    "FunctionKind",
    "FunctionSpec",
    "FunctionSummary",
    "Group",
    "InspectBody",
    "InspectResult",
    "Isolation",
    "Layout",
    "LeaseRef",
    "LeaseReply",
    "LeaseRequest",
    "LeasedTask",
    "Lesson",
    "Member",
    "MemberChange",
    "Model",
    "Name",
    "Provenance",
    "RenewReply",
    "RenewRequest",
    "ResultsReply",
    "ResultsRequest",
    "ReturnKey",
    "Role",
    "Run",
    "RunSubmit",
    "RunUpdate",
    "Seconds",
    "StoredFile",
    "Task",
    "TaskBatch",
    "TaskBatchReply",
    "TaskKind",
    "TaskOutcome",
    "TaskProblem",
    "TaskStanding",
    "TaskStatusReply",
    "TaskStatusRequest",
    "TaskSubmit",
    "TasksEnded",
    "User",
    "file_name",
]
