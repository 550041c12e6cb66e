"""Virtual callees behind a real FreeSWITCH: its calls go out through a SIP trunk to itself, and are taken here."""
