"""Drafts for those who have to agree to a study: a data-protection impact assessment, and a board's application.

They hold what the study's files say and ask for the rest. A draft is no legal advice; what a law or a board
wants is theirs to say. The parts of the assessment are those that Article 35(7) of the General Data
Protection Regulation (EU) 2016/679 names; the application follows what review boards commonly ask of research
with public data (see docs/data-protection.md for the sources).
"""

from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from core import __version__
from core.errors import InputError
from core.models.folder import list_models
from core.privacy.action_log import LOG_FILE
from core.privacy.study_settings import Study, read_study
from core.settings import STUDY_FILE, Settings
from core.storage.account_files import account_files, read_account
from core.storage.user_lists import read_labels

OPEN = "TO ANSWER"
"""What marks a question that only people can answer."""
_LOOKED_AT = 500

SOURCES = {
    "web": "public pages of Instagram, within rate limits",
    "graph": "Meta's Graph API (business and creator accounts)",
    "instaloader": "public pages of Instagram, by the library Instaloader",
    "sample": "AgeScope's invented sample (no people)",
}


@dataclass(frozen=True)
class StudyFacts:
    """What the files of a study say.

    Attributes:
        study: what its people say of it.
        accounts: with a file.
        labelled: with a known age.
        sources: where the accounts came from, of those looked at.
        models: trained models.
        has_session: whether a session of somebody's own is used to collect.
        people: how many may use the dashboard, by role; empty where nobody signs in.
        folder: of the study.
    """

    study: Study
    accounts: int
    labelled: int
    sources: tuple[str, ...]
    models: int
    has_session: bool
    people: dict[str, int]
    folder: Path


def study_facts(settings: Settings) -> StudyFacts:
    """Read what a study's files say of it.

    Raises:
        InputError: ``study.json`` is damaged.
    """
    files = [*account_files(settings.accounts_dir)] if settings.accounts_dir.is_dir() else []
    return StudyFacts(
        study=read_study(settings),
        accounts=len(files),
        labelled=len(_labelled(settings)),
        sources=_sources(files),
        models=len(list_models(settings.models_dir)),
        has_session=settings.instagram_session is not None,
        people=dict(Counter(settings.roles.values())),
        folder=settings.data_dir,
    )


def protocol(facts: StudyFacts) -> str:
    """Both drafts as one Markdown text."""
    return "\n\n".join([_head(facts), *_assessment(facts), *_application(facts)]) + "\n"


def _labelled(settings: Settings) -> set[str]:
    names: set[str] = set()
    for path in settings.labels_dir.glob("*.csv"):
        try:
            names.update(read_labels(path).ages)
        except InputError:  # the index names it
            continue
    return names


