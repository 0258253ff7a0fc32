"""A machine as one HTML page that asks for nothing else: the drawing, what each state does, every way with its guard."""

from __future__ import annotations

from fsm_core.graph.layout import place
from fsm_core.graph.shape import Edge, Group, Node, Shape
from fsm_core.graph.svg import drawn
from fsm_core.graph.texts import shown

PAGE_STYLE = """
:root { color-scheme: light dark; --ink: #1d2530; --soft: #5b6675; --paper: #fff; --rule: #dde1e7; --code: #f2f4f7 }
@media (prefers-color-scheme: dark) { :root { --ink: #e8edf4; --soft: #a9b4c2; --paper: #14181f; --rule: #2f3845; --code: #1f2630 } }
body { margin: 0 auto; padding: 24px 32px 64px; color: var(--ink); background: var(--paper); font: 15px/1.5 "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif }
h1 { margin: 0; font-size: 24px } h1 small, .soft { color: var(--soft); font-weight: 400 } h2 { margin: 32px 0 8px; font-size: 18px }
.drawing { overflow: auto; margin: 16px 0; border: 1px solid var(--rule); border-radius: 10px }
.drawing svg { display: block; margin: 0 auto; max-width: 100%; height: auto }
table { border-collapse: collapse } td, th { padding: 6px 28px 6px 0; text-align: left; vertical-align: top; border-top: 1px solid var(--rule) }
th { color: var(--soft); font-weight: 600; border-top: 0 } code { font: 13px ui-monospace, "SF Mono", Menlo, Consolas, monospace; background: var(--code); padding: 1px 5px; border-radius: 4px; overflow-wrap: anywhere }
tr:target td { background: var(--code) } .legend { color: var(--soft); font-size: 13px } .legend b { font-weight: 600 }
"""
_LEGEND = {"arc": "An arc shows its guard; the first that is true is taken.",
           "push": "<b>Thick violet</b>: into a network, <b>dashed violet</b>: back to its caller.",
           "catch": "<b>Dashed red</b>: where a record goes when the state fails."}
_WORDS = {"arc": "", "push": "into the network", "return": "back to the caller", "catch": "when it fails"}


def page(shape: Shape) -> str:
    """The text of an HTML document."""
    title = shown(shape.name)
    body = [f"<h1>{title} <small>{shown(shape.version)}</small></h1>"]
    if shape.description:
        body.append(f"<p>{shown(shape.description)}</p>")
    body += [f'<div class="drawing">{drawn(shape, place(shape), "#")}</div>',
             f'<p class="legend">{" ".join(words for kind, words in _LEGEND.items() if any(edge.kind == kind for edge in shape.edges))}</p>']
    body += [_states(group) for group in shape.groups]
    body.append(_ways(shape.edges))
    return document(f"{shape.name} {shape.version}".strip(), "\n".join(body))


def document(title: str, body: str, style: str = "") -> str:
    """A page that may ask for nothing, not even from where it came."""
    return ('<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n"
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{shown(title)}</title>\n<style>{PAGE_STYLE}{style}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n")


def _states(group: Group) -> str:
    rows = "".join(_state(node) for node in group.nodes)
    about = f'<p class="soft">{shown(group.description)}</p>' if group.description else ""
    head = f"Network {shown(group.name)}" if group.name else "States"
    return f"<h2>{head}</h2>{about}<table><tr><th>state</th><th>does</th><th>what for</th></tr>{rows}</table>"


def _state(node: Node) -> str:
    ends = node.lines[-1:] if node.kind in ("output", "error", "drop") else ()
    does = "<br>".join([*(f"<code>{shown(line)}</code>" for line in node.details), *map(shown, ends)])
    return f'<tr id="{shown(node.name)}"><td><b>{shown(node.title)}</b></td><td>{does}</td><td>{shown(node.description)}</td></tr>'


def _ways(edges: tuple[Edge, ...]) -> str:
    rows = "".join(
        f"<tr><td>{shown(edge.source)}</td><td>{_guard(edge)}</td><td>{shown(edge.target)}</td><td>{shown(edge.description)}</td></tr>" for edge in edges)
    return f"<h2>Ways</h2><table><tr><th>from</th><th>when</th><th>to</th><th>what for</th></tr>{rows}</table>"


def _guard(edge: Edge) -> str:
    word = _WORDS[edge.kind]
    label = f"<code>{shown(edge.label)}</code>" if edge.label else "" if word else "always"
    return " ".join(part for part in (label, f'<span class="soft">{word}</span>' if word else "") if part)
