"""What is kept: tables, repositories and the outbox."""
