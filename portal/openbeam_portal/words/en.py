"""English."""

from __future__ import annotations

from typing import Any, Final

# ------------------------------------------------------------------------------------------------ everywhere
NAME: Final = "Openbeam"
CATALOG: Final = "Catalog"
MY_RUNS: Final = "My runs"
MY_QUOTA: Final = "My quota"
ANALYSIS: Final = "Analysis"
SIGN_IN: Final = "Sign in"
SIGN_OUT: Final = "Sign out"
ACCOUNT: Final = "Account"
TRY_AGAIN: Final = "Try again"

# ------------------------------------------------------------------------------------------------ welcome
WELCOME_TITLE: Final = "Beam time for everyone"
WELCOME: Final = (
    "Pick a question about the smallest things there are, move a slider, and watch the answer fill in from real "
    "collisions recorded at CERN. Openbeam finds the events and computes on machines that others lend, "
    "so all you need is this page."
)
WELCOME_FIGURE: Final = (
    "The mass of pairs of muons in the first 100,000 events of a record of the CMS experiment: "
    "every peak is a particle. "
)
WELCOME_SOURCE: Final = "CERN Open Data, doi:10.7483/OPENDATA.CMS.LVG5.QT81"
SIGN_IN_AWAY: Final = (
    "Signing in does not work right now. Wait a minute and try again, or tell whoever runs Openbeam here."
)
SIGN_IN_AWAY_TITLE: Final = "Openbeam does not answer"

# ------------------------------------------------------------------------------------------------ trouble
SERVICE_AWAY_TITLE: Final = "Openbeam does not answer"
SERVICE_AWAY: Final = (
    "Your work is safe. Wait a minute and try again; if it stays like this, tell whoever runs Openbeam here."
)
SERVICE_FAULT: Final = (
    "Something went wrong in the service. Try again; if it happens twice, tell whoever runs Openbeam here the "
    "reference {reference}."
)
UNEXPECTED: Final = (
    "Something went wrong here. Reload the page; if it happens again, tell whoever runs Openbeam here the "
    "reference {reference}."
)
REFUSED: Final = (
    "You are signed in, but the service does not accept it. Sign out and in again, or ask a teacher for access."
)
SIGNING_IN_AGAIN: Final = "Your sign-in has run out. One moment …"

# ------------------------------------------------------------------------------------------------ catalog
CATALOG_TITLE: Final = "What would you like to find out?"
SEARCH: Final = "Search"
TOPIC: Final = "Topic"
SEARCH_HINT: Final = "Z boson, muons, first lesson …"
NOTHING_FOUND: Final = "Nothing fits “{search}”. Try another word, or clear the search."
NOTHING_YET: Final = "The catalog is empty. Fill it with `openbeam-catalog publish`, then reload this page."

# ------------------------------------------------------------------------------------------------ data
DATA_TITLE: Final = "Collisions to look at"
DATA_HINT: Final = "Higgs, muons, LHCb …"
ALL_DATA: Final = "All data"
EVENTS_VALUE: Final = "{events:,} events"
LOOKED_AT_BY: Final = "Analyses that look at it"
IMPORT_TITLE: Final = "Add a record of CERN Open Data"
IMPORT_MEANING: Final = (
    "Any record with CSV files, or ROOT files of NanoAOD, PHYSLITE or flat trees, can be added for everybody here. "
    "Find one on [opendata.cern.ch](https://opendata.cern.ch/search?f=type:Dataset)."
)
IMPORT_RECORD: Final = "Number or DOI of the record"
IMPORT_HINT: Final = "5203 or 10.7483/OPENDATA.CMS.LVG5.QT81"
IMPORT_NAME: Final = "Name (optional)"
IMPORT_NAME_HELP: Final = (
    "What to call the dataset here. Left empty, it is made of experiment, year and number: cms-2011-5203."
)
IMPORT_FILES: Final = "Files (optional)"
IMPORT_FILES_HELP: Final = "Only files called so, with * for any letters: 4mu_*.csv. Several, with commas between them."
IMPORT_TREE: Final = "Tree (optional)"
IMPORT_TREE_HELP: Final = "What the tree in the record's ROOT files is called, where the format does not say it."
IMPORT_LOOK: Final = "Look it up"
IMPORT_LOOKING: Final = "Asking CERN Open Data …"
IMPORT_CHOOSE_FILES: Final = "Say in the field Files which of them you want."
IMPORT_NAME_TREE: Final = "Say in the field Tree what it is called."
IMPORT_AS: Final = (
    "It will be called **{name}** and read as {layout}. Licence: **{licence}**. "
    "Nothing is downloaded before somebody runs it."
)
IMPORT_TREE_NAME: Final = "tree {tree}"
IMPORT_NO_LICENCE: Final = "none named by the record"
IMPORT_REPLACES: Final = "There is a dataset {name} here. If it is yours, it is replaced."
IMPORT_KNOWN: Final = "This record is here already: {names}."
IMPORT_ADD: Final = "Add it"