def _sources(files: list[Path]) -> tuple[str, ...]:
    found: Counter[str] = Counter()
    step = max(1, len(files) // _LOOKED_AT)
    for path in islice(files, 0, None, step):
        try:
            found[read_account(path).source] += 1
        except InputError:  # damaged
            continue
    return tuple(name for name, _ in found.most_common())


def _said(text: str, question: str) -> str:
    """What the study says, or the question that it leaves open."""
    return text.strip() or f"**{OPEN}:** {question}"


def _list(*items: str) -> str:
    return "\n".join(f"- {item}" for item in items)


def _head(facts: StudyFacts) -> str:
    return (
        f"# {facts.study.title.strip() or 'A study of public captions and age'}: drafts\n\n"
        f"Written by AgeScope {__version__} from the study's files and from `{STUDY_FILE}`; what stands behind "
        f"**{OPEN}** only people can say. This is a draft to start from and no legal advice."
    )


def _assessment(facts: StudyFacts) -> list[str]:
    study = facts.study
    return [
        "## Draft of a data-protection impact assessment",
        "### The processing and its purposes",
        _list(
            f"Controller: {_said(study.institution, 'which institution decides about purposes and means?')}",
            f"Responsible: {_said(study.responsible, 'who is responsible, and who is the data-protection officer?')}",
            f"Contact: {_said(study.contact, 'where can the people in the data turn to?')}",
            f"Purpose: {_said(study.purpose, 'what is to be found out, and for whom?')}",
            f"Legal basis: {_said(study.legal_basis, 'on which provision does the processing rest?')}",
            f"Whose data: the owners of {facts.accounts:,} accounts now, among them probably people under age; "
            f"{facts.labelled:,} of known age. **{OPEN}:** how many in the end, and how were they found?",
            f"Which data: username, public captions with date, likes, comments and short code. From: {_from(facts)}.",
            "What is derived: a probability of being at least at an age, by account; shares of groups with intervals.",
            "Automated decisions about a person: none; a probability is not used for or against an account's owner. "
            f"**{OPEN}:** confirm.",
        ),
        "### Necessity and proportionality",
        _list(
            f"**{OPEN}:** why does the purpose need these data, and why would fewer, or a survey, not do?",
            "How much is taken: as many posts an account as are asked for, captions only; no image is kept.",
            f"Kept until: {_until(study)}.",
            f"**{OPEN}:** are the people told? If that is impossible or takes a disproportionate effort, why, and what "
            "is published instead?",
            "Rights: `forget USERNAME` removes an account from every file and searches for what is left; models that "
            "learnt from it are named, to be trained again.",
        ),
        "### Risks to the people in the data",
        _list(
            "An account's age group becomes known to others. Likelihood and severity: "
            f"**{OPEN}**. Against it: results are shares; a viewer sees no account; files of rows hold pseudonyms.",
            "Somebody is found by searching for a quoted caption. Against it: captions are left out of files unless "
            f"asked for. **{OPEN}:** will captions be quoted, and reworded before?",
            "A wrong age group is believed of a person. Against it: intervals, error rates on labelled accounts, an "
            "uncertain band.",
            "The folder is lost or copied. Against it: pseudonyms' key apart from it. "
            f"**{OPEN}:** is the disk encrypted, and who can read it?",
            "Groups are stigmatised by the results. " + f"**{OPEN}:** which, and what is done against it?",
        ),
        "### Measures",
        _list(
            f"Access: {_access(facts)}",
            f"A log of actions, `{LOG_FILE}`, names no account.",
            "Collecting keeps to rate limits and stops at a login wall, a checkpoint or a private account.",
            f"**{OPEN}:** backups, encryption, training of staff, processors and transfers to other countries.",
        ),
    ]


def _application(facts: StudyFacts) -> list[str]:
    study = facts.study
    return [
        "## Draft of an application to a review board",
        _list(
            f"Title: {_said(study.title, 'what is the study called?')}",
            f"Board and number: {_said(study.review_board, 'to which board, under which number?')}",
            f"Investigators: {_said(study.responsible, 'who does the research?')}",
            f"Aim: {_said(study.purpose, 'what is to be found out?')}",
        ),
        "### What is observed, and how",
        _list(
            f"Captions of public posts. From: {_from(facts)}. No account is contacted, followed or written to.",
            _session(facts),
            f"**{OPEN}:** how were the accounts chosen, and may minors be among them? If so, what protects them?",
            f"Ages are known of {facts.labelled:,} accounts. **{OPEN}:** from where, and did those people consent?",
        ),
        "### Consent, harm and benefit",
        _list(
            f"**{OPEN}:** is consent sought? If not, on what ground is it waived or not needed?",
            f"**{OPEN}:** what would the people in the data expect, and could they object?",
            f"**{OPEN}:** who benefits?",
        ),
        "### Data",
        _list(
            f"Kept on: `{facts.folder.name}` on a machine. **{OPEN}:** which, and who administers it?",
            f"Kept until: {_until(study)}. `forget --older-than DAYS` removes, after saying what would go.",
            f"Access: {_access(facts)}",
            "Shared: shares, charts and a report that names no account; rows under pseudonyms, without captions. "
            f"**{OPEN}:** with whom, and under which agreement?",
        ),
    ]


def _from(facts: StudyFacts) -> str:
    if not facts.sources:
        return f"**{OPEN}:** nothing is collected yet; from where will it come?"
    return "; ".join(
        SOURCES.get(source, f"files that were there already ({source.removeprefix('import:')})")
        for source in facts.sources
    )


def _session(facts: StudyFacts) -> str:
    if facts.has_session:
        return (
            "It is collected with the session of somebody who is signed in at the platform. "
            f"**{OPEN}:** whose? What is seen only after signing in may not count as public, which can put the study "
            "into another category of review."
        )
    return (
        "No session is set at this moment. "
        f"**{OPEN}:** was one used before? What is seen only after signing in may not count as public, which can put "
        "the study into another category of review."
    )


def _until(study: Study) -> str:
    if study.keep_until is None:
        return f"**{OPEN}:** until when, and why that long?"
    return f"{study.keep_until.isoformat()}. **{OPEN}:** why that long?"


def _access(facts: StudyFacts) -> str:
    if not facts.people:
        return f"the dashboard listens on one computer only. **{OPEN}:** who uses that computer?"
    roles = " and ".join(f"{number} with the role {role}" for role, number in sorted(facts.people.items()))
    return f"{roles}, who sign in; a viewer sees shares and charts only."
