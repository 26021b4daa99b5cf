"""The tables of the store, as the steps that lead to them.

A step that has been released is never changed: a change is a step more. The number of steps that a
database has gone through is its `user_version`. Moments are TEXT, ISO 8601 in UTC with microseconds
(`2026-01-14T12:00:00.000000+00:00`), which sorts as it passes.
"""

from __future__ import annotations

type Step = tuple[str, ...]

_FIRST: Step = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    # An agent's name may be used again once it is retired; its id never.
    """
    CREATE TABLE agents (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        generation INTEGER NOT NULL DEFAULT 1 CHECK (generation >= 1),
        suspended TEXT,          -- why it may do nothing at the moment; NULL if it may
        created TEXT NOT NULL,
        changed TEXT NOT NULL,
        retired TEXT
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE UNIQUE INDEX agents_in_use ON agents (name) WHERE retired IS NULL",
    """
    CREATE TABLE runs (
        id TEXT PRIMARY KEY,
        agent_id TEXT NOT NULL REFERENCES agents (id),
        created TEXT NOT NULL,
        ends TEXT,
        ended TEXT
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX runs_open ON runs (agent_id) WHERE ended IS NULL",
    """
    CREATE TABLE people_keys (
        public_key BLOB PRIMARY KEY,   -- Ed25519, 32 bytes
        person TEXT NOT NULL,
        created TEXT NOT NULL,
        revoked TEXT
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX people_keys_of ON people_keys (person)",
    """
    CREATE TABLE approvals (
        id TEXT PRIMARY KEY,
        agent_id TEXT NOT NULL,
        state TEXT NOT NULL,
        created TEXT NOT NULL,
        document TEXT NOT NULL         -- JSON: the whole of it, as wharfinger.approvals writes it
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX approvals_by_state ON approvals (state, created)",
    """
    CREATE TABLE approval_history (
        approval TEXT NOT NULL,
        at TEXT NOT NULL,
        move TEXT NOT NULL,
        state TEXT NOT NULL,
        person TEXT,
        comment TEXT
    ) STRICT
    """,
    "CREATE INDEX approval_history_by_approval ON approval_history (approval)",
)

_LIMITS: Step = (
    """
    CREATE TABLE limit_counts (
        decision TEXT NOT NULL,
        agent_id TEXT NOT NULL,
        run TEXT NOT NULL,             -- where the window is a run; else empty
        counter TEXT NOT NULL,
        window TEXT NOT NULL,
        at TEXT NOT NULL,
        amount TEXT NOT NULL           -- a fraction, so that sums are exact
    ) STRICT
    """,
    "CREATE INDEX limit_counts_by_decision ON limit_counts (decision)",
    "CREATE INDEX limit_counts_by_time ON limit_counts (at)",
    """
    CREATE TABLE denials (
        id TEXT PRIMARY KEY,
        tool TEXT NOT NULL,            -- empty where it is about any; so for the next two
        host TEXT NOT NULL,
        agent TEXT NOT NULL,
        because TEXT NOT NULL,
        person TEXT NOT NULL,
        created TEXT NOT NULL,
        ends TEXT
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE reviews (
        decision TEXT PRIMARY KEY,
        agent TEXT NOT NULL,
        at TEXT NOT NULL,
        document TEXT NOT NULL,        -- JSON: the call, as approvals show one
        outcome TEXT,                  -- NULL while it is under way
        status INTEGER,
        reviewed TEXT,
        person TEXT,
        comment TEXT
    ) STRICT, WITHOUT ROWID
    """,
)

_PROPOSED: Step = (
    """
    CREATE TABLE approved_tools (
        tool TEXT PRIMARY KEY,
        digest TEXT NOT NULL,          -- of the template that was approved; another is proposed again
        person TEXT NOT NULL,
        at TEXT NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
)

_SIGN_IN: Step = (
    """
    CREATE TABLE passwords (
        person TEXT PRIMARY KEY,
        hash TEXT NOT NULL,            -- Argon2id, as a PHC string
        changed TEXT NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE sign_in_links (
        digest BLOB PRIMARY KEY,       -- SHA-256 of what the link holds
        person TEXT NOT NULL,
        ends TEXT NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE sessions (
        id TEXT PRIMARY KEY,
        digest BLOB NOT NULL UNIQUE,   -- SHA-256 of its token
        person TEXT NOT NULL,
        kind TEXT NOT NULL,
        began TEXT NOT NULL,
        label TEXT NOT NULL,
        role TEXT,                     -- the most that it may do; NULL for all that the person may
        created TEXT NOT NULL,
        seen TEXT NOT NULL,
        ends TEXT NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
)

_CHANNELS: Step = (
    """
    CREATE TABLE approval_links (
        id TEXT PRIMARY KEY,
        approval TEXT NOT NULL,
        person TEXT NOT NULL,          -- whose it is, and who answers by it
        digest TEXT NOT NULL,          -- of the request
        expires TEXT NOT NULL,
        used TEXT,
        tries INTEGER NOT NULL         -- of its code
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX approval_links_by_approval ON approval_links (approval)",
    """
    CREATE TABLE channel_posts (
        approval TEXT NOT NULL,
        channel TEXT NOT NULL,         -- empty: it was handed to the channels
        place TEXT NOT NULL,           -- JSON: where it was posted, as the channel names that
        at TEXT NOT NULL,
        PRIMARY KEY (approval, channel)
    ) STRICT, WITHOUT ROWID
    """,
)

_GRANTS: Step = (
    """
    CREATE TABLE grants (
        id TEXT PRIMARY KEY,
        agent_id TEXT NOT NULL,
        state TEXT NOT NULL,
        created TEXT NOT NULL,
        document TEXT NOT NULL         -- JSON: the whole of it, as wharfinger.approvals writes it
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX grants_by_state ON grants (state, created)",
    """
    CREATE TABLE grant_uses (
        grant_id TEXT NOT NULL,
        decision TEXT NOT NULL,
        calls INTEGER NOT NULL,
        at TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX grant_uses_by_grant ON grant_uses (grant_id)",
    "CREATE INDEX grant_uses_by_decision ON grant_uses (decision)",
)

_AGENTS: Step = (
    # A name whose agent a person has retired: declared or not, it is nobody until it is added again.
    "CREATE TABLE retired_names (name TEXT PRIMARY KEY, person TEXT NOT NULL, at TEXT NOT NULL)"
    " STRICT, WITHOUT ROWID",
    """
    CREATE TABLE agent_activity (
        agent_id TEXT PRIMARY KEY,
        seen TEXT NOT NULL,
        allowed INTEGER NOT NULL,
        asked INTEGER NOT NULL,
        denied INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
)

STEPS: tuple[Step, ...] = (_FIRST, _LIMITS, _PROPOSED, _SIGN_IN, _CHANNELS, _GRANTS, _AGENTS)
APPLICATION_ID = 0x57484652
"""`WHFR`: tells a store from any other SQLite database (the `application_id` of its header)."""
