"""FreeSWITCH's Event Socket: bytes, frames, commands, replies and events. Knows nothing of calls or audio."""
