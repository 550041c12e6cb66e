"""Who picked up: a human, a voicemail, a full mailbox, call screening, a menu, a fax, or nobody. Pure, no clock.

`detector` is fed what is heard and says what it takes the other side for; `signals` knows what tones mean,
`greetings` what words mean, with phrases of each language in a TOML file beside it. What to do about it is not here.
"""
