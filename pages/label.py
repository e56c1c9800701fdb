from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from core.errors import InputError
from core.evaluation.share_records import AuditRecord
from core.index import Filter
from core.labelling.batches import GOOD_FOR, Batch, Purpose, create_batch, list_batches
from core.labelling.evidence import Found, find_evidence, suggested_answer
from core.labelling.records import (
    RECORDS_FILE,
    SKIPPED,
    Evidence,
    Record,
    add_record,
    answered_times,
    answers_of,
    read_records,
)
from core.labelling.records import typed_answer as read_typed
from core.labelling.verdicts import Agreement, agreement, audit_csv, disagreements, labels_csv, sides_counted, verdicts
from core.privacy.roles import Action
from core.statistics.estimate import Estimate
from core.statistics.metrics import share_interval
from core.storage.age_answers import UNTOLD
from core.storage.own_names import called
from core.storage.predictions_file import predictions_in
from core.utils.formatting import count, day, number, percent, plain
from core.utils.io import write_atomically
from pages.parts.captions import captions_of, show_captions
from pages.parts.components import choose_in_address, empty_state, in_frame, tabs_in_address
from pages.parts.index_access import the_store
from pages.parts.sign_in import act, note_account, require
from pages.parts.study import cached, the_settings

in_frame()

SETTINGS = the_settings()
CODING = SETTINGS.coding_dir
PURPOSES: dict[Purpose, str] = {
    "audit": "an audit sample",
    "uncertain": "the least sure",
    "random": "a random batch",
    "chosen": "chosen from a list",
}
Said = tuple[str, str, str, int, int]
"""Which batch, who says it, of whom, at which place in the batch, and how often this coder had answered before."""
CAPTIONS_LOOKED_AT = 2_000
FEWEST_AUDITED = 20
AUDIT_FILE = "audit.csv"
KEYS = """<script>
if (!window.ageScopeKeys) {
  window.ageScopeKeys = true;
  const field = name => document.querySelector(`[class*="st-key-${name}"] input`);
  const leaves = at => [field("age"), field("note"), field("coder")].includes(at);
  document.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = event.target, typing = at.matches("input, textarea, [contenteditable=true]");
    if (!typing && /^[0-9]$/.test(event.key)) field("age")?.focus();
    else if (!typing && event.key === "n" && field("note")) { field("note").focus(); event.preventDefault(); }
    else if (event.key === "Escape" && leaves(at)) at.blur();
  }, true);
  document.addEventListener("keydown", event => {
    if (event.key === "Enter" && leaves(event.target)) event.target.blur();
  });
}
</script>"""
"""A digit begins to write an age wherever one is, N a note; Enter gives the keys back to the buttons, after a name too:
the next key would become a part of it, and the coder another one. At once, when the page has taken the Enter: a timer
comes later than the next key of somebody quick."""
store = the_store()


def choose_batch(batches: Sequence[Batch]) -> tuple[Batch, str]:
    """Which batch, and who labels; both are in the address, so that a reload goes on."""
    by_name = {batch.name: batch for batch in batches}
    titles = {batch.name: in_words(batch) for batch in batches}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        missing = "There is no batch called {} here. The newest is shown."
        name = choose_in_address("Batch", list(by_name), "batch", titles, missing, width=380)
        coder = st.text_input(
            "Your name",
            key="coder",
            bind="query-params",
            max_chars=40,
            width=220,
            help="Each coder labels alone, under a name of his own, and does not see what the others say.",
        )
    return by_name[name], " ".join(coder.split())


def in_words(batch: Batch) -> str:
    return f"{count(len(batch.usernames), 'account')} · {batch.name} · {PURPOSES[batch.purpose]}"