# ------------------------------------------------------------------------------------------------ deprecation
DEPRECATED: Final = "Deprecated"
DEPRECATED_TITLE: Final = "This version should not be used any more"
USE_INSTEAD: Final = "Use {successor} instead."
TO_SUCCESSOR: Final = "Go to {successor}"

# ------------------------------------------------------------------------------------------------ analysis
CHOOSE_FIRST: Final = "Choose an analysis in the catalog first."
NOT_AN_ANALYSIS: Final = "{name} is a plain function: it is called from a notebook, and has no page."
DATASET: Final = "Data"
DATASET_HELP: Final = "Which recorded collisions to look at."
LOCAL_FILE: Final = "local file"
NO_DATASET: Final = "None of the data for this analysis is here yet. Add it with `openbeam-datasets publish`."
RUN: Final = "Run"
SHARE: Final = "The address of this page holds your settings: copy it to share them."
CHANGED: Final = "The settings have changed since this figure. Press Run to see what that does."
KEEPS_DEFAULT: Final = "{title} keeps its default here; set it from a notebook."
BAD_PARAMETER: Final = "**{title}**: {reason}."
OTHER_RUN: Final = "The run in this link is not yours to see, but the settings are set as it had them. Press Run."
LESSON: Final = "Lesson"
LANGUAGE: Final = "Language of the lesson"
SOURCE: Final = "Source"
DATA: Final = "Data"
NO_LESSON: Final = "This analysis has no lesson yet."
SOURCE_NOTE: Final = "{name}, version {version}, by {owner}. This is the code that runs, all of it."

