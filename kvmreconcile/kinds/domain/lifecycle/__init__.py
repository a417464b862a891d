"""When a domain runs, how it is changed and stopped, and what stays when it is removed."""