@st.fragment
def label_accounts(batch: Batch, coder: str) -> None:
    """One account after the other, until all have an answer of this coder."""
    records = read_records(CODING / batch.name)
    answers, turn = answers_of(records, coder), answered_times(records, coder)
    done, back = batch.done(answers), st.session_state.get("label_back")
    username = back if back in batch.usernames else batch.next_account(answers)
    st.progress(done / len(batch.usernames), text=f"{number(done)} of {number(len(batch.usernames))} labelled by you")
    if username is None:
        st.success("You have labelled every account of this batch. The tab Agreement shows what comes of it.")
        st.button("Back to the last one", icon=":material/undo:", on_click=go_back, args=(None, [*answers]))
        return
    note_account(username)
    posts = store.posts(Filter(account=username), limit=CAPTIONS_LOOKED_AT)
    found = find_evidence(captions_of(posts))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(plain(username), width="stretch")
        st.markdown(f":gray[{about(posts)}]", width="content")
    answer_controls(batch, (batch.name, coder, username, batch.usernames.index(username), turn), answers, found)
    show_captions(posts, found)


def about(posts: pd.DataFrame) -> str:
    """How much there is to read, and from when to when."""
    times = posts["taken_at"].dropna()
    ends = (times.min().to_pydatetime(), times.max().to_pydatetime()) if len(times) else ()
    span = f", {' to '.join(map(day, ends))}" if ends else ""
    return plain(f"{count(int(posts['caption'].notna().sum()), 'caption')}{span}")


def answer_controls(batch: Batch, said: Said, answers: dict[str, Record], found: list[Found]) -> None:
    """The field and the buttons by which an answer is given; each has its key."""
    _, _, username, place, _ = said
    own = answers.get(username)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        with (
            st.form(f"ages_{place}", clear_on_submit=True, border=False, width=330),
            st.container(horizontal=True, vertical_alignment="bottom", gap="small"),
        ):
            st.text_input(
                "Age or year of birth",
                key=f"age_{place}",
                placeholder="24 or 1999, then Enter",
                help="Also 18-24. Type digits anywhere on the page, then Enter.",
            )
            st.form_submit_button("Save", on_click=take_typed, args=said)
        choices = {f"Under {batch.cutoff:g}": (f"under {batch.cutoff:g}", "u")}
        choices |= {f"At least {batch.cutoff:g}": (f"at least {batch.cutoff:g}", "a"), "Cannot tell": (UNTOLD, "t")}
        for label, (answer, key) in choices.items():
            st.button(label, shortcut=key, key=f"{key}_{place}", on_click=take, args=(*said, answer))
        suggestion = suggested_answer(found, date.today())
        if suggestion is not None:
            agreed = (*said, str(suggestion), "self-report")
            st.button(
                f"Confirm {suggestion}", shortcut="y", key=f"y_{place}", type="primary", on_click=take, args=agreed
            )
        st.button("Skip", shortcut="s", key=f"s_{place}", type="tertiary", on_click=take, args=(*said, SKIPPED))
        st.button(
            "Back",
            shortcut="b",
            key=f"b_{place}",
            type="tertiary",
            disabled=not answers,
            on_click=go_back,
            args=(username, [*answers]),
        )
    st.text_input(
        "Note",
        own.note if own else "",
        key=f"note_{place}",
        placeholder="Note (N)",
        max_chars=300,
        label_visibility="collapsed",
    )
    if refused := st.session_state.pop("label_refused", None):
        st.error(plain(refused))
    elif own:
        st.caption(f"You said: {plain(own.answer) or 'later'}. Another answer takes its place.")


def take_typed(batch: str, coder: str, username: str, place: int, turn: int) -> None:
    """Keep the age that was typed, or say why it is none."""
    require(Action.CHANGE_STUDY)
    try:
        answer = read_typed(st.session_state[f"age_{place}"], date.today())
    except ValueError as error:
        st.session_state.label_refused = str(error)
        return
    take(batch, coder, username, place, turn, answer)


