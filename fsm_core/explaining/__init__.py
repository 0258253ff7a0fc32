"""What machines do to records, as somebody reads it: one record step by step, or two machines side by side."""

from fsm_core.explaining.comparing import Comparison, Ending, Example
from fsm_core.explaining.page import page
from fsm_core.explaining.story import Change, Guard, Story, Visit, changes, story_of

__all__ = ["Change", "Comparison", "Ending", "Example", "Guard", "Story", "Visit", "changes", "page", "story_of"]