# ------------------------------------------------------------------------------------------------ result
KEEP_TITLE: Final = "Keep this result"
CITE: Final = "Keep it for good"
CITE_HELP: Final = "Results are removed after some weeks, unless you keep them. Keep what you cite."
DOWNLOAD_PNG: Final = "Download PNG"
DOWNLOAD_CSV: Final = "Download CSV"
PICTURE_BUSY: Final = "Many pictures are being made. Reload the page in a minute."
PICTURE_FAILED: Final = "This histogram cannot be made into a picture; its numbers are in the CSV."
PICTURE_MAKING: Final = "Making the picture for print …"
PICTURE_ALT: Final = "The figure for print: {title}, {events} events"
PROVENANCE: Final = "How it was made"
MISSING: Final = "Incomplete: {missing:,} of {expected:,} events are missing"
WHY_MISSING: Final = "Why events are missing"
RUN_FAILED: Final = "This run ended without a figure"
AGAIN: Final = "Compute the missing events"
AGAIN_HELP: Final = "Starts again only what is missing; what was counted is used as it is."
STOP: Final = "Stop"
STOP_HELP: Final = "Stop this run; what it has counted so far stays."
RUN_CANCELLED: Final = "This run was stopped before it had a figure."
RUN_FAILED_UNKNOWN: Final = (
    "The service does not say why. Run it again; if it happens twice, tell whoever runs Openbeam here."
)
RAISED: Final = "The function stopped with **{type}** in line {line} of its source: {message}"
RAISED_WITHOUT_LINE: Final = "The function stopped with **{type}**: {message}"
REASONS: Final[dict[str, str]] = {
    "DataUnavailable": "The data could not be fetched.",
    "ChecksumMismatch": "A file is not the one on record, so it was not used.",
    "WorkerKilled": "The machine ran out of memory.",
    "EngineFault": "The machine could not run the function.",
}
"""For errors whose own message is for those who run machines."""
ADVICE: Final[dict[str, str]] = {
    "FunctionRaised": "Its author can mend this. Other settings may work.",
    "ResultRefused": "Its author can mend this.",
    "TimedOut": "Try less data, or settings that need less work.",
    "CpuUsedUp": "Try less data, or settings that need less work.",
    "WorkerKilled": "Try less data or fewer bins.",
    "DataUnavailable": "Try again in a few minutes, or choose other data.",
    "ChecksumMismatch": "Tell whoever runs Openbeam here.",
    "EngineFault": "Run it again; if it happens twice, tell whoever runs Openbeam here.",
}
PRINTED: Final = "What the function printed"
DETAILS: Final = "Details for whoever runs Openbeam here"
FUNCTION: Final = "Function"
PARAMETERS: Final = "Settings"
EVENTS: Final = "Events"
MACHINE: Final = "Computed on"
ENVIRONMENT: Final = "Environment"
TIME_TAKEN: Final = "Time"
SECONDS: Final = "{total:.1f} s, first events after {first:.1f} s"
SECONDS_ONLY: Final = "{total:.1f} s"
RUN_ID: Final = "Run"
OPEN_DATA: Final = "Open Data"
SIMULATED: Final = "Simulated"
EVENTS_ARE: Final = "Simulated"
SIMULATED_MEANING: Final = "no detector recorded these events"

# ------------------------------------------------------------------------------------------------ fit
FIT_TITLE: Final = "Fit a peak"
FIT_INTRO: Final = (
    "A curve through the bins says where the peak is and how wide, and how sure that is. Choose a range with one peak "
    "in its middle and some background at both sides."
)
FIT_SIGNAL: Final = "Peak"
FIT_SIGNALS: Final[dict[str, str]] = {
    "Gaussian": "gauss",
    "Crystal ball: a Gaussian with a tail": "crystal-ball",
    "Voigt: Breit–Wigner ⊗ Gaussian": "voigt",
}
FIT_SIGNAL_HELP: Final = (
    "A Gaussian is what a detector makes of a narrow particle. In a crystal ball some energy was lost. A Voigt profile "
    "has the particle's own width, too."
)
FIT_BACKGROUND: Final = "Background"
FIT_BACKGROUNDS: Final[dict[str, str]] = {
    "Straight line": "poly1",
    "Exponential": "exp",
    "Parabola": "poly2",
    "Cubic": "poly3",
    "Constant": "poly0",
    "None": "none",
}
FIT_BACKGROUND_HELP: Final = "What would be there without the particle."
FIT_RANGE: Final = "Range"
FIT_PARTICLE: Final = "Compare with"
FIT_PARTICLES: Final[dict[str, str]] = {
    "What is known at this mass": "auto",
    "Nothing": "",
    "K⁰ₛ": "K(S)0",
    "ω": "omega(782)",
    "φ": "phi(1020)",
    "D⁰": "D0",
    "J/ψ": "J/psi(1S)",
    "ψ(2S)": "psi(2S)",
    "B⁺": "B+",
    "Υ(1S)": "Upsilon(1S)",
    "Υ(2S)": "Upsilon(2S)",
    "Υ(3S)": "Upsilon(3S)",
    "Z": "Z0",
    "H": "H0",
}
"""What is shown, and what the particle package calls it."""
FIT_PARTICLE_HELP: Final = "With the mass in the Review of Particle Physics."
FIT_WIDTH: Final = "Hold Γ at the known width"
FIT_WIDTH_HELP: Final = "For a Voigt profile of a particle that you name: its natural width is not fitted then."
FIT_BUTTON: Final = "Fit"
FIT_MAKING: Final = "Fitting …"
FIT_FAILED: Final = "The fit took too long. Choose a smaller range."
FIT_ALT: Final = "The fit of {title}: {summary}"
FIT_PNG: Final = "Download fit as PNG"
FIT_CSV: Final = "Download fit as CSV"
FIT_PARAMETER: Final = "Parameter"
FIT_VALUE: Final = "Value"

