"""What can be wrong before a simulator runs. Every message says what to do."""

from __future__ import annotations


class SimulatorError(Exception):
    """The simulator cannot start or end: a port that is taken, for instance."""


class NoVoice(SimulatorError):
    """A callee is to speak a text and nothing here can speak."""


class SoundError(SimulatorError):
    """A sound file that cannot be played; the message names the file and what is wrong with it."""
