"""An outbound voice robot for FreeSWITCH: places calls, talks, listens, and writes down what happened."""

__version__ = "0.1.0"