def take(
    batch: str, coder: str, username: str, place: int, turn: int, answer: str, evidence: Evidence = "captions"
) -> None:
    """Keep an answer, on the disk; the next account follows.

    ``turn`` is how often this coder had answered when the account was drawn: a key that arrives twice,
    or from a page that is older than the last answer, says nothing a second time.
    """
    require(Action.CHANGE_STUDY)  # who said what, and when, is written down by itself
    if answered_times(read_records(CODING / batch), coder) != turn:
        return
    note = st.session_state.get(f"note_{place}", "")
    add_record(CODING / batch, Record(username=username, coder=coder, answer=answer, evidence=evidence, note=note))
    st.session_state.pop("label_back", None)


def go_back(username: str | None, answered: list[str]) -> None:
    """Show the account that was answered before this one."""
    at = answered.index(username) if username in answered else len(answered)
    st.session_state.label_back = answered[max(0, at - 1)]


@cached(max_entries=8, show_spinner="Comparing …")
def compared(name: str, changed_ns: int) -> Agreement:
    """How far the coders of a batch agree; new when anything was said."""
    batch = next(batch for batch in list_batches(CODING) if batch.name == name)
    return agreement(batch, read_records(CODING / name))


def show_outcome(batch: Batch, coder: str) -> None:
    """How far coders agree, what is to settle, and the files."""
    path = CODING / batch.name / RECORDS_FILE
    if not path.is_file():
        st.info("Nobody has labelled anything of this batch yet.")
        return
    records = read_records(CODING / batch.name)
    found = verdicts(batch, records)
    show_agreement(compared(batch.name, path.stat().st_mtime_ns))
    left = len(batch.usernames) - batch.done(answers_of(records, coder)) if coder else 0
    to_settle = disagreements(found)
    if to_settle:
        st.subheader(f"{count(len(to_settle), 'account')} to settle")
        if st.checkbox(
            "Show what was said (look when you have labelled all you want to)", value=not left, key=f"seen_{batch.name}"
        ):
            settle(batch, coder, to_settle[0].username, to_settle[0].answers)
    offer_files(batch, found)


def show_agreement(of: Agreement) -> None:
    if len(of.coders) < 2:
        st.caption(f"One coder so far: {plain(', '.join(of.coders))}. With a second one, agreement can be told.")
        return
    with st.grid(3, min_column_width=180):
        st.metric("Labelled by two or more", number(of.accounts))
        st.metric("All say the same", percent(of.same / of.accounts if of.accounts else None))
        draw_estimate("Krippendorff's alpha", of.alpha)
    pairs = [{"coders": " and ".join(pair), **asdict(kappa)} for pair, kappa in of.kappa.items()]
    table = pd.DataFrame(pairs).rename(columns={"value": "Cohen's kappa"})
    st.dataframe(
        table,
        hide_index=True,
        alt="Cohen's kappa of each pair of coders",
        placeholder="–",
        column_config={name: st.column_config.NumberColumn(format="%.2f") for name in ("Cohen's kappa", "low", "high")},
    )
    st.caption(
        "Agreement on the side of the cutoff, “cannot tell” being a side of its own: 1 is perfect, 0 what chance would "
        "give. Intervals of 95 % from drawing accounts anew."
    )


def draw_estimate(label: str, estimate: Estimate) -> None:
    interval = f"{number(estimate.low, 2)} to {number(estimate.high, 2)}" if estimate.low is not None else None
    st.metric(label, number(estimate.value, 2), interval, delta_color="off", delta_arrow="off", help=estimate.note)


def settle(batch: Batch, coder: str, username: str, answers: dict[str, Record]) -> None:
    """One account on which coders differ: what each said, its captions, and the answer that they settle on."""
    note_account(username)
    posts = store.posts(Filter(account=username), limit=CAPTIONS_LOOKED_AT)
    st.markdown(f"**{plain(username)}**")
    for name, record in answers.items():
        note = f" ({plain(record.note)})" if record.note else ""
        st.markdown(f"- {plain(name)}: **{plain(record.answer)}**{note}")
    place = batch.usernames.index(username)
    with (
        st.form(f"settle_{place}", border=False, clear_on_submit=True),
        st.container(horizontal=True, vertical_alignment="bottom"),
    ):
        st.text_input(
            "Settled answer", key=f"settled_{place}", placeholder="24, 1999, under 21, cannot tell", width=300
        )
        st.form_submit_button(
            "Settle", disabled=not coder, on_click=take_settled, args=(batch.name, coder, username, place)
        )
    if not coder:
        st.caption("Type your name above first.")
    if refused := st.session_state.pop("label_refused", None):
        st.error(plain(refused))
    show_captions(posts, find_evidence(captions_of(posts)))


