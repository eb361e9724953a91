"""Who may do what: the default roles, and the tokens of service accounts."""
