"""Every error that Openbeam shows to a person, as one tree.

::

    OpenbeamError
     |- NotKnown (LookupError)                404  names the nearest known names
     |   |- UnknownFunction
     |   |- UnknownDataset
     |   |- UnknownEndpoint
     |   |- UnknownEnvironment
     |   |- UnknownTask
     |   |- UnknownRun
     |   |- UnknownFile
     |   |- UnknownClass
     |   |- UnknownToken
     |   |- UnknownHost
     |   |- UnknownCredential
     |   |- UnknownParticle
     |   |- UnknownRecord
     |   '- UnknownUser
     |- Refused
     |   |- InvalidInput (ValueError)         422
     |   |   |- InvalidParameter              422  names the parameter
     |   |   '- CallsRefused                  422  names the calls of a batch
     |   |- Conflict                          409
     |   |- ResultGone                        410
     |   |- TooLarge                          413
     |   |- TooMany                           429
     |   |   '- QuotaUsedUp                   429  names the limit, and when it frees
     |   |- NotSignedIn (PermissionError)     401
     |   '- NotAllowed (PermissionError)      403
     |- TaskPending                           the result is not there yet
     |- TaskError                             the task ended without a result
     |   |- FunctionRaised                    the author's code raised; says which line
     |   |- ResultRefused                     the result is not JSON, or not histograms, or too large
     |   |- TimedOut                          killed at its time limit
     |   |   '- CpuUsedUp                     killed at its limit of CPU time
     |   |- WorkerKilled                      the worker died (memory, signal)
     |   |- OutputNotStored                   a file that it wrote could not be brought to its place
     |   |- DataUnavailable                   a file could not be fetched
     |   |   '- ChecksumMismatch              a file is not the one on record
     |   |- EngineFault                       the engine could not run the task
     |   |- FunctionRefused                   the endpoint does not run this function
     |   '- TaskCancelled
     |- RunFailed                             no histogram could be made
     |- NotInstalled                          a command needs another package
     |- FitFailed                        422  no curve was found that fits a histogram
     |- OpenDataTrouble                       CERN Open Data's portal does not answer, or not with a record
     '- ServiceTrouble
         |- ServiceUnavailable (ConnectionError)  503
         '- ServiceFault                      500

An error knows its fields (``details``) and its HTTP ``status``. The service sends ``to_json(error)``; the
client raises ``from_json(...)``: the same type with the same fields on both sides of the wire.

``base``, and a file a branch: ``names``, ``refusals``, ``outcomes``, ``trouble``; ``wire`` takes them there and back.
"""

from __future__ import annotations

from openbeam.errors.base import (
    OpenbeamError,
)
from openbeam.errors.names import (
    NotKnown,
    UnknownClass,
    UnknownCredential,
    UnknownDataset,
    UnknownEndpoint,
    UnknownEnvironment,
    UnknownFile,
    UnknownFunction,
    UnknownHost,
    UnknownParticle,
    UnknownRecord,
    UnknownRun,
    UnknownTask,
    UnknownToken,
    UnknownUser,
    nearest,
)
from openbeam.errors.outcomes import (
    ChecksumMismatch,
    CpuUsedUp,
    DataUnavailable,
    EngineFault,
    FitFailed,
    FunctionRaised,
    FunctionRefused,
    OutputNotStored,
    ResultRefused,
    RunFailed,
    TaskCancelled,
    TaskError,
    TaskPending,
    TimedOut,
    WorkerKilled,
)
from openbeam.errors.refusals import (
    CallsRefused,
    Conflict,
    InvalidInput,
    InvalidParameter,
    NotAllowed,
    NotSignedIn,
    QuotaUsedUp,
    Refused,
    ResultGone,
    TooLarge,
    TooMany,
)
from openbeam.errors.trouble import (
    NotInstalled,
    OpenDataTrouble,
    ServiceFault,
    ServiceTrouble,
    ServiceUnavailable,
)
from openbeam.errors.wire import (
    from_json,
    to_json,
)

__all__ = [
    "CallsRefused",
    "ChecksumMismatch",
    "Conflict",
    "CpuUsedUp",
    "DataUnavailable",
    "EngineFault",
    "FitFailed",
    "FunctionRaised",
    "FunctionRefused",
    "InvalidInput",
    "InvalidParameter",
    "NotAllowed",
    "NotInstalled",
    "NotKnown",
    "NotSignedIn",
    "OpenDataTrouble",
    "OpenbeamError",
    "OutputNotStored",
    "QuotaUsedUp",
    "Refused",
    "ResultGone",
    "ResultRefused",
    "RunFailed",
    "ServiceFault",
    "ServiceTrouble",
    "ServiceUnavailable",
    "TaskCancelled",
    "TaskError",
    "TaskPending",
    "TimedOut",
    "TooLarge",
    "TooMany",
    "UnknownClass",
    "UnknownCredential",
    "UnknownDataset",
    "UnknownEndpoint",
    "UnknownEnvironment",
    "UnknownFile",
    "UnknownFunction",
    "UnknownHost",
    "UnknownParticle",
    "UnknownRecord",
    "UnknownRun",
    "UnknownTask",
    "UnknownToken",
    "UnknownUser",
    "WorkerKilled",
    "from_json",
    "nearest",
    "to_json",
]
