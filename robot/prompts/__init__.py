"""What is played on calls: recordings and spoken texts, made ready once and kept as files that FreeSWITCH reads.

`library.PromptLibrary` is the door. Knows nothing of calls and campaigns: who asks for a prompt says what is in it.
"""