def take_settled(batch: str, coder: str, username: str, place: int) -> None:
    """Keep what coders settled on."""
    require(Action.CHANGE_STUDY)
    try:
        answer = read_typed(st.session_state[f"settled_{place}"], date.today())
    except ValueError as error:
        st.session_state.label_refused = str(error)
        return
    add_record(CODING / batch, Record(username=username, coder=coder, answer=answer, evidence="settled"))


def offer_files(batch: Batch, found: list[Any]) -> None:
    """What was labelled, for Train and for the share."""
    st.subheader("Use the labels")
    counted = sides_counted(found, batch.cutoff)
    st.markdown(
        f"{number(counted['at least'])} at least {batch.cutoff:g} · {number(counted['under'])} under · "
        f"{number(counted['cannot tell'])} cannot tell · {number(len(batch.usernames) - sum(counted.values()))} open"
    )
    if st.button("Keep as labels", icon=":material/label:", type="primary", disabled=not sum(counted.values())):
        act(Action.CHANGE_STUDY, f"kept the labels of the batch {batch.name}")
        write_atomically(SETTINGS.labels_dir / f"{batch.name}.csv", labels_csv(found))
        store.refresh()
        st.toast(f"Train finds them as {batch.name}.")
    st.page_link("pages/train.py", label="Train with them", icon=":material/arrow_forward:")
    if batch.purpose == "audit":
        show_share(batch, audit_csv(batch, found))


def title_of_run(run: str) -> str:
    """What people call a prediction run."""
    return called(SETTINGS.predictions_dir / run)


def show_share(batch: Batch, filled_in: str) -> None:
    """The share of the list that an audit sample was drawn from, and the command that tells it."""
    audit = CODING / batch.name / AUDIT_FILE
    write_if_new(audit, filled_in)
    predictions = predictions_in(SETTINGS.predictions_dir / str(batch.run))
    st.subheader(f"Share at least {batch.cutoff:g}")
    try:
        share = audited_share(str(predictions), predictions.stat().st_mtime_ns, filled_in, batch.cutoff)
    except (InputError, OSError) as error:
        st.info(plain(error) if isinstance(error, InputError) else "The predictions that it was drawn from are gone.")
        return
    st.metric(
        f"of all {number(share['population'])} accounts of {plain(title_of_run(str(batch.run)))}",
        percent(share["value"], 1),
        f"{percent(share['low'], 1)} to {percent(share['high'], 1)}",
        delta_color="off",
        delta_arrow="off",
        help=plain(share["method"]),
    )
    st.caption(" ".join([f"From {count(share['accounts']['told'], 'account')} told.", *map(plain, share["notes"])]))
    st.caption("The same in a shell:")
    command = f"--predictions {predictions} --audit {audit} --age-cutoff {batch.cutoff:g}"
    st.code(f"python -m core prevalence {command}", language=None, wrap_lines=True)


@cached(max_entries=8, show_spinner="Estimating …")
def audited_share(predictions: str, changed_ns: int, filled_in: str, cutoff: float) -> AuditRecord:
    from core.evaluation.audit import audited  # with SciPy and its seconds, which no other view needs
    from core.evaluation.evaluate import read_predictions

    return audited(read_predictions(Path(predictions)), filled_in.encode(), cutoff)


