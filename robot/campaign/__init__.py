"""Whom to call and with what: campaign folders, validated. Does not talk to FreeSWITCH."""
