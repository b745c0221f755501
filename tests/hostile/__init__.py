"""Bad inputs of every kind, as tables: what is made, what is typed, and what must be said."""
