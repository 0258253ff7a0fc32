"""One record through a machine, step by step, as somebody reads it."""

from fsm_core.explaining.page import page
from fsm_core.explaining.story import Change, Guard, Story, Visit, changes, story_of

__all__ = ["Change", "Guard", "Story", "Visit", "changes", "page", "story_of"]
