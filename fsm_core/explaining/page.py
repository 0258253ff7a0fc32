"""A story as one HTML page that asks for nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from fsm_core.explaining.story import Change, Story, Visit
from fsm_core.explaining.words import end_line, failure_line, fan_out_line, meaning_line, sent_line, value
from fsm_core.graph.page import document
from fsm_core.graph.texts import shown

STYLE = """
:root { --good: #1b6e3a; --bad: #b3261e; --was: #8a5a00 }
@media (prefers-color-scheme: dark) { :root { --good: #7fd6a0; --bad: #ff9a90; --was: #e5bd6a } }
ol { list-style: none; padding: 0; margin: 16px 0; max-width: 980px }
li.visit { border-left: 3px solid var(--rule); padding: 2px 0 18px 20px; margin-left: 8px; position: relative }
li.visit::before { content: ""; position: absolute; left: -8px; top: 8px; width: 13px; height: 13px; border-radius: 50%; background: var(--soft) }
li.failed::before { background: var(--bad) } li.visit > b { font-size: 16px }
.added { color: var(--good) } .removed, .bad { color: var(--bad) } .changed { color: var(--was) }
.row { margin: 3px 0; overflow-wrap: anywhere } .end { font-weight: 600; font-size: 16px } details pre { background: var(--code); padding: 10px; overflow: auto }
li.visit pre { white-space: pre-wrap; overflow-wrap: anywhere }
"""
_SIGNS = {"added": "+", "removed": "−", "changed": "~"}


def page(story: Story, source: str | None = None) -> str:
    """The text of an HTML document; `source` is the generated code, shown at the foot."""
    body = [f"<h1>{shown(story.machine)} <small>one record, step by step</small></h1>", f"<p>{shown(story.description)}</p>" if story.description else "",
            _shown("the record", value(story.record, 100_000)), "<ol>", *(_visit(story, visit) for visit in story.visits), "</ol>", _end(story)]
    if story.unfused:
        rows = "".join(f"<tr><td>{shown(state)}</td><td>{shown(why)}</td></tr>" for state, why in story.unfused)
        body.append(f"<h2>Not fused</h2><table><tr><th>state</th><th>why</th></tr>{rows}</table>")
    if source:
        body.append(_folded("the generated code", source))
    return document(f"{story.machine}: one record", "\n".join(body), STYLE)


def _visit(story: Story, visit: Visit) -> str:
    failed = story.failure is not None and visit is story.visits[-1]
    rows = "".join(_rows(visit))
    if failed and story.failure is not None and story.failure.get("reason") != "rejected":  # the last line says that
        rows += f'<div class="row bad">{shown(failure_line(story.failure))}</div>'
    fold = _shown if visit is story.visits[-1] and not story.sent else _folded
    after = fold("the record after it", value(visit.after, 100_000)) if visit.after is not None else ""
    return f'<li class="visit{" failed" if failed or visit.error else ""}"><b>{shown(visit.state)}</b> <span class="soft">{shown(visit.description)}</span>{rows}{after}</li>'


def _rows(visit: Visit) -> Iterator[str]:
    for name, of in visit.lets.items():
        yield f'<div class="row soft">let {shown(name)} = {shown(value(of))}</div>'
    for change in visit.changes:
        yield f'<div class="row {change.kind}">{_SIGNS[change.kind]} {shown(_changed(change))}</div>'
    if visit.children is not None:
        yield f'<div class="row">{visit.children} records go on from here, each on its own</div>'
    if visit.error is not None:
        yield f'<div class="row bad">{shown(failure_line(visit.error))}</div>'
    for guard in visit.guards:
        yield f'<div class="row"><code>{shown(guard.condition)}</code> is {shown(value(guard.value))} <span class="soft">({shown(guard.arc)})</span></div>'
    if visit.to is not None:
        yield f'<div class="row">→ {shown(visit.to)}</div>'


def _changed(change: Change) -> str:
    if change.kind == "added":
        return f"{change.path} = {value(change.after)}"
    return f"{change.path} (was {value(change.before)})" + (f" = {value(change.after)}" if change.kind == "changed" else "")


def _end(story: Story) -> str:
    line = shown(end_line(story.end, story.outcome, story.failure))
    sent = "".join(f'<p class="row"><code>{shown(sent_line(said))}</code></p>' for said in story.sent)
    whole = "".join(f'<p class="row">{shown(told)}</p>' for told in (meaning_line(story.failure), fan_out_line(story)) if told)
    return f'<p class="end{" bad" if story.failure is not None else ""}">{line}</p>{whole}{sent}'


def _shown(title: str, text: str) -> str:
    return _folded(title, text).replace("<details>", "<details open>", 1)


def _folded(title: str, text: str) -> str:
    return f"<details><summary>{shown(title)}</summary><pre>{shown(text)}</pre></details>"
