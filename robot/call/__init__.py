"""One call, from originate to outcome: states, playback, barge-in, latency. Does not choose whom to call."""
