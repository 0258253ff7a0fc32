"""What machines do to records, as somebody reads it: one record step by step, or two machines side by side (`comparing`); `page` draws a story."""

from fsm_core.explaining.story import Change, Guard, Story, Visit, changes, story_of

__all__ = ["Change", "Guard", "Story", "Visit", "changes", "story_of"]
