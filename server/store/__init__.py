"""What Vigie keeps in its database: events and their changes, who is told of them, and what was delivered."""