def write_if_new(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_atomically(path, text)


def new_batch() -> None:
    """What to label next, and what each choice is good for."""
    runs = store.runs()
    known = [purpose for purpose in PURPOSES if purpose == "random" or (purpose != "chosen" and len(runs))]
    chosen_purpose = st.segmented_control(
        "What to label", known, format_func=PURPOSES.__getitem__, default=known[0], key="purpose", required=True
    )
    purpose: Purpose = chosen_purpose or known[0]
    st.markdown(GOOD_FOR[purpose])
    if not len(runs):
        st.caption(
            "An audit sample, or the accounts that a model is least sure of, can be drawn once a model has predicted."
        )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if purpose != "random":
            st.selectbox("Predictions", runs["run"], format_func=title_of_run, key="batch_run", width=260)
        st.number_input(
            "Accounts", FEWEST_AUDITED if purpose == "audit" else 1, 100_000, 40, key="batch_size", width=140
        )
        st.number_input("Age cutoff", 6.0, 119.0, 21.0, 1.0, format="%g", key="batch_cutoff", width=140)
        st.number_input("Seed", 0, 2**31 - 1, 2021, key="batch_seed", width=120)
        st.text_input(
            "Name", f"{purpose}-{date.today():%Y-%m-%d}", key=f"batch_name_{purpose}", max_chars=60, width=220
        )
    if purpose == "audit":
        low, high = share_interval(st.session_state.batch_size // 2, st.session_state.batch_size)
        st.caption(
            f"With {count(st.session_state.batch_size, 'account')} the interval of the share is at most about "
            f"{100 * (high - low):.0f} points wide; a good model, and a share far from a half, make it narrower."  # type: ignore[operator]
        )
    st.button("Make the batch", type="primary", icon=":material/playlist_add:", on_click=make_batch, args=(purpose,))
    if refused := st.session_state.pop("label_refused", None):
        st.error(plain(refused))


def make_batch(purpose: Purpose) -> None:
    """Draw the accounts, keep the batch, and open it."""
    chosen = st.session_state
    act(Action.CHANGE_STUDY, "made a batch to label")
    try:
        usernames, draw = drawn(purpose, chosen.get("batch_run"), chosen.batch_size, chosen.batch_seed)
        batch = create_batch(
            CODING,
            Batch(
                name=chosen[f"batch_name_{purpose}"],
                purpose=purpose,
                cutoff=chosen.batch_cutoff,
                usernames=tuple(usernames),
                run=None if purpose == "random" else chosen.batch_run,
                draw=draw,
            ),
        )
    except InputError as error:
        chosen.label_refused = str(error)
        return
    st.query_params["batch"] = batch.name
    st.query_params.pop("show", None)  # the first tab, in which it is labelled


def drawn(purpose: Purpose, run: str | None, size: int, seed: int) -> tuple[list[str], str | None]:
    """The accounts of a new batch, and how an audit sample was drawn."""
    if purpose == "random":
        return store.random_accounts(size, seed), None
    if purpose == "uncertain":
        threshold = store.runs().set_index("run")["threshold"].dropna().to_dict().get(run, 0.5)
        return store.least_sure(str(run), float(threshold), size), None
    from core.evaluation.audit import draw_sample  # with SciPy and its seconds, which no other view needs
    from core.evaluation.evaluate import read_predictions

    predictions = read_predictions(predictions_in(SETTINGS.predictions_dir / str(run)))
    draw, usernames = draw_sample(predictions, size, seed)
    return usernames, str(draw)


if not store.counts().with_posts:
    empty_state("Nothing is collected yet.", "pages/collect.py", "Collect or import posts")
    st.stop()

st.html(KEYS, unsafe_allow_javascript=True)
batches = list_batches(CODING)
chosen = choose_batch(batches) if batches else None
label, outcome, new = tabs_in_address(["Label", "Agreement", "New batch"], "show")
if label.open:
    with label:
        if chosen is None:
            st.info("A batch is a number of accounts to label. Make one first.")
            new_batch()
        elif not chosen[1]:
            st.info("Type your name above; then the first account appears.")
        else:
            label_accounts(*chosen)
if outcome.open:
    with outcome:
        if chosen is not None:
            show_outcome(*chosen)
if new.open:
    with new:
        new_batch()
