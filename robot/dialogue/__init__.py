"""What is said: scripted scenarios and the intents of answers. Neither plays nor listens."""
