"""Tables and sentences that pages and the report share, as escaped HTML."""
