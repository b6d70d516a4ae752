"""Who may come in: first-run set-up, one-time links, sign-in and sign-out."""
