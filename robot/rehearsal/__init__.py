"""Rehearses a campaign: written conversations are held with virtual callees, and what went otherwise is told.

conversations_file ──▶ callee_part ──▶ simulator ◀── calls ── daemon
        └────────────▶ verdict ◀── reports of the calls ────────┘
                          └──▶ view, junit
"""
