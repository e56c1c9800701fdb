"""What talks to Instagram: routes, limits, back-off, sessions, sources."""
