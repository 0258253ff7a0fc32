"""A machine as a picture: its shape, and that as Mermaid, DOT, SVG or a page that needs no network."""

from fsm_core.graph.dot import dot
from fsm_core.graph.errors import NoLayout
from fsm_core.graph.mermaid import mermaid
from fsm_core.graph.page import page
from fsm_core.graph.shape import Shape, shape_of
from fsm_core.graph.svg import svg

__all__ = ["NoLayout", "Shape", "dot", "mermaid", "page", "shape_of", "svg"]
