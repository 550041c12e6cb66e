"""Doors to a conversation beside FreeSWITCH's: browsers and gateways that talk to campaigns over a WebSocket."""
