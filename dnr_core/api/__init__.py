"""The HTTP service: one run, kept in memory, answers for dialogues that come over a socket."""
