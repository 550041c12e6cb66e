"""Audio frames in, speech events out: a WebSocket server with voice activity detection and transcription.

Knows nothing of FreeSWITCH's event socket, of campaigns or of the database: it can be used without `robot`.
"""
