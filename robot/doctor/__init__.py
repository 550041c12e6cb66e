"""`robot doctor`: looks at everything that a call needs, and says what is wrong and what to do about it."""