# ------------------------------------------------------------------------------------------------ data
EXPERIMENT: Final = "Experiment"
COLLISIONS: Final = "Collisions"
RECORDED: Final = "Recorded"
FILES: Final = "Files"
FILES_VALUE: Final = "{files}, {size}"
RECORD: Final = "Record"
LICENCE: Final = "Licence"
COLUMNS: Final = "What the columns mean"
COLUMN: Final = "Column"
MEANING: Final = "Meaning"
NOTES: Final = "Good to know"
NO_DOI: Final = "A local file: it has no record and no DOI."

# ------------------------------------------------------------------------------------------------ runs
RUNS_TITLE: Final = "My runs"
RUN_STATE: Final = "Show only"
NO_SUCH_RUNS: Final = "None of your runs is in this state."
NO_RUNS: Final = "You have not run anything yet. Choose an analysis in the catalog, and press Run."
TO_CATALOG: Final = "Go to the catalog"
STATES: Final[dict[str, str]] = {
    "planning": "Planning",
    "running": "Running",
    "complete": "Complete",
    "incomplete": "Incomplete",
    "failed": "Failed",
    "cancelled": "Cancelled",
}

# ------------------------------------------------------------------------------------------------ quota
QUOTA_TITLE: Final = "My quota"
QUOTA_MEANING: Final = "How much may be under way at once, and how long machines may compute in a day."
QUOTA_OWN: Final = "Yours"
QUOTA_TOGETHER: Final = "All of {who} together"
QUOTA_RUNS: Final = "Runs under way"
QUOTA_CALLS: Final = "Calls under way"
QUOTA_CPU: Final = "Hours of CPU time in 24 hours"
QUOTA_USE: Final = "{name}: {used} of {limit}"
QUOTA_NO_LIMIT: Final = "{name}: {used}, without a limit"
QUOTA_FREES: Final = "Some of it frees on {when}."

# ------------------------------------------------------------------------------------------------ figure
FIGURE: Final[dict[str, Any]] = {
    "account": "{processed} of {expected} events",
    "accountCancelled": "{cancelled} cancelled",
    "accountFailed": "{failed} failed",
    "accountRetry": "{retries} retry",
    "accountRetries": "{retries} retries",
    "accountCached": "{cached} of {chunks} chunks from the cache",
    "empty": "Press Run, and watch the figure fill in here.",
    "eventCount": "{events} events",
    "events": "Events",
    "histograms": "Histograms",
    "linear": "Linear",
    "log": "Log",
    "missing": "Incomplete: {missing} of {expected} events are missing",
    "outside": "Not shown: {entries} outside the axes",
    "outsideBoth": "Not shown: {below} below the axis, {above} above it",
    "progress": "Progress of the run",
    "reader": "Read the figure bin by bin",
    "readerHint": "Use the arrow keys to read the bins.",
    "reconnecting": "Connection lost, trying again …",
    "scale": "Vertical axis",
    "simulated": SIMULATED,
    "states": STATES,
    "summary": "Histogram of {x} from {events} events in {bins} bins. The tallest bin is {peak} with {content}.",
    "summaryMap": "Map of {y} against {x} from {events} events.",
    "waiting": "The first events are on their way …",
}
"""Words of the live figure: templates that the browser fills."""
