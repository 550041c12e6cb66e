"""Utterances into text: what an engine must do, Whisper as the engine, and who is next."""
