"""Generated code for a fan-out whose children walk on one by one as they are made, so that none of them is ever an object of its own.

All children are made before the first one walks, says the language. It makes no difference where no code can tell: formulas change
nothing, and what an earlier child came to is forgotten when a later one cannot be made.
"""

from __future__ import annotations

from dataclasses import replace

from fsm_core.definition import Code
from fsm_core.definition import State as StateDefinition
from fsm_core.engine.catching import Catch, Catching
from fsm_core.engine.children import Loop
from fsm_core.engine.source import Flow


class Streams(Catching):
    """The part of a walk that writes such fan-outs."""

    def streams(self, here: StateDefinition, flow: Flow) -> bool:
        """The children can walk on one by one."""
        apart = self._joins is None and not flow.child and flow.lent is False
        return apart and isinstance(here.fan_out, Code) and self._steps.loop(here.fan_out) is not None

    def stream(self, here: StateDefinition, flow: Flow, catches: bool) -> None:
        """The steps of the state, then a loop in which each child is made and walks on."""
        flow = self.settled(flow)
        catch, inside = self.trying(here, flow) if catches else (None, flow)
        inside = self._steps.enter(here, inside, None if catch is None else self.refused(catch))
        assert isinstance(here.fan_out, Code)
        loop, items, inside = self._steps.opened(here.fan_out, inside)
        if catch is not None:
            inside = self.tried(catch, inside)
        self._children(here, loop, items, inside, catch)
        done = inside
        if catch is not None:
            done = replace(inside, depth=flow.depth + 1)
            self._source.line(flow, f"if {catch.to} is None:")
        self.ended(here, done)
        if catch is not None:
            self.caught(catch)

    def _children(self, here: StateDefinition, loop: Loop, items: str, flow: Flow, catch: Catch | None) -> None:
        """The loop itself."""
        write, parent = self._source.line, self._source.name("p")
        flow = self.begun(flow)
        if not flow.record.closed:
            write(flow, f"{parent} = _d")
        write(flow, f"for {loop.target} in {items}:")
        body = flow.deeper()
        if not flow.record.closed:
            write(body, f"_d = {parent}")
        inside = replace(body, path=(), arcs=(), trail=True, child=True)
        if catch is None:
            made = self._steps.made(loop, inside)
        else:
            write(body, "try:")
            made = self._steps.made(loop, replace(inside.deeper(), record=replace(inside.record, held=True)))
            self.handler(catch, body)
            write(body.deeper(), "del _walks[_m:]; break")
        self.in_region(replace(made, depth=body.depth), lambda at: self.leave(here, at), (here.name, flow.stack))
