"""Calls that go on now, for whoever watches: in memory, or in Redis, where several robots and their watchers meet.

Nothing here is kept: what became of a call is in the database.
"""
